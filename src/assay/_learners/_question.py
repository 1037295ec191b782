"""Question: a problem as plain arrays, which is all that a twin's kernel reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._problem import Problem
from .._scoring import LABEL_SCORES, Judge
from .._types import Floats

KERNEL_SCORES = {"accuracy": "class", "neg_log_loss": "class"} | {
    name: "number" for name in ("r2", "neg_mean_squared_error", "neg_root_mean_squared_error")
}


@dataclass(frozen=True, eq=False)
class Question:
    """The rows that are learnt, those that are predicted, and how answers are scored.

    Parameters
    ----------
    problem : Problem
        With labels, validation rows and a score that fits them.
    """

    problem: Problem

    @cached_property
    def X(self) -> Floats:
        """Features of the training rows, (n, d), contiguous."""
        return self.problem.train.dense

    @cached_property
    def V(self) -> Floats:
        """Features of the validation rows, (m, d), contiguous."""
        assert self.problem.valid is not None
        return self.problem.valid.dense

    @cached_property
    def classes(self) -> NDArray[np.generic] | None:
        """Every class of train and valid, sorted; None where labels are numbers."""
        return self.problem.classes

    @property
    def width(self) -> int:
        """Answers for each validation row: the number of classes, or 1 where labels are numbers."""
        return 1 if self.classes is None else len(self.classes)

    @cached_property
    def y(self) -> NDArray[Any]:
        """Labels of the training rows, (n,): places in `classes` (intp), or floats."""
        return self._coded(self.problem.train.y)

    @cached_property
    def t(self) -> NDArray[Any]:
        """Labels of the validation rows, (m,): places in `classes` (intp), or floats."""
        assert self.problem.valid is not None
        return self._coded(self.problem.valid.y)

    @cached_property
    def judge(self) -> Judge:
        """What scores answers that no kernel scores."""
        return self.problem.judge

    @property
    def score(self) -> str:
        """The name of a score that a kernel computes, or nothing."""
        name = self.problem.score
        return name if isinstance(name, str) and name in KERNEL_SCORES else ""

    @property
    def probable(self) -> bool:
        """Whether answers must be probabilities; else they need only be highest for the predicted class."""
        score = self.problem.score
        return self.classes is not None and isinstance(score, str) and score not in LABEL_SCORES

    @cached_property
    def guess(self) -> float:
        """The worth of no rows."""
        return self.judge.of_guess(self.problem.train.y)

    @cached_property
    def constants(self) -> Floats:
        """The worth of predicting each class for every row, (c,)."""
        assert self.classes is not None
        return np.array([self.judge.of_constant(label) for label in self.classes])

    def _coded(self, y: NDArray[Any] | None) -> NDArray[Any]:
        assert y is not None
        if self.classes is None:
            return np.ascontiguousarray(y, dtype=float)
        return np.searchsorted(self.classes, y).astype(np.intp)
