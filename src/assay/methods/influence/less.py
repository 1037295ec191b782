"""LESS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray

from ..._errors import AssayError
from ..._gradients.gradients import Gradients
from ..._gradients.moments import Moments
from ..._gradients.source import gradients_of
from ..._numbers import check_seed, is_whole
from ..._problem import Data, Problem
from ..._types import Floats
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer, check_needs
from ._adam import Update
from ._less_codes import DTYPES
from ._less_rows import Directions, judges

UPDATES = ("auto", "code", "paper", "sgd")
TOLD = {"code": "Adam's steps as published", "paper": "Adam's steps", "sgd": "plain gradients"}
REDUCTIONS = ("cos_then_mean", "mean_then_cos")


@final
@dataclass(eq=False, kw_only=True)
class LESS(Valuer):
    """How well the step that Adam would make on a row points where the judges' loss falls, in -1..1.

    The cosine of Adam's step on the row alone, with the moments of the checkpoint, and the judges' gradients
    there; the mean over checkpoints, weighted by their rates. Judges of several `groups` (tasks) are compared
    one group after another, and a row is worth what it is to the group that it helps most. Cosines, as the
    mean loss of a short answer has a longer gradient than that of a long one.

    Checkpoints, rates and Adam's moments are those of `TorchGradients(checkpoints=, rates=, moments=)`. Of a
    network with adapters (LoRA) only these count, and only these need to be kept.

    Cost a checkpoint: one pass forward and half a one backward over all rows, whose p numbers are multiplied
    out, in blocks of 128 MiB. Kept are n `project` numbers, of 4, 2, 1 or 1/8 bytes, if in a `store`, else
    none; and `project` numbers a judge.

    Parameters
    ----------
    update : "auto" | "code" | "paper" | "sgd"
        What counts as the step on a row of gradient g, with moments m and v:

        - "code", as in the published code: (b1 m + (1 - b1) g) / (b2 v + (1 - b2) g² + 1e-8)^(1/2).
        - "paper": exactly the step of `torch.optim.Adam`, moments corrected for their start at 0, eps beside
          the root.
        - "sgd": g. Needs no moments.
        - "auto": "code" where there are moments; where there are none "sgd", but for several checkpoints,
          which are refused.
    reduce : "cos_then_mean" | "mean_then_cos"
        The mean of the cosines with the judges of a group, as in the published code, or the cosine with
        their mean gradient, as in the paper, where judges of long gradients weigh more.
    project : int, optional
        A count sketch keeps so many numbers of the p; their cosines err by at most (2 / `project`)^(1/2), as
        a standard error. None for none.
    store : path, optional
        A folder that keeps the directions of training rows by their keys. A run that was broken off carries
        on with the next block, new rows are added, and other judges cost no pass over the training rows.
    dtype : "float32" | "float16" | "int8" | "sign", optional
        What directions of training rows are rounded to, kept or not: "int8" is 255 steps of the largest
        number, "sign" one bit a number. Judges are not rounded. As computed if not given.

    Source: Xia et al. (2024), "LESS: Selecting Influential Data for Targeted Instruction Tuning"; bits:
    Ananta et al. (2025), "QLESS: A Quantized Approach for Data Valuation and Selection in Large Language
    Model Fine-Tuning".

    Examples
    --------
    >>> from assay import Data, LESS, Problem, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> valid = Data([[0.0], [1.0]], ["a", "b"])
    >>> value(Problem(train, valid, LogisticRegression(C=10)), LESS()).lowest(1)
    array([2])
    """

    update: Literal["auto", "code", "paper", "sgd"] = "auto"
    reduce: Literal["cos_then_mean", "mean_then_cos"] = "cos_then_mean"
    project: int | None = 8192
    store: str | Path | None = None
    dtype: Literal["float32", "float16", "int8", "sign"] | None = None
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.GRADIENTS

    def __post_init__(self) -> None:
        for name, choices in (("update", UPDATES), ("reduce", REDUCTIONS), ("dtype", (*DTYPES, None))):
            if getattr(self, name) not in choices:
                told = ", ".join(repr(choice) for choice in choices)
                raise AssayError(f"LESS.{name} is {getattr(self, name)!r}; choose {told}.")
        if self.project is not None and not (is_whole(self.project) and self.project >= 1):
            raise AssayError(
                f"LESS.project is {self.project!r}; it needs a whole number of at least 1, or None."
            )
        if self.store is not None and not isinstance(self.store, (str, Path)):
            raise AssayError(f"LESS.store is {self.store!r}; it needs the path of a folder.")

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the sum so far after each checkpoint."""
        assert problem.valid is not None
        names, codes = _groups(problem.valid)
        apart = len(names) == 1 and self.reduce == "cos_then_mean"
        if apart:
            codes = np.arange(len(problem.valid))
        for scores, share, note in self._sums(problem, codes, int(rng.integers(2**32))):
            status = Status.exact if share == 1 else Status.running
            values = scores.mean(axis=1) if apart else scores.max(axis=1)
            yield Valuation(values, per_valid=scores if apart else None, status=status, share=share, why=note)

    def group_scores(self, problem: Problem, *, seed: int = 0) -> tuple[NDArray[Any], Floats]:
        """What each row is worth to each group of judges; `values` are the largest of each row.

        Parameters
        ----------
        problem : Problem
            With rows that judge.
        seed : int
            As of `value`.

        Returns
        -------
        names : array of shape (g,)
            The groups, sorted; one, "all", if there are none.
        scores : array of shape (n, g)

        Raises
        ------
        AssayError
            If the problem lacks what LESS needs.
        """
        check_seed(seed)
        if check_needs(problem, self) or problem.valid is None:
            raise AssayError("LESS.group_scores needs rows that judge; pass Problem(valid=assay.Data(X, y)).")
        names, codes = _groups(problem.valid)
        drawn = int(np.random.default_rng(seed).integers(2**32))
        *_, (scores, _, _) = self._sums(problem, codes, drawn)
        return names, scores

    def _sums(
        self, problem: Problem, codes: NDArray[np.intp], seed: int
    ) -> Iterator[tuple[Floats, float, str]]:
        """Scores (n, groups) by the checkpoints so far, the share of these in all, and what they rest on."""
        self.__post_init__()
        gradients, problem = gradients_of(problem, "LESS")
        assert problem.valid is not None
        weights = _weights(gradients)
        scores, count = np.zeros((problem.n, codes.max() + 1)), len(weights)
        folder = None if self.store is None else Path(self.store)
        for k, (now, weight) in enumerate(zip(gradients.checkpoints, weights, strict=True), 1):
            moments = now.moments(problem.valid)
            update = self._update(moments, count)
            if update == "sgd":
                moments = None
            directions = Directions(now, moments, update, self.project, seed, self.dtype, folder)
            against = judges(directions, problem.valid, codes, self.reduce)
            scores = scores.copy()
            for rows, found in directions.train(problem.train):
                scores[rows] += weight * (found @ against.T.astype(found.dtype))
            yield scores, k / count, self._note(update, count, sum(now.widths))

    def _update(self, moments: Moments | None, count: int) -> Update:
        if self.update != "auto":
            if moments is None and self.update != "sgd":
                raise _without_moments(count)
            return self.update
        if moments is None and count > 1:
            raise _without_moments(count)
        return "sgd" if moments is None else "code"

    def _note(self, update: str, count: int, width: int) -> str:
        note = f"{TOLD[update]} of {width:,} numbers; {count} checkpoint{'s' if count > 1 else ''}"
        if self.project is not None and self.project < width:
            note += f"; projected to {self.project:,}, cosines to within {(2 / self.project) ** 0.5:.2g}"
        return note if self.dtype is None else f"{note}; rounded to {self.dtype}"


def _groups(valid: Data) -> tuple[NDArray[Any], NDArray[np.intp]]:
    if valid.groups is None:
        return np.array(["all"]), np.zeros(len(valid), np.intp)
    return np.unique(valid.groups, return_inverse=True)


def _weights(gradients: Gradients) -> Floats:
    rates = np.asarray(gradients.rates, float)
    if not np.isfinite(rates).all() or (rates < 0).any() or not rates.sum():
        raise AssayError(
            f"LESS weighs checkpoints by their rates, and these are {rates.tolist()}; they need to be at "
            "least 0, and one above."
        )
    return rates / rates.sum()


def _without_moments(count: int) -> AssayError:
    return AssayError(
        f"LESS needs the state of Adam at {'each' if count > 1 else 'the'} checkpoint; pass "
        "TorchGradients(moments=[optimizer.state_dict(), ...]), or take LESS(update='sgd'), which needs none."
    )
