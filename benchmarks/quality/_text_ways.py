"""The ways to choose rows of a pool for fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import assay
from assay import Data, Problem, TokenLosses, Valuation, select, superfilter, value
from assay.text import FineTuned, LoRA, finetune, representations, token_losses, with_adapters

from ._text_pool import SENTIMENTS, Texts

WARM_SHARE, WARM_EPOCHS = 0.2, 2  # of the pool, drawn by chance, for methods that ask gradients
JUDGES = 10  # of the target, drawn anew for each step of the in-run values
LENGTH = 48  # tokens


@dataclass
class Pool:
    """A pool and its target as rows of tokens, and what several ways to choose have in common."""

    model: Any
    tokenizer: Any
    rows: Data
    target: Data
    texts: Texts
    told: Texts
    recipe: LoRA
    seed: int
    kept: Path
    valuations: dict[str, Valuation] = field(default_factory=dict)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row of the pool."""
        return (np.split(self.rows.X, 2, axis=1)[0] >= 0).sum(axis=1)

    @cached_property
    def network(self) -> Any:
        """The model as it is; it keeps what its frozen blocks make of rows."""
        return with_adapters(self.model, self.recipe, self.seed)

    @cached_property
    def warm(self) -> FineTuned:
        """The model after a warm-up on rows drawn by chance."""
        rng, n = np.random.default_rng([self.seed, 7]), len(self.rows)
        drawn = np.sort(rng.choice(n, round(WARM_SHARE * n), replace=False))
        return finetune(
            self.network, self.rows.take(drawn), replace(self.recipe, epochs=WARM_EPOCHS), seed=self.seed
        )

    @cached_property
    def tuned(self) -> Problem:
        """The pool, judged by the target, with the gradients of the warm-up."""
        return Problem(self.rows, self.target, gradients=self.warm.gradients)

    @cached_property
    def embedded(self) -> Problem:
        """Representations of prompts; the class is the answer where it is a sentiment, else "other"."""
        words = [a.strip() if a.strip() in SENTIMENTS else "other" for a in self.texts.answers]
        train = Data(representations(self.network, self.rows), words, ids=self.rows.ids)
        return Problem(
            train, Data(representations(self.network, self.target), [a.strip() for a in self.told.answers])
        )

    def valued(self, name: str) -> Valuation:
        """The valuation by a method, computed once."""
        file = self.kept / f"{self.seed} {name}.parquet"
        if name not in self.valuations and file.exists():
            self.valuations[name] = Valuation.load(file)
        if name not in self.valuations:
            if name == "InRun":
                found = self._in_run()
            else:
                problem = self.embedded if name in ("TransferredShapley", "KNNShapley") else self.tuned
                found = value(problem, name, seed=self.seed, progress=False)
            found.save(file)
            self.valuations[name] = found
        return self.valuations[name]

    def _in_run(self) -> Valuation:
        """Shapley values of one epoch of plain steps over the pool."""
        import torch

        network, rng = (
            with_adapters(self.network, self.recipe, self.seed),
            np.random.default_rng([self.seed, 8]),
        )
        weights = [p for p in network.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(weights, lr=self.recipe.rate / 2, weight_decay=0.0)
        judges = (torch.tensor(self.target.X), torch.ones(len(self.target)))
        n, size = len(self.rows), 2 * self.recipe.batch
        order = rng.permutation(n)
        with assay.InRun(network, "binary", n=n, valid=judges, judges=JUDGES, seed=self.seed) as run:
            for at in range(0, n, size):
                places = order[at : at + size]
                run.step(torch.tensor(self.rows.X[places]), torch.ones(len(places)), places, optimizer)
        return run.valuation()

    def token_losses(self) -> TokenLosses:
        """The losses of answers with and without their prompts, under the model itself as the weak judge."""
        texts = self.texts
        both = token_losses(self.network, self.tokenizer, texts.prompts, texts.answers, length=LENGTH)
        return TokenLosses(*both)


def _chance(pool: Pool, k: int) -> np.ndarray:
    return np.random.default_rng([pool.seed, 9]).choice(len(pool.rows), k, replace=False)


def _of_less_lengths(pool: Pool, k: int) -> np.ndarray:
    chosen = select(pool.valued("LESS"), k, lengths=pool.lengths, seed=pool.seed)
    return chosen.baselines["length_matched"][0]


def _sides(pool: Pool, name: str) -> np.ndarray:
    """What each row is worth to the judges of each answer, (2, n)."""
    per_valid, answers = pool.valued(name).per_valid, np.array(pool.told.answers)
    assert per_valid is not None
    return np.stack([per_valid[:, answers == answer].mean(axis=1) for answer in np.unique(answers)])


def _by_side(name: str) -> Callable[[Pool, int], np.ndarray]:
    """Half of the rows from those that help judges of the one answer more, half from those of the other."""

    def way(pool: Pool, k: int) -> np.ndarray:
        groups = np.argmax(_sides(pool, name), axis=0)
        return select(pool.valued(name), k, strategy="per_group", groups=groups, quota="equal").rows

    return way


def _by_groups(pool: Pool, k: int) -> np.ndarray:
    """LESS with its judges grouped by answer: a row counts by the group that it helps most."""
    return np.argsort(-_sides(pool, "LESS").max(axis=0), kind="stable")[:k]


def _right(pool: Pool, k: int) -> np.ndarray:
    return np.flatnonzero(pool.texts.kinds == "right")[:k]


def _top(name: str) -> Callable[[Pool, int], np.ndarray]:
    return lambda pool, k: select(pool.valued(name), k).rows


WAYS: dict[str, Callable[[Pool, int], np.ndarray]] = {
    "random": _chance,
    "of LESS's lengths": _of_less_lengths,
    "LESS": _top("LESS"),
    "LESS, groups by answer": _by_groups,
    "LESS, by side": _by_side("LESS"),
    "coverage (LESS)": lambda pool, k: select(pool.valued("LESS"), k, strategy="coverage").rows,
    "influence (DataInf)": _top("DataInf"),
    "influence, by side": _by_side("DataInf"),
    "DsDm": _top("DsDm"),
    "DsDm, by side": _by_side("DsDm"),
    "in-run Shapley": _top("InRun"),
    "in-run, by side": _by_side("InRun"),
    "TransferredShapley": _top("TransferredShapley"),
    "KNNShapley": _top("KNNShapley"),
    "Superfiltering": lambda pool, k: superfilter(pool.token_losses(), k).rows,
    "Superfiltering, diverse": lambda pool, k: (
        superfilter(
            pool.token_losses(), k, embeddings=pool.embedded.train.X, pool=min(2 * k, len(pool.rows))
        ).rows
    ),
    "only right rows (told)": _right,
}
