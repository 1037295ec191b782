"""Shapley values of k nearest neighbours, from each judge's nearest rows alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, ClassVar, Literal, final, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ..._errors import AssayError
from ..._parallel import each
from ..._problem import Problem
from ..._types import Floats, Positions
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._labels import Labels, check_k
from ._nearest import Nearest, nearest
from ._ranking import SECONDS
from ._space import Metric, check_metric
from .knn_shapley import KNNShapley

Index = Literal["exact", "ivf", "lsh"]
JUDGES = 64  # of a block
CHECKED = 8  # judges to which values are compared with exact ones


@final
@dataclass(eq=False, kw_only=True)
class ApproximateKNNShapley(Valuer):
    """`KNNShapley` to within `epsilon`: the K* rows nearest to each validation row share, all others get 0.

    For classes K* = max(k, 1 / epsilon): no row beyond is worth more than 1 / K* either way, and leaving
    them out moves the values of all nearer rows by that of the K*-th. For numbers of size at most B (judges'
    included) the value of a row is at most 8 B² / max(k, rank), and K* = max(k, 10 B² / epsilon). The bound
    holds for each value to each validation row; a mean over them is closer. Where K* is no less than n,
    values are those of `KNNShapley`. O(m n d) time, by float32 matrix products that screen the rows whatever
    their type; which rows are nearest, and in what order, is exact. Memory is O(n d + m K*).

    `Valuation.why` has the bound, and the largest difference from exact values to 8 validation rows drawn by
    the seed. An index may miss neighbours: then only that comparison, and the share of the K* nearest that it
    found, say how far values are off.

    Parameters
    ----------
    epsilon : float
        Largest error of a value to a validation row, above 0, in units of the worth.
    k : int
        Neighbours, at least 1; more than there are rows is fine.
    index : "exact" | "ivf" | "lsh"
        How the nearest rows are found: by looking at all; in the cells of an inverted file (extra `index`);
        or by locality-sensitive hashing, sized by the contrast of the data. Indexes take dense rows,
        Euclidean or cosine; looking at all is quicker for up to thousands of validation rows.
    metric : "euclidean" | "cosine" | "manhattan"
        What near means. A row of zeros is at a right angle to every other.
    per_valid : bool
        Keep the (n, m) values to each validation row.

    Source: Jia et al. (2019), "Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms",
    Theorems 2 to 4; the bound for numbers is our own.

    Examples
    --------
    >>> from assay import ApproximateKNNShapley, Data, Problem, value
    >>> train = Data([[0.0], [1.0], [2.0], [3.0]], ["a", "b", "b", "a"])
    >>> value(Problem(train, Data([[0.1]], ["a"])), ApproximateKNNShapley(k=1, epsilon=0.5)).values
    array([1., 0., 0., 0.])
    """

    epsilon: float = 0.01
    k: int = 5
    index: Index = "exact"
    metric: Metric = "euclidean"
    per_valid: bool = False
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID
    multilabel: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_k("ApproximateKNNShapley", self.k)
        check_metric("ApproximateKNNShapley", self.metric)
        number = isinstance(self.epsilon, (int, float, np.number)) and not isinstance(self.epsilon, bool)
        if not number or not 0 < self.epsilon < np.inf:
            raise AssayError(f"ApproximateKNNShapley.epsilon is {self.epsilon!r}; it needs to be above 0.")
        if self.index not in get_args(Index):
            raise AssayError(
                f"ApproximateKNNShapley.index is {self.index!r}; choose one of {', '.join(get_args(Index))}."
            )
        if self.index != "exact" and self.metric == "manhattan":
            raise AssayError(
                f"ApproximateKNNShapley.index {self.index!r} has no Manhattan distances; take index='exact'."
            )

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values; on the way, those of the judges so far."""
        self.__post_init__()  # `set_params` does not come by there
        labels, most = Labels.of(problem), 1.0
        if labels.numbers:
            most = 10.0 * max(np.abs(labels.train).max(), np.abs(labels.valid).max()) ** 2
        count = ceil(min(max(self.k, most / self.epsilon), problem.n))
        if count < problem.n:
            yield from self._near(problem, labels, count, rng)
        else:
            exact = KNNShapley(k=self.k, metric=self.metric, per_valid=self.per_valid)
            for valuation in exact.estimates(problem, rng):
                done = valuation.status is Status.exact
                why = f"exact: all {problem.n:,} rows share, for K* is no less" if done else valuation.why
                yield replace(valuation, why=why)

    def _near(
        self, problem: Problem, labels: Labels, count: int, rng: np.random.Generator
    ) -> Iterator[Valuation]:
        from ._near_shares import add_shares

        assert problem.valid is not None
        n, judges = problem.n, len(problem.valid)
        finder = self._finder(problem, count, rng)
        block = _Block(finder, labels, int(self.k), count)
        spans = [(start, min(start + JUDGES, judges)) for start in range(0, judges, JUDGES)]
        total, kept = np.zeros(n), np.zeros((n, judges) if self.per_valid else (0, 0))
        checked = np.sort(rng.choice(judges, min(CHECKED, judges), replace=False))
        sample: list[tuple[Positions, Floats]] = []
        last = time.monotonic()
        for (start, stop), (rows, shares) in zip(spans, each(block, spans, threads=True), strict=True):
            add_shares(rows, shares, total)
            if self.per_valid:
                for judge in range(start, stop):
                    add_shares(rows[judge - start :][:1], shares[judge - start :][:1], kept[:, judge])
            inside = checked[(checked >= start) & (checked < stop)] - start
            sample += [(rows[place], shares[place]) for place in inside]
            if stop < judges and time.monotonic() - last > SECONDS:
                last, why = time.monotonic(), f"Only the first {stop:,} of {judges:,} rows have judged."
                yield Valuation(total / stop, why=why, share=stop / judges)
        why = self._compared(problem, checked, sample, count)
        yield Valuation(total / judges, None, kept if self.per_valid else None, status=Status.exact, why=why)

    def _finder(self, problem: Problem, count: int, rng: np.random.Generator) -> Nearest:
        train, valid = problem.train, problem.valid
        assert valid is not None
        if self.index == "exact":
            return nearest(train, valid, self.metric)
        if issparse(train.X):
            raise AssayError(
                f"ApproximateKNNShapley.index {self.index!r} needs dense rows, and Data.X is sparse; take "
                "index='exact', or reduce the columns first, for example with sklearn's TruncatedSVD."
            )
        if self.index == "ivf":
            from ._inverted import Inverted as Made
        else:
            from ._hashed import Hashed as Made
        return Made.of(train, valid, self.metric, count, rng)

    def _compared(
        self,
        problem: Problem,
        checked: Positions,
        sample: list[tuple[Positions, Floats]],
        count: int,
    ) -> str:
        """How far values to the `checked` judges are from exact ones, and how many neighbours were found."""
        assert problem.valid is not None
        judges = problem.valid.take(checked)
        exact = KNNShapley(k=self.k, metric=self.metric, per_valid=True)
        *_, valuation = exact.estimates(replace(problem, valid=judges), np.random.default_rng(0))
        truth = valuation.per_valid
        assert truth is not None
        largest, mean = 0.0, valuation.values.copy()
        for place, (rows, shares) in enumerate(sample):
            rows, shares = rows[rows >= 0], shares[rows >= 0]
            error = truth[:, place].copy()
            error[rows] -= shares
            mean[rows] -= shares / len(sample)
            largest = max(largest, np.abs(error).max())
        said = (
            f"the {count:,} nearest rows of each judge share; to {len(sample)} judges, compared with exact "
            f"values, a value is off by at most {largest:.2g} and a mean over them by "
            f"{np.abs(mean).max():.2g}"
        )
        if self.index == "exact":
            return f"{said}; the bound is {self.epsilon:g}"
        finder = nearest(problem.train, judges, self.metric)
        near = finder.rows(0, len(checked), count)
        share = np.mean([np.isin(one, rows).mean() for one, (rows, _) in zip(near, sample, strict=True)])
        return f"{said}; {self.index} found {share:.1%} of the nearest rows, so that no bound holds"


@final
@dataclass(frozen=True)
class _Block:
    """What a worker needs to value rows by some judges."""

    finder: Nearest
    labels: Labels
    k: int
    count: int

    def __call__(self, start: int, stop: int) -> tuple[Positions, Floats]:
        """Nearest rows of the judges `start:stop`, and what they are worth to them; both (judges, count)."""
        from ._near_shares import near_hit_shares, near_number_shares

        rows = self.finder.rows(start, stop, self.count)
        y, judges = self.labels.train, self.labels.valid[start:stop]
        add: Callable[..., Any] = near_number_shares if self.labels.numbers else near_hit_shares
        out = np.zeros(rows.shape)
        add(rows, _columns(y), _columns(judges), self.k, out)
        return rows, out


def _columns(y: NDArray[Any]) -> NDArray[Any]:
    return y.reshape(len(y), -1)
