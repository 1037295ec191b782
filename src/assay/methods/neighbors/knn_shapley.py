"""Exact Shapley values of k nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._errors import AssayError
from ..._parallel import each
from ..._problem import Problem
from ..._types import Floats, Labels
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer

PAIRS = 2**21  # distances held at a time by one thread
MOST_ROWS = 64


@final
@dataclass(eq=False, kw_only=True)
class KNNShapley(Valuer):
    """Exact Shapley values of k nearest neighbours; O(m n (d + log n)) time for m validation rows.

    The worth of a coalition of s rows, as a mean over the validation rows: for classes, the hits among its
    min(k, s) nearest rows divided by k; for numbers, minus the squared difference between the label and the
    sum of its min(k, s) nearest labels divided by k. The empty coalition is worth 0 hits, or minus the
    squared label. Neighbours at the same distance come in row order. Memory is O(n d) and one block of
    distances, never n x m, unless `per_valid` is asked for.

    Parameters
    ----------
    k : int
        Neighbours, at least 1; more than there are rows is fine.
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
    per_valid: bool = False
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, (int, np.integer)) or self.k < 1:
            raise AssayError(f"KNNShapley.k is {self.k!r}; it needs to be a whole number of at least 1.")

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the exact values once."""
        del rng
        self.__post_init__()  # `set_params` does not come by there
        task = _Task.of(problem, int(self.k))
        rows = max(1, min(MOST_ROWS, PAIRS // problem.n))
        starts = range(0, len(task.points), rows)
        blocks = ((start, start + rows, self.per_valid) for start in starts)
        total, kept = np.zeros(problem.n), []
        for part in each(task.values, blocks, threads=True):  # in their order
            total += part.sum(axis=1)
            if self.per_valid:
                kept.append(part)
        per_valid = np.hstack(kept) if self.per_valid else None
        yield Valuation(total / len(task.points), None, per_valid, status=Status.exact)


@dataclass(frozen=True)
class _Task:
    """Arrays as the compiled loops want them."""

    columns: Floats  # (d, n)
    points: Floats  # (m, d)
    train_y: Labels  # (n,) codes of classes, or numbers
    valid_y: Labels  # (m,)
    k: int

    @classmethod
    def of(cls, problem: Problem, k: int) -> _Task:
        valid = problem.valid
        assert valid is not None
        columns = np.ascontiguousarray(problem.train.X.T)
        if problem.target_kind == "number":
            return cls(columns, valid.X, problem.train.y.astype(float), valid.y.astype(float), k)
        classes = problem.classes
        assert classes is not None
        train_y, valid_y = (np.searchsorted(classes, y) for y in (problem.train.y, valid.y))
        return cls(columns, valid.X, train_y, valid_y, k)

    def values(self, start: int, stop: int, apart: bool) -> Floats:
        """Values to the validation rows `start:stop`, (n, rows) if `apart`, else summed, (n, 1)."""
        from ._kernel import add_class_values, add_number_values, distances, nearest_first

        points, n = self.points[start:stop], self.columns.shape[1]
        distance = np.empty((len(points), n))
        distances(self.columns, points, distance)
        bits = distance.view(np.uint64)
        room, order, before = np.empty((2, n), np.uint64), np.empty(n, np.int64), np.empty(n + 1)
        out = np.zeros((len(points) if apart else 1, n))
        for p, label in enumerate(self.valid_y[start:stop]):
            nearest_first(distance[p], bits[p], room[0], room[1], order)
            line = out[p if apart else 0]
            if self.train_y.dtype.kind == "f":
                add_number_values(order, self.train_y, label, self.k, before, line)
            else:
                add_class_values(order, self.train_y, label, self.k, line)
        return out.T
