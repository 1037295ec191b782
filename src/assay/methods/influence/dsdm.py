"""DsDm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from ..._errors import AssayError
from ..._problem import Problem
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from .trak import TRAK


@final
@dataclass(eq=False, kw_only=True)
class DsDm(Valuer):
    """What training on a row takes off the loss on a target, by datamodel weights: rows to select for it.

    The target is the validation rows; `highest(k)` of the valuation are the k rows to train on. Where the
    validation rows have `groups` (tasks), each group weighs the same, however many rows it has; else each row
    does. A linear datamodel adds rows' effects up, so that the k best rows are those of the highest weights:
    it does not see that many rows of one kind do less together. Of classes, take the best of each.

    Parameters
    ----------
    datamodel : Valuer, optional
        What estimates the weights: a method whose `per_valid` are decreases of each validation row's loss,
        such as `Influence()`. `TRAK()` if not given.

    Source: Engstrom, Feldmann and Madry (2024), "DsDm: Model-Aware Dataset Selection with Datamodels".

    Examples
    --------
    >>> from assay import Data, DsDm, Problem, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> pool = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> target = Data([[0.0], [1.0]], ["a", "b"])
    >>> sorted(value(Problem(pool, target, LogisticRegression(C=10)), DsDm()).highest(5).tolist())
    [0, 1, 3, 4, 5]
    """

    datamodel: Valuer | None = None
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.GRADIENTS

    def __post_init__(self) -> None:
        given = self.datamodel
        if given is not None and not (isinstance(given, Valuer) and given.needs in self.needs):
            raise AssayError(
                f"DsDm.datamodel is {given!r}; pass a method that needs no more than gradients, such as "
                "assay.TRAK()."
            )

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield what the datamodel does, its columns weighted by group."""
        self.__post_init__()
        assert problem.valid is not None
        groups = problem.valid.groups
        for found in (self.datamodel or TRAK()).estimates(problem, rng):
            if found.per_valid is None:
                raise AssayError(
                    f"DsDm.datamodel, {self.datamodel!r}, gives no `per_valid`; pass a method that does, "
                    "such as assay.TRAK()."
                )
            if groups is not None:  # values are then no mean over columns
                _, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
                weights = 1 / (len(counts) * counts[codes])
                found = replace(found, values=found.per_valid @ weights, per_valid=None)
            yield found
