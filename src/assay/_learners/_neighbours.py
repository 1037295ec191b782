"""k nearest neighbours, row by row, of classes and of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, final

import numpy as np
from numba import njit
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from .._types import Floats, Positions
from ._distances import square_distances
from ._learner import Learner
from ._question import Question

TABLE_PAIRS = 1 << 24  # pairs of rows whose distances are kept: 200 MB with their order
POWERS = {"euclidean": 2.0, "l2": 2.0, "manhattan": 1.0, "cityblock": 1.0, "l1": 1.0, "chebyshev": math.inf}


class _State(NamedTuple):
    size: NDArray[np.intp]  # (1,) rows
    last: Floats  # (m,) distance of the k-th neighbour
    near: Floats  # (m, k) distances of the neighbours, nearest first
    who: NDArray[np.intp]  # (m, k) their positions in train
    answer: Floats  # (m, width)
    far: Floats  # (m,) scratch: distances of the row that joins


@final
@dataclass(frozen=True, eq=False)
class Neighbours(Learner):
    """`KNeighborsClassifier` and `KNeighborsRegressor`: each validation row keeps its k nearest rows.

    A row that joins is compared with the k-th neighbour of every validation row: O(m), and O(m d) where the
    table of all distances would be too large to keep. A single coalition walks the sorted rows of `train`
    from the nearest until it has met k members, O(m n k / size), where that is shorter than looking at all.

    Of rows at the same distance the earlier in `train` is nearer. scikit-learn leaves that to its search (a
    heap, in brute force, that may drop either; the order of the leaves, in a tree), and brute force finds
    euclidean distances by |x|^2 - 2 x v + |v|^2, which moves exact ties, and a distance of 0 with
    `weights="distance"`, by rounding. Everything else is the same. Answers of classes are always shares of
    votes. Declined: other metrics, weights by a function, and k above the number of rows.

    Parameters
    ----------
    question : Question
        What is learnt and asked.
    k : int
        `n_neighbors`.
    power : float
        Of Minkowski's distance, from 1 to inf.
    weighted : bool
        Whether neighbours count by one over their distance.
    """

    name: ClassVar[str] = "KNeighbors"
    question: Question
    k: int
    power: float
    weighted: bool

    @classmethod
    def twin_of(cls, model: Any, question: Question) -> Neighbours | None:
        """The twin of neighbours by a Minkowski distance, weighted evenly or by distance."""
        wanted = KNeighborsRegressor if question.classes is None else KNeighborsClassifier
        if type(model) is not wanted or model.metric_params or model.weights not in ("uniform", "distance"):
            return None
        power: Any = model.p if model.metric == "minkowski" else POWERS.get(model.metric)
        k: Any = model.n_neighbors
        if power is None or not power >= 1 or k is None or not 1 <= k <= len(question.X):
            return None
        return cls(question, int(k), float(power), model.weights == "distance")

    def begin(self) -> _State:
        """No rows."""
        return _begin(len(self.question.V), self.k, self.question.width)

    def join(self, state: _State, rows: Positions, answers: Floats) -> None:
        """See `Learner.join`; O(m) a row and O(k) for each validation row that it is near to."""
        _join(state, rows, answers, self._table, *self._fixed)

    def fit(self, rows: Positions) -> Floats:
        """See `Learner.fit`; O(m n k / size) or O(m size)."""
        n, size = len(self.question.X), len(rows)
        table = self._table
        if len(table) and size * size > 2 * n * self.k:
            return _walk(rows, self._order, table, self.k, self.question.width, *self._fixed)
        return _fit(rows, self.k, self.question.width, table, *self._fixed)

    def refuses(self, counts: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Fewer rows than neighbours."""
        return counts.sum(axis=1) < self.k

    @cached_property
    def _table(self) -> Floats:
        """Distances (n, m), or nothing (0, m) where they are too many."""
        n, m = len(self.question.X), len(self.question.V)
        table = np.empty((n if n * m <= TABLE_PAIRS else 0, m))
        for row, far in zip(self.question.X, table, strict=False):
            _measure(row, self._columns, self.power, far)
        return table

    @cached_property
    def _order(self) -> NDArray[np.int32]:
        """The rows of train from the nearest, (m, n); earlier rows first where distances are the same."""
        return np.argsort(self._table.T, axis=1, kind="stable").astype(np.int32)

    @cached_property
    def _columns(self) -> Floats:
        return np.ascontiguousarray(self.question.V.T)

    @cached_property
    def _fixed(self) -> tuple[Any, ...]:
        question = self.question
        numbers = question.classes is None
        return question.X, question.y, self._columns, self.power, self.weighted, numbers


