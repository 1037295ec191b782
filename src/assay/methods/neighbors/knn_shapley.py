"""Exact Shapley values of k nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from ._labels import Labels, check_k
from ._ranking import Ranking, Rule, judged
from ._space import Metric, Space, check_metric


@final
@dataclass(eq=False, kw_only=True)
class KNNShapley(Valuer):
    """Exact Shapley values of k nearest neighbours; O(m n (d + log n)) time for m validation rows.

    The worth of a coalition of s rows, as a mean over the validation rows: for classes, the hits among its
    min(k, s) nearest rows divided by k; for numbers, minus the squared difference between the label and the
    sum of its min(k, s) nearest labels divided by k. The empty coalition is worth 0 hits, or minus the
    squared label. Where rows have several labels, worths are means over them. Neighbours at the same distance
    come in row order. Memory is O(n d) and one block of distances, never n x m, unless `per_valid` is asked
    for.

    Parameters
    ----------
    k : int
        Neighbours, at least 1; more than there are rows is fine.
    metric : "euclidean" | "cosine" | "manhattan"
        What near means. A row of zeros is at a right angle to every other.
    per_valid : bool
        Keep the (n, m) values to each validation row.

    Source: Jia et al. (2019), "Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms",
    Theorem 1, and its regression twin; the last row's share is 1 / max(n, k) of its hit, right for n < k too.

    Examples
    --------
    >>> from assay import Data, KNNShapley, Problem, value
    >>> train = Data([[0.0], [1.0], [2.0]], ["a", "b", "b"])
    >>> value(Problem(train, Data([[0.1]], ["a"])), KNNShapley(k=1)).values
    array([1., 0., 0.])
    """

    k: int = 5
    metric: Metric = "euclidean"
    per_valid: bool = False
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID
    multilabel: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_k("KNNShapley", self.k)
        check_metric("KNNShapley", self.metric)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the exact values once."""
        del rng
        self.__post_init__()  # `set_params` does not come by there
        assert problem.valid is not None
        space = Space.of(problem.train, problem.valid, self.metric)
        yield from judged(problem, space, ShapleyRule.of(problem, int(self.k)), self.per_valid)


@final
@dataclass(frozen=True)
class ShapleyRule(Rule):
    """The Shapley values of the k-NN utility, from a ranking.

    Parameters
    ----------
    labels : Labels
    k : int
    inverse : array of shape (n + 1,)
        1 / max(k, rank).
    """

    labels: Labels
    k: int
    inverse: Floats

    @classmethod
    def of(cls, problem: Problem, k: int) -> ShapleyRule:
        """The rule for `problem`."""
        return cls(Labels.of(problem), k, 1.0 / np.maximum(np.arange(problem.n + 1), k))

    def hits(self, judge: int) -> NDArray[np.bool_]:
        """Which rows have the judge's label."""
        return self.labels.hits(judge)

    def add(self, ranking: Ranking, out: Floats) -> None:
        """Add the values to `out`, by the recurrence for this kind of labels."""
        from ._shares import add_hit_shares, add_label_shares, add_number_shares

        y, label = self.labels.train, self.labels.valid[ranking.judge]
        if self.labels.numbers:
            order, before = ranking.order(), np.empty(len(y) + 1)
            for column, target in zip(y.reshape(len(y), -1).T, np.atleast_1d(label), strict=True):
                scale = 1.0 / max(y[:1].size, 1)
                add_number_shares(order, column, target, self.k, before, scale, out)
        elif y.ndim > 1:
            add_label_shares(ranking.order(), y, label, self.inverse, out)
        else:
            add_hit_shares(ranking.words, ranking.shift, self.inverse, out)
