"""Exact Shapley values of the weighted vote of the k nearest rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import comb
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from ..._errors import AssayError
from ..._numbers import is_whole
from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from ._labels import Labels, check_k
from ._lengths import lengths
from ._ranking import Ranking, Rule, judged
from ._space import Metric, Space, check_metric

WEIGHTS: dict[str, Callable[[Floats], Floats]] = {
    "inverse": lambda distances: 1.0 / (1.0 + distances),
    "rbf": lambda distances: np.exp(-(distances**2) / 2),
}
MOST_BITS = 8
MOST_SETS = 10**7  # of at most k rows, for weights as they are: a few seconds a judge


@final
@dataclass(eq=False, kw_only=True)
class WeightedKNNShapley(Valuer):
    """Exact Shapley values of the weighted vote of k nearest neighbours; O(m n (d + k² 2^bits)) for m judges.

    A coalition is worth 1 to a judge if, among its min(k, s) nearest rows, those with the judge's label weigh
    more than all others together, 0 if they weigh less, and 1/2 if both weigh the same, as without any rows.
    For two classes that is the accuracy of the vote, with a coin for ties; with more classes, a majority is
    asked for, not only the most weight. Where rows have several labels, worths are means over them.

    Weights are functions of the distance to the judge, in multiples of that of the judge's k-th nearest row
    (of the nearest one that is not 0, where that is). They are rounded to `bits` bits, that is, to multiples
    of 1 / (2^bits - 1); values are exact for the rounded weights. Without rounding, every set of at most k
    rows is looked at, of which there may be 10 million: up to 66 rows where k is 5. Labels that are numbers
    are refused.

    Parameters
    ----------
    k : int
        Neighbours, at least 1; more than there are rows is fine.
    weights : "inverse" | "rbf" | callable
        1 / (1 + distance), exp(-distance² / 2), or a function of the ascending distances (n,) that returns
        weights (n,) in 0..1.
    bits : int | None
        1 to 8, or None for weights as they are.
    metric : "euclidean" | "cosine" | "manhattan"
        What distance means. A row of zeros is at a right angle to every other.
    per_valid : bool
        Keep the (n, m) values to each validation row.

    Source: Wang, Mittal and Jia (2024), "Efficient Data Shapley for Weighted Nearest Neighbor Algorithms",
    whose counts take time quadratic in n; here sums before and past a row are tabled apart, which makes it
    linear. Weights as they are: Jia et al. (2019), Theorem 7.

    Examples
    --------
    >>> from assay import Data, Problem, WeightedKNNShapley, value
    >>> train = Data([[0.0], [1.0], [3.0]], ["a", "b", "b"])
    >>> value(Problem(train, Data([[0.1]], ["a"])), WeightedKNNShapley(k=2)).values.round(3)
    array([ 0.833, -0.167, -0.167])
    """

    k: int = 5
    weights: Any = "inverse"
    bits: int | None = 3
    metric: Metric = "euclidean"
    per_valid: bool = False
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID
    multilabel: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_k("WeightedKNNShapley", self.k)
        check_metric("WeightedKNNShapley", self.metric)
        if not callable(self.weights) and self.weights not in tuple(WEIGHTS):
            raise AssayError(
                f"WeightedKNNShapley.weights is {self.weights!r}; choose one of {', '.join(WEIGHTS)}, or "
                "pass a function of distances."
            )
        if self.bits is not None and not (is_whole(self.bits) and 1 <= self.bits <= MOST_BITS):
            raise AssayError(
                f"WeightedKNNShapley.bits is {self.bits!r}; it needs to be a whole number in 1..{MOST_BITS}, "
                "or None for weights as they are."
            )

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the exact values once."""
        del rng
        self.__post_init__()  # `set_params` does not come by there
        assert problem.valid is not None
        labels, k = Labels.of(problem), min(int(self.k), problem.n)
        if labels.numbers:
            raise AssayError(
                "WeightedKNNShapley values votes for classes, and these labels are numbers; use KNNShapley."
            )
        sets = sum(comb(problem.n, size) for size in range(k + 1))
        if self.bits is None and sets > MOST_SETS:
            raise AssayError(
                f"WeightedKNNShapley.bits is None, and {problem.n} rows have {sets:.2g} sets of at most {k}; "
                "pass bits=8 to round the weights, or fewer rows or a smaller k."
            )
        space = Space.of(problem.train, problem.valid, self.metric)
        weigh: Any = self.weights if callable(self.weights) else WEIGHTS[self.weights]
        yield from judged(problem, space, VoteRule(space, labels, k, weigh, self.bits), self.per_valid)


@final
@dataclass(frozen=True)
class VoteRule(Rule):
    """The Shapley values of a weighted vote, from a ranking.

    Parameters
    ----------
    space : Space
    labels : Labels
    k : int
    weigh : callable
        Weights of distances.
    bits : int, optional
    """

    space: Space
    labels: Labels
    k: int
    weigh: Callable[[Floats], Floats]
    bits: int | None

    def hits(self, judge: int) -> NDArray[np.bool_]:
        """Which rows have the judge's label."""
        return self.labels.hits(judge)

    def add(self, ranking: Ranking, out: Floats) -> None:
        """Add the values to `out`."""
        from ._vote_kernel import add_votes_by_sets, vote_steps

        order, judge = ranking.order(), ranking.judge
        weights, n = self._weights(ranking, order), len(order)
        y, label = self.labels.train.reshape(n, -1), np.atleast_1d(self.labels.valid[judge])
        for c in range(y.shape[1]):
            signs, values = np.where(y[order, c] == label[c], 1, -1), np.zeros(n)
            if self.bits is None:
                add_votes_by_sets(signs * weights, self.k, values)
            else:
                most = 2**self.bits - 1
                vote_steps(signs * np.rint(weights * most).astype(np.int64), self.k, most, values)
                values = values[::-1].cumsum()[::-1]
            out[order] += values / y.shape[1]

    def _weights(self, ranking: Ranking, order: NDArray[np.int64]) -> Floats:
        """Weights by rank, in 0..1."""
        distances = lengths(self.space, ranking.judge, order, ranking.distances)
        unit = distances[self.k - 1]
        if unit == 0:
            further = distances[distances > 0]
            unit = further.min() if len(further) else 1.0
        weights = np.asarray(self.weigh(distances / unit), float)
        if weights.shape != order.shape or not ((weights >= 0) & (weights <= 1)).all():
            raise AssayError(
                f"WeightedKNNShapley.weights returned an array of shape {weights.shape} that needs to be "
                f"{order.shape}, with weights in 0..1."
            )
        return weights
