"""What every method of the family starts from: a fitted ensemble, and the rows that judge on their way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._errors import AssayError
from ..._leaves.fit import fitted
from ..._leaves.gradients import LeafGradients, Walk, order_of
from ..._leaves.loss import Loss
from ..._leaves.read import is_fitted
from ..._parallel import each
from ..._problem import Problem
from ..._types import Floats, Positions
from ..._valuation import Status, Valuation

PAIRS = 2**21  # pairs of a row and a judge that are scored at once
SECONDS = 0.5  # between two estimates


@dataclass(frozen=True, eq=False)
class Ready:
    """An ensemble with its training rows, and judges.

    Parameters
    ----------
    leaves : LeafGradients
    judges : Walk
    order : array of shape (n,)
        Which row of the problem each row of `leaves` is.
    """

    leaves: LeafGradients
    judges: Walk
    order: Positions

    @classmethod
    def of(cls, problem: Problem, rng: np.random.Generator) -> Ready:
        """Take the model as it is, or fit it: on rows in an order of their own, whatever the table's is."""
        assert problem.valid is not None
        taken = is_fitted(problem.model)
        order = np.arange(problem.n) if taken else order_of(problem.train)
        train = problem.train if taken else problem.train.take(order)
        leaves = LeafGradients(fitted(problem.model, train, rng), train)
        return cls(leaves, leaves.walk(problem.valid), order)

    @property
    def moves(self) -> Floats:
        """What one more of each row takes from its leaves, (trees, n)."""
        return np.array([self.leaves.moves(tree) for tree in range(self.leaves.trees)])

    def back(self, of_rows: Floats) -> Floats:
        """Numbers (n, ...) of the rows, in the problem's order."""
        ordered = np.empty_like(of_rows)
        ordered[self.order] = of_rows
        return ordered

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Stretches of rows, so that one times all judges is not too much at once."""
        n, step = len(self.order), max(1, PAIRS // len(self.judges.known))
        return ((start, min(start + step, n)) for start in range(0, n, step))

    def scored(self, score: Callable[[int, int], Floats], per_valid: bool) -> Valuation:
        """The mean over the judges of `score(start, stop)`, (rows, judges) of a stretch; by threads."""

        def of(start: int, stop: int) -> tuple[Floats, Floats | None]:
            scores = score(start, stop)
            return scores.mean(axis=1), scores if per_valid else None

        parts = list(each(of, self.blocks(), threads=True))
        values = self.back(np.concatenate([mean for mean, _ in parts]))
        kept = self.back(np.vstack([scores for _, scores in parts])) if per_valid else None
        return Valuation(values, per_valid=kept, status=Status.exact)


def check_per_valid(name: str, per_valid: Any) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(per_valid, (bool, np.bool_)):
        raise AssayError(f"{name}.per_valid is {per_valid!r}; it needs to be True or False.")


def influence_of(ready: Ready, moves: Floats, weights: Floats) -> Floats:
    """Minus derivatives (n, b), by the rows' weights, of b sums of the judges' losses, weighted by (m, b)."""
    from ._pull_kernel import FOREST, pull_back

    leaves, judges = ready.leaves, ready.judges
    pull, slopes = np.zeros((len(leaves.values), weights.shape[1])), leaves.last_gradients(judges)
    for tree, places in enumerate(judges.leaves):
        np.add.at(pull, places, slopes[:, tree % leaves.outputs, None] * weights)
    out = np.zeros((len(ready.order), weights.shape[1]))
    pull_back(
        leaves.train.leaves,
        leaves.train.means,
        leaves.values,
        leaves.denominators,
        moves,
        kernel_kind(leaves.loss) if leaves.boosted else FOREST,
        leaves.eta,
        leaves.loss.factor,
        pull,
        out,
    )
    return out


def kernel_kind(loss: Loss) -> int:
    """The loss as compiled loops know it."""
    from ._pull_kernel import BINARY, CLASSES, SQUARED

    return {"squared": SQUARED, "binary": BINARY, "classes": CLASSES}[loss.kind]
