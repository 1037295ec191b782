"""Shapley values of k nearest neighbours, set to 0 for the farthest rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._errors import AssayError
from ..._problem import Problem
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from ._labels import Labels, check_k
from ._ranking import judged
from ._semivalue import Chances, SemivalueRule
from ._space import Metric, Space, check_metric


@final
@dataclass(eq=False, kw_only=True)
class CalibratedKNNShapley(Valuer):
    """As `KNNShapley`, with the farthest 2k rows of each judge at 0; O(m n (d + log n)) time for m judges.

    Values to a judge are those of `KNNShapley` less that of the row at rank n - 2k, and 0 from that rank on:
    a row that hardly any coalition asks is worth nothing, whatever its label, not a share of what all rows
    are worth. They no longer sum to that. Labels that are numbers are refused.

    Parameters
    ----------
    k : int
        Neighbours, at least 1; with n up to 2k + 1 all rows are worth 0.
    metric : "euclidean" | "cosine" | "manhattan"
        What near means. A row of zeros is at a right angle to every other.
    per_valid : bool
        Keep the (n, m) values to each validation row.

    Source: after CKNN-Shapley of Yang et al. (2024); which rows are at 0, and what the others are measured
    from, is as stated here.

    Examples
    --------
    >>> from assay import CalibratedKNNShapley, Data, Problem, value
    >>> train = Data([[0.0], [1.0], [2.0], [3.0]], ["a", "b", "b", "b"])
    >>> value(Problem(train, Data([[0.1]], ["a"])), CalibratedKNNShapley(k=1)).values
    array([1., 0., 0., 0.])
    """

    k: int = 5
    metric: Metric = "euclidean"
    per_valid: bool = False
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID
    multilabel: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_k("CalibratedKNNShapley", self.k)
        check_metric("CalibratedKNNShapley", self.metric)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the exact values once."""
        del rng
        self.__post_init__()  # `set_params` does not come by there
        assert problem.valid is not None
        labels, k, rank = Labels.of(problem), int(self.k), np.arange(problem.n + 1)
        if labels.numbers:
            raise AssayError(
                "CalibratedKNNShapley values hits of classes, and these labels are numbers; use KNNShapley."
            )
        space = Space.of(problem.train, problem.valid, self.metric)
        room = np.where(rank < problem.n - 2 * k, np.minimum(1.0, k / np.maximum(rank, 1)), 0.0)
        rule = SemivalueRule(labels, Chances.over_k(k, room, np.zeros(problem.n + 1)))
        yield from judged(problem, space, rule, self.per_valid)