@njit(cache=True, nogil=True)
def _begin(m, k, width):
    near, who = np.full((m, k), np.inf), np.full((m, k), np.iinfo(np.int64).max)
    return _State(np.zeros(1, np.intp), np.full(m, np.inf), near, who, np.zeros((m, width)), np.empty(m))


@njit(cache=True, nogil=True)
def _join(state, rows, answers, table, X, y, columns, power, weighted, numbers):
    k = state.near.shape[1]
    for j in range(len(rows)):
        far, fresh = _far(state, rows[j], table, X, columns, power), state.size[0] + 1 >= k
        state.size[0] += 1
        for i in range(len(far)):
            if far[i] <= state.last[i] and _insert(state, i, far[i], rows[j]) and fresh:
                _vote(state.near[i], state.who[i], y, weighted, numbers, state.answer[i])
        answers[j] = state.answer


@njit(cache=True, nogil=True)
def _fit(rows, k, width, table, X, y, columns, power, weighted, numbers):
    m = columns.shape[1]
    state = _begin(m, k, width)
    for row in rows:
        far = _far(state, row, table, X, columns, power)
        for i in range(m):
            if far[i] <= state.last[i]:
                _insert(state, i, far[i], row)
    for i in range(m):
        _vote(state.near[i], state.who[i], y, weighted, numbers, state.answer[i])
    return state.answer


@njit(cache=True, nogil=True)
def _walk(rows, order, table, k, width, X, y, columns, power, weighted, numbers):
    m, n = order.shape
    member, answer = np.zeros(n, np.bool_), np.zeros((m, width))
    near, who = np.empty(k), np.empty(k, np.intp)
    for row in rows:
        member[row] = True
    for i in range(m):
        found, place = 0, 0
        while found < k:
            row = order[i, place]
            place += 1
            who[found], near[found] = row, table[row, i]
            found += member[row]
        _vote(near, who, y, weighted, numbers, answer[i])
    return answer


@njit(cache=True, nogil=True)
def _far(state, row, table, X, columns, power):
    if len(table) > 0:
        return table[row]
    _measure(X[row], columns, power, state.far)
    return state.far


@njit(cache=True, nogil=True)
def _insert(state, i, far, row):
    """Whether `row`, `far` away, becomes a neighbour of validation row i."""
    near, who = state.near[i], state.who[i]
    place = len(near) - 1
    if far == near[place] and row > who[place]:
        return False
    while place > 0 and (far < near[place - 1] or (far == near[place - 1] and row < who[place - 1])):
        near[place], who[place] = near[place - 1], who[place - 1]
        place -= 1
    near[place], who[place] = far, row
    state.last[i] = near[len(near) - 1]
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _vote(near, who, y, weighted, numbers, answer):
    """Write the weighted mean label, or shares of the classes, of the neighbours into `answer` (width,)."""
    answer[:] = 0.0
    mass, same = 0.0, weighted and near[0] == 0.0
    for place in range(len(near)):
        weight = 1.0
        if same:  # a row that is the validation row itself outweighs all others
            weight = 1.0 if near[place] == 0.0 else 0.0
        elif weighted:
            weight = 1.0 / near[place]
        mass += weight
        if numbers:
            answer[0] += weight * y[who[place]]
        else:
            answer[int(y[who[place]])] += weight
    answer /= mass


@njit(cache=True, nogil=True, error_model="numpy")
def _measure(row, columns, power, far):
    """Write Minkowski's distances from `row` (d,) to the columns of `columns` (d, m) into `far` (m,)."""
    if power == 2.0:
        square_distances(columns, row, np.ones(len(row)), far)
        far[:] = np.sqrt(far)
        return
    far[:] = 0.0
    for a in range(len(row)):
        for i in range(len(far)):
            gap = abs(columns[a, i] - row[a])
            if power == math.inf:
                far[i] = max(far[i], gap)
            else:
                far[i] += gap if power == 1.0 else gap**power
    if power not in (1.0, math.inf):
        far[:] = far ** (1.0 / power)
