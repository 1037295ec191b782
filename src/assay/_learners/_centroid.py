"""Nearest centroid, row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, final

import numpy as np
from numba import njit
from numpy.typing import NDArray
from sklearn.neighbors import NearestCentroid

from .._types import Floats, Positions
from ._distances import square_distances
from ._learner import Learner
from ._probabilities import softmax, sure_of
from ._question import Question


class _State(NamedTuple):
    counts: Floats  # (c,) rows of each class
    means: Floats  # (c, d)
    squares: Floats  # (d,) sums of squared deviations of rows from the mean of their class
    first: Floats  # (d,) the first row
    varied: NDArray[np.bool_]  # (1,) whether any row differs from the first
    answer: Floats  # (m, c) minus squared distances to the centroids
    weights: Floats  # (d,) scratch: one over the variances within classes
    far: Floats  # (m,) scratch: squared distances


@final
@dataclass(frozen=True, eq=False)
class Centroid(Learner):
    """`NearestCentroid`, euclidean: only the centroid of the class that a row joins moves, O(m d) a row.

    Probabilities, and labels where the shares of classes differ and count (`priors="empirical"`), come from
    distances over the deviation within classes, which moves with every row: O(m d c). A feature that is the
    same in all rows of each class is not divided; scikit-learn's rounded means may give it a deviation of
    1e-17 and then answer by rounding.

    A coalition of equal rows is refused, and, where scikit-learn is asked for probabilities, one without two
    rows of any class. Declined: the manhattan metric, shrinking, and priors that are given.

    Parameters
    ----------
    question : Question
        What is learnt and asked.
    empirical : bool
        Whether priors are the shares of the classes, instead of all the same.

    Source: Hastie, Tibshirani & Friedman, "The Elements of Statistical Learning", 2009, eq. 18.2.
    """

    name: ClassVar[str] = "NearestCentroid"
    question: Question
    empirical: bool

    @classmethod
    def twin_of(cls, model: Any, question: Question) -> Centroid | None:
        """The twin of a euclidean `NearestCentroid` that does not shrink."""
        if type(model) is not NearestCentroid or question.classes is None or model.metric != "euclidean":
            return None
        priors = model.priors if isinstance(model.priors, str) else ""
        if model.shrink_threshold or priors not in ("uniform", "empirical"):
            return None
        twin, X = cls(question, priors == "empirical"), question.X
        whole = np.bincount(question.y, minlength=question.width)[None]
        return None if twin.refuses(whole)[0] or (np.ptp(X, axis=0) == 0).all() else twin

    def begin(self) -> _State:
        """No rows."""
        (m, d), c = self.question.V.shape, self.question.width
        return _begin(m, d, c)

    def join(self, state: _State, rows: Positions, answers: Floats) -> None:
        """See `Learner.join`; O(m d) a row, or O(m d c) where deviations count."""
        _join(True, state, rows, answers, *self._fixed)

    def fit(self, rows: Positions) -> Floats:
        """See `Learner.fit`; O(d) a row and O(m d c) once."""
        return _fit(self.question.width, rows, *self._fixed)

    def refuses(self, counts: NDArray[np.intp]) -> NDArray[np.bool_]:
        """One row of each class has no deviation; `ModelGame` asks for probabilities unless for accuracy."""
        score = self.question.problem.score
        if not isinstance(score, str) or score == "accuracy":
            return np.zeros(len(counts), bool)
        return counts.max(axis=1) < 2

    @cached_property
    def _fixed(self) -> tuple[Any, ...]:
        question = self.question
        columns = np.ascontiguousarray(question.V.T)
        return question.X, question.y, columns, self.empirical, question.probable


@njit(cache=True, nogil=True)
def _begin(m, d, c):
    return _State(
        np.zeros(c),
        np.zeros((c, d)),
        np.zeros(d),
        np.empty(d),
        np.zeros(1, np.bool_),
        np.full((m, c), -np.inf),
        np.ones(d),
        np.empty(m),
    )


@njit(cache=True, nogil=True)
def _fit(c, rows, X, y, columns, empirical, probable):
    answers = np.empty((1, columns.shape[1], c))
    _join(False, _begin(columns.shape[1], len(columns), c), rows, answers, X, y, columns, empirical, probable)
    return answers[0]


@njit(cache=True, nogil=True)
def _join(every, state, rows, answers, X, y, columns, empirical, probable):
    stale = np.ones(len(state.counts), np.bool_)  # classes whose column of `state.answer` is not of now
    for j in range(len(rows)):
        _learn(state, X[rows[j]], y[rows[j]])
        stale[y[rows[j]]] = True
        if not every and j < len(rows) - 1:
            continue
        answer = answers[j if every else 0]
        if not state.varied[0]:
            sure_of(answer, state.counts.argmax())
        elif probable or (empirical and not _even(state.counts)):
            _divided(state, columns, empirical, answer)
            if probable:
                softmax(answer, state.counts)
        else:
            for k in range(len(stale)):
                if stale[k] and state.counts[k] > 0:
                    _measure(state, columns, k, 0.0, state.answer)
                stale[k] = False
            answer[:] = state.answer


@njit(cache=True, nogil=True, error_model="numpy")
def _learn(state, row, k):
    if state.counts.sum() == 0:
        state.first[:] = row
    state.counts[k] += 1
    mean = state.means[k]
    for a in range(len(row)):
        gap = row[a] - mean[a]
        mean[a] += gap / state.counts[k]
        state.squares[a] += gap * (row[a] - mean[a])
        state.varied[0] |= row[a] != state.first[a]


@njit(cache=True, nogil=True)
def _measure(state, columns, k, level, answer):
    square_distances(columns, state.means[k], state.weights, state.far)
    for i in range(len(state.far)):
        answer[i, k] = level - state.far[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _divided(state, columns, empirical, answer):
    """Write 2 log(prior) minus squared distances over the variances within classes into `answer`."""
    counts, total, seen = state.counts, state.counts.sum(), (state.counts > 0).sum()
    for a in range(len(state.weights)):
        state.weights[a] = (total - seen) / state.squares[a] if state.squares[a] > 0 else 1.0
    for k in range(len(counts)):
        if counts[k] == 0:
            answer[:, k] = -math.inf
        else:
            share = counts[k] / total if empirical else 1 / seen
            _measure(state, columns, k, 2.0 * math.log(share), answer)
    state.weights[:] = 1.0


@njit(cache=True, nogil=True)
def _even(counts):
    """Whether all classes there are have the same share, as closely as scikit-learn asks."""
    even = 1 / (counts > 0).sum()
    for count in counts:
        if count > 0 and not abs(count / counts.sum() - even) <= 1e-8 + 1e-5 * even:
            return False
    return True
