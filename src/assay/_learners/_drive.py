"""Drive: worths of orders and of coalitions, from a learner's answers.

What a coalition is worth where no model answers is decided here as in `ModelGame`: none is worth a guess, one
class is worth that class for every row, and a coalition that the model refuses its commonest class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._types import Coalitions, Floats, Orders, Positions, Worths
from ._learner import Learner
from ._question import Question
from ._scores import score

LOOK = 16  # rows that are looked at together
ANSWER_BYTES = 4 << 20  # answers held at a time: what stays in a core's cache


def grow(learner: Learner, orders: Orders, tolerance: float = 0.0) -> Worths:
    """Worths (batch, n + 1) of the prefixes of `orders`; see `OrderedGame.grow`."""
    question = learner.question
    n, m, width = len(question.X), len(question.V), question.width
    most = int(np.clip(ANSWER_BYTES // (8 * m * width), 1, n))
    step = min(most, 16) if tolerance > 0 else most
    whole = float(ask(learner, np.ones((1, n), bool))[0]) if tolerance > 0 and len(orders) else 0.0
    answers = np.empty((step, m, width))
    worths = np.empty((len(orders), n + 1))
    for line, order in zip(worths, orders, strict=True):
        line[0], state, seen = question.guess, learner.begin(), _Seen(learner)
        for start in range(0, n, step):
            rows = order[start : start + step]
            stop = start + len(rows)
            learner.join(state, rows, answers[: len(rows)])
            line[start + 1 : stop + 1] = score(question, answers[: len(rows)])
            seen.mend(rows, line[start + 1 : stop + 1])
            if tolerance > 0 and (near := np.abs(whole - line[start : stop + 1]) < tolerance).any():
                first = start + int(near.argmax())
                line[first:] = line[first]
                break
    return worths


def ask(learner: Learner, coalitions: Coalitions) -> Worths:
    """Worths (batch,) of `coalitions` (batch, n)."""
    question = learner.question
    counts, totals = _tally_of_coalitions(question, coalitions)
    worths = np.full(len(coalitions), question.guess)
    some, odd = coalitions.any(axis=1), _constant(learner, counts)
    for i in np.flatnonzero(some & odd):
        worths[i] = _worth_of_constant(question, counts[i], totals[i])
    plain = np.flatnonzero(some & ~odd)
    block = max(1, ANSWER_BYTES // (8 * len(question.V) * question.width))
    for start in range(0, len(plain), block):
        asked = plain[start : start + block]
        worths[asked] = score(question, learner.fits(coalitions[asked]))
    return worths


class _Seen:
    """What has joined so far: the rows of each class, and the sum of labels that are numbers."""

    def __init__(self, learner: Learner) -> None:
        self._learner, self._counts, self._total = learner, 0, 0.0
        self._answers = False  # from some row on the model answers, and more rows do not change that

    def mend(self, rows: Positions, line: Worths) -> None:
        """Write the worths of constant answers into `line` (k,), the worths after each of `rows`."""
        for start in range(0, len(rows), LOOK):
            if self._answers:
                return
            counts, total = _tally(self._learner.question, rows[start : start + LOOK])
            counts, total = counts + self._counts, total + self._total
            constant = _constant(self._learner, counts)
            for j in np.flatnonzero(constant):
                line[start + j] = _worth_of_constant(self._learner.question, counts[j], total[j])
            self._counts, self._total, self._answers = counts[-1], total[-1], not constant[-1]


def _tally(question: Question, rows: Positions) -> tuple[NDArray[np.intp], Floats]:
    labels = question.y[rows]
    if question.classes is None:
        return np.arange(1, len(rows) + 1)[:, None], np.cumsum(labels)
    return np.cumsum(labels[:, None] == np.arange(question.width), axis=0), np.zeros(len(rows))


def _tally_of_coalitions(question: Question, coalitions: Coalitions) -> tuple[NDArray[np.intp], Floats]:
    if question.classes is None:
        return coalitions.sum(axis=1)[:, None], coalitions.astype(float) @ question.y
    counts = [coalitions[:, question.y == k].sum(axis=1) for k in range(question.width)]
    return np.stack(counts, axis=1), np.zeros(len(coalitions))


def _constant(learner: Learner, counts: NDArray[np.intp]) -> NDArray[np.bool_]:
    one_class = learner.question.classes is not None and (counts > 0).sum(axis=1) < 2
    return learner.refuses(counts) | one_class


def _worth_of_constant(question: Question, counts: NDArray[np.intp], total: float) -> float:
    if question.classes is None:
        return question.judge.of_constant(total / counts[0])
    return float(question.constants[counts.argmax()])
