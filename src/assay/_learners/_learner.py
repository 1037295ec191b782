"""Learner: what a twin has to do; the loop over orders and coalitions is in `_drive`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._types import Coalitions, Floats, Positions
from ._question import Question


class Learner(ABC):
    """Abstract: a model that learns row by row, and answers as scikit-learn's refit would.

    A twin without probabilities declines (`twin_of` is None) where `question.probable`.

    An *answer* is what the model says of all m validation rows, (m, width). Labels are numbers: width 1, the
    predicted number. Labels are classes: one column a class, highest for the predicted class (ties: the first
    column wins); probabilities if `question.probable`. A class that no learnt row has gets -inf, or 0 where
    answers are probabilities.

    Pure: `join` changes only the state that it is given; two threads may use one learner. Kernels release the
    GIL. The order in which rows joined may change an answer by rounding only.
    """

    name: ClassVar[str]
    """scikit-learn's class."""
    question: Question

    @classmethod
    @abstractmethod
    def twin_of(cls, model: Any, question: Question) -> Learner | None:
        """The twin of `model`, or None where the model is another, or its settings are not supported."""

    @abstractmethod
    def begin(self) -> Any:
        """The state of a model that has learnt no row."""

    @abstractmethod
    def join(self, state: Any, rows: Positions, answers: Floats) -> None:
        """Learn `rows` (k,) one by one; `answers[j]` (k, m, width) is the answer after the first j + 1.

        Answers are not read while fewer than two classes were learnt, or while `refuses`.
        """

    @abstractmethod
    def fit(self, rows: Positions) -> Floats:
        """The answer (m, width) of a model fitted on `rows` (at least two classes, not refused)."""

    def fits(self, coalitions: Coalitions) -> Floats:
        """The answers (b, m, width) of `fit` on each of `coalitions` (b, n).

        An answer must not depend on what else is asked: same coalition, same bits.
        """
        return np.array([self.fit(np.flatnonzero(coalition)) for coalition in coalitions])

    def refuses(self, counts: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which coalitions scikit-learn refuses (ValueError), by their rows of each class (k, c).

        Where labels are numbers, `counts` is (k, 1): rows. What is not refused is not refused with more rows
        either.
        """
        return np.zeros(len(counts), bool)
