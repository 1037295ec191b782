"""Gaussian naive Bayes, row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, final

import numpy as np
from numba import njit
from numpy.typing import NDArray
from sklearn.naive_bayes import GaussianNB

from .._types import Floats, Positions
from ._distances import square_distances
from ._learner import Learner
from ._probabilities import softmax
from ._question import Question


class _State(NamedTuple):
    counts: Floats  # (c,) rows of each class
    means: Floats  # (c, d)
    squares: Floats  # (c, d) sums of squared deviations from the mean of the class
    mean: Floats  # (d,) of all rows
    square: Floats  # (d,) of all rows
    weights: Floats  # (d,) scratch: one over the variances of a class
    far: Floats  # (m,) scratch: weighted squared distances


@final
@dataclass(frozen=True, eq=False)
class NaiveBayes(Learner):
    """`GaussianNB`: means and variances by Welford's recurrence, O(d) a row; answers cost O(m d c).

    All classes are answered anew at every step: the smoothing (`var_smoothing` times the largest variance of
    a feature) is taken over the whole coalition, so it moves every class with every row.

    Where all rows of a coalition are the same, scikit-learn's log likelihoods are nan: it predicts the first
    class that it knows, and a score of probabilities refuses them, which makes the coalition worth its
    commonest class. So it is here. Declined: `var_smoothing=0` (any class of one row would be nan), and
    priors that scikit-learn would refuse.

    Parameters
    ----------
    question : Question
        What is learnt and asked.
    smoothing : float
        `var_smoothing`, more than 0.
    priors : array of shape (c,) | None
        One for each class; None for shares of the rows.

    Source: Chan, Golub & LeVeque, "Algorithms for computing the sample variance", 1983 (the recurrence).
    """

    name: ClassVar[str] = "GaussianNB"
    question: Question
    smoothing: float
    priors: Floats | None

    @classmethod
    def twin_of(cls, model: Any, question: Question) -> NaiveBayes | None:
        """The twin of a `GaussianNB` with smoothing and sound priors."""
        if type(model) is not GaussianNB or question.classes is None or not model.var_smoothing > 0:
            return None
        priors = None if model.priors is None else np.asarray(model.priors, dtype=float)
        if priors is not None and ((priors < 0).any() or not np.isclose(priors.sum(), 1)):
            return None
        twin = cls(question, float(model.var_smoothing), priors)
        whole = np.bincount(question.y, minlength=question.width)[None]
        return None if twin.refuses(whole)[0] else twin

    def begin(self) -> _State:
        """No rows."""
        (m, d), c = self.question.V.shape, self.question.width
        return _begin(m, d, c)

    def join(self, state: _State, rows: Positions, answers: Floats) -> None:
        """See `Learner.join`; O(m d c) a row."""
        _join(True, state, rows, answers, *self._fixed)

    def fit(self, rows: Positions) -> Floats:
        """See `Learner.fit`; O(d) a row and O(m d c) once."""
        return _fit(self.question.width, rows, *self._fixed)

    def refuses(self, counts: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Priors are refused where they are not as many as the classes."""
        if self.priors is None:
            return np.zeros(len(counts), bool)
        return (counts > 0).sum(axis=1) != len(self.priors)

    @cached_property
    def _fixed(self) -> tuple[Any, ...]:
        question = self.question
        given = np.empty(0) if self.priors is None else self.priors
        columns = np.ascontiguousarray(question.V.T)
        return question.X, question.y, columns, self.smoothing, given, question.probable


@njit(cache=True, nogil=True)
def _begin(m, d, c):
    return _State(
        np.zeros(c), np.zeros((c, d)), np.zeros((c, d)), np.zeros(d), np.zeros(d), np.empty(d), np.empty(m)
    )


@njit(cache=True, nogil=True)
def _fit(c, rows, X, y, columns, smoothing, priors, probable):
    answers = np.empty((1, columns.shape[1], c))
    state = _begin(columns.shape[1], len(columns), c)
    _join(False, state, rows, answers, X, y, columns, smoothing, priors, probable)
    return answers[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _join(every, state, rows, answers, X, y, columns, smoothing, priors, probable):
    for j in range(len(rows)):
        row, k = X[rows[j]], y[rows[j]]
        _learn(row, state.counts[k], state.means[k], state.squares[k])
        _learn(row, state.counts.sum(), state.mean, state.square)
        state.counts[k] += 1
        if every or j == len(rows) - 1:
            _answer(state, columns, smoothing, priors, probable, answers[j if every else 0])


@njit(cache=True, nogil=True, error_model="numpy")
def _learn(row, count, mean, square):
    for a in range(len(row)):
        gap = row[a] - mean[a]
        mean[a] += gap / (count + 1)
        square[a] += gap * (row[a] - mean[a])


@njit(cache=True, nogil=True, error_model="numpy")
def _answer(state, columns, smoothing, priors, probable, answer):
    counts, total, seen = state.counts, state.counts.sum(), 0
    least = smoothing * (state.square.max() / total)
    if least == 0.0:
        _answer_of_copies(counts, probable, answer)
        return
    for k in range(len(counts)):
        if counts[k] == 0:
            answer[:, k] = -math.inf
            continue
        for a in range(len(state.weights)):
            state.weights[a] = state.squares[k, a] / counts[k] + least
        level = -0.5 * _log_of_product(state.weights)
        level += math.log(priors[seen] if len(priors) > 0 else counts[k] / total)
        seen += 1
        for a in range(len(state.weights)):
            state.weights[a] = 1.0 / state.weights[a]
        square_distances(columns, state.means[k], state.weights, state.far)
        for i in range(len(state.far)):
            answer[i, k] = level - 0.5 * state.far[i]
    if probable:
        softmax(answer, counts)


@njit(cache=True, nogil=True, error_model="numpy")
def _log_of_product(factors):
    """The sum of log(2 pi factors): products of a few are safe from overflow, and logarithms are dear."""
    total, product = 0.0, 1.0
    for factor in factors:
        product *= 2.0 * math.pi * factor
        if not 1e-100 < product < 1e100:
            total += math.log(product)
            product = 1.0
    return total + math.log(product)


@njit(cache=True, nogil=True)
def _answer_of_copies(counts, probable, answer):
    answer[:] = 0.0
    if probable:
        answer[:, counts.argmax()] = 1.0
        return
    for k in range(len(counts)):
        if counts[k] > 0:
            answer[:, k] = 1.0
            return
