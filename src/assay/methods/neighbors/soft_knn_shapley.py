"""Exact Shapley values of k nearest neighbours that are divided by how many there are."""

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
from ._labels import check_k
from ._ranking import Ranking, Rule, judged
from ._semivalue import Chances, SemivalueRule
from ._space import Metric, Space, check_metric


@final
@dataclass(eq=False, kw_only=True)
class SoftKNNShapley(Valuer):
    """Exact Shapley values of the likelihood of k nearest neighbours; O(m n (d + log n)) time for m judges.

    As `KNNShapley`, but a coalition of s rows is worth the hits among its min(k, s) nearest rows divided by
    min(k, s), and none is worth a guess, 1 / the number of classes. For numbers: minus the squared difference
    between the label and the mean of the min(k, s) nearest labels; none predicts 0. Where rows have several
    labels, worths are means over them. Neighbours at the same distance come in row order.

    Parameters
    ----------
    k : int
        Neighbours, at least 1; more than there are rows is fine.
    metric : "euclidean" | "cosine" | "manhattan"
        What near means. A row of zeros is at a right angle to every other.
    per_valid : bool
        Keep the (n, m) values to each validation row.

    Source: Wang and Jia (2023), "A Note on 'Efficient Task-Specific Data Valuation for Nearest Neighbor
    Algorithms'".

    Examples
    --------
    >>> from assay import Data, Problem, SoftKNNShapley, value
    >>> train = Data([[0.0], [1.0]], ["a", "b"])
    >>> value(Problem(train, Data([[0.1]], ["a"])), SoftKNNShapley(k=2)).values  # worths: 1/2, 1, 0, 1/2
    array([ 0.5, -0.5])
    """

    k: int = 5
    metric: Metric = "euclidean"
    per_valid: bool = False
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID
    multilabel: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_k("SoftKNNShapley", self.k)
        check_metric("SoftKNNShapley", self.metric)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the exact values once."""
        del rng
        self.__post_init__()  # `set_params` does not come by there
        assert problem.valid is not None
        space = Space.of(problem.train, problem.valid, self.metric)
        yield from judged(problem, space, SoftRule.of(problem, int(self.k)), self.per_valid)


@final
@dataclass(frozen=True)
class SoftRule(Rule):
    """Shapley values of the mean over the nearest rows: those of a semivalue, and the same for every row.

    The farthest row counts in coalitions of fewer than k rows alone, and there changes what all of them are
    divided by; the part of that which does not depend on its label is shared by all rows.

    Parameters
    ----------
    shares : SemivalueRule
    guess : float
        What no rows are worth, for classes.
    few : int
        min(k, n).
    """

    shares: SemivalueRule
    guess: float
    few: int

    @classmethod
    def of(cls, problem: Problem, k: int) -> SoftRule:
        """The rule for `problem`."""
        classes = problem.classes
        guess = 0.0 if classes is None else 1.0 / len(classes)
        return cls(SemivalueRule.of(problem, _chances(problem.n, k)), guess, min(k, problem.n))

    def hits(self, judge: int) -> NDArray[np.bool_]:
        """Which rows have the judge's label."""
        return self.shares.hits(judge)

    def add(self, ranking: Ranking, out: Floats) -> None:
        """Add the values to `out`."""
        self.shares.add(ranking, out)
        labels, last = self.shares.labels, ranking.farthest
        y, label = labels.train, labels.valid[ranking.judge]
        if labels.numbers:
            columns = zip(y.reshape(len(y), -1).T, np.atleast_1d(label), strict=True)
            out += np.mean([self._of_numbers(column, target, last) for column, target in columns])
        else:
            hits = self.hits(ranking.judge) if y.ndim == 1 else (y == label).mean(axis=1)
            others = (hits.sum() - hits[last]) / max(len(y) - 1, 1)
            out -= (self.guess + others * (_harmonic(self.few) - 1)) / len(y)

    def _of_numbers(self, y: Floats, label: float, last: int) -> float:
        """What s = 1..few - 1 others lose when a row predicts 0 beside them, by the moments of their sum."""
        n, s = len(y), np.arange(1.0, self.few)
        rest = np.delete(y, last)
        total, squares = rest.sum(), (rest**2).sum()
        one, two = s / max(n - 1, 1), s * (s - 1) / max((n - 1) * (n - 2), 1)  # chances to be among the s
        square_of_sum = one * squares + two * (total**2 - squares)
        gains = square_of_sum * (1 / s**2 - 1 / (s + 1) ** 2) - 2 * label * one * total * (
            1 / s - 1 / (s + 1)
        )
        return gains.sum() / n


def _harmonic(n: int) -> float:
    return float((1 / np.arange(1.0, n + 1)).sum())


def _chances(n: int, k: int) -> Chances:
    """Those of `KNNShapley`, and more where fewer than k rows are in: the count is theirs then, not k."""
    rank, others = np.arange(n + 1.0), max(n - 1, 1)
    m = np.minimum(rank, k)
    first = np.divide(m, rank, out=np.zeros(n + 1), where=rank > 0)
    both = np.divide(m * (m - 1), 2 * rank * (rank - 1), out=np.zeros(n + 1), where=rank > 1)
    count = np.arange(1.0, min(k, n - 1) + 1)  # with one of the two rows at ranks r and r + 1
    more = (1 / count - 1 / k).sum() / others
    more_square = (1 / count**2 - 1 / k**2).sum() / others
    more_pair = ((count - 1) * (1 / count**2 - 1 / k**2)).sum() / others / max(n - 2, 1)
    chances = Chances(first / k + more, first / k**2 + more_square, both / k**2 + more_pair)
    count = np.arange(1.0, min(k, n) + 1)  # the farthest row meets all others
    chances.room[n], chances.square[n] = (1 / count).sum() / n, (1 / count**2).sum() / n
    chances.pair[n] = ((count - 1) / count**2).sum() / n / others
    return chances
