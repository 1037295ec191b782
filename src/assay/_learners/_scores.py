"""Scores of many answers at once, equal to scikit-learn's; see `Learner` for what an answer is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from .._scoring import FLOOR
from .._types import Floats, Worths
from ._question import Question


def score(question: Question, answers: Floats) -> Worths:
    """Worths (k,) of answers (k, m, width)."""
    kernel: Any = _KERNELS.get(question.score)
    if kernel is not None:
        return kernel(answers, question.t)
    return np.array([_judged(question, answer) for answer in answers])


def _judged(question: Question, answer: Floats) -> float:
    if question.classes is None:
        return question.judge.of_answers(answer[:, 0], None)
    labels = question.classes[answer.argmax(axis=1)]
    return question.judge.of_answers(labels, answer if question.probable else None)


@njit(cache=True, nogil=True)
def _accuracy(answers, t):
    k, m, c = answers.shape
    worths = np.empty(k)
    for j in range(k):
        hits = 0
        for i in range(m):
            top, best = answers[j, i, 0], 0
            for a in range(1, c):
                better = answers[j, i, a] > top
                top = answers[j, i, a] if better else top
                best = a if better else best
            hits += best == t[i]
        worths[j] = hits / m
    return worths


@njit(cache=True, nogil=True)
def _log_loss(answers, t):
    k, m, c = answers.shape
    worths = np.empty(k)
    for j in range(k):
        total = 0.0
        for i in range(m):
            mass = 0.0
            for a in range(c):
                mass += max(answers[j, i, a], FLOOR)
            total += math.log(max(answers[j, i, t[i]], FLOOR) / mass)
        worths[j] = total / m
    return worths


@njit(cache=True, nogil=True)
def _squares(answers, t):
    k, m, _ = answers.shape
    means = np.empty(k)
    for j in range(k):
        total = 0.0
        for i in range(m):
            gap = answers[j, i, 0] - t[i]
            total += gap * gap
        means[j] = total / m
    return means


def _r2(answers: Floats, t: Floats) -> Worths:
    spread = float(np.mean((t - t.mean()) ** 2))
    return 1 - _squares(answers, t) / spread


_KERNELS = {
    "accuracy": _accuracy,
    "neg_log_loss": _log_loss,
    "r2": _r2,
    "neg_mean_squared_error": lambda answers, t: -_squares(answers, t),
    "neg_root_mean_squared_error": lambda answers, t: -np.sqrt(_squares(answers, t)),
}
