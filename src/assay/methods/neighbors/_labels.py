"""Labels as the nearest-neighbour methods compare them: codes of classes, or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._errors import AssayError
from ..._numbers import is_whole
from ..._problem import Problem


@dataclass(frozen=True)
class Labels:
    """Labels of rows and judges.

    Parameters
    ----------
    train : array of shape (n,) or (n, L)
        Codes of classes (int32), or numbers (float64); L columns where rows have several labels.
    valid : array of shape (m,) or (m, L)
    numbers : bool
        Whether labels are numbers.
    """

    train: NDArray[Any]
    valid: NDArray[Any]
    numbers: bool

    @classmethod
    def of(cls, problem: Problem) -> Labels:
        """The labels of `problem`."""
        valid = problem.valid
        assert valid is not None
        if problem.target_kind == "number":
            return cls(problem.train.y.astype(float), valid.y.astype(float), True)
        classes = problem.classes
        assert classes is not None
        train, judges = (np.searchsorted(classes, y).astype(np.int32) for y in (problem.train.y, valid.y))
        return cls(train, judges, False)

    def hits(self, judge: int) -> NDArray[np.bool_]:
        """Which rows (n,) have the judge's label; nobody where labels are numbers, or several."""
        if self.numbers or self.train.ndim > 1:
            return np.zeros(len(self.train), np.bool_)
        return self.train == self.valid[judge]


def check_k(name: str, k: Any) -> None:
    """Refuse what is no number of neighbours, in the name of method `name`."""
    if not is_whole(k) or k < 1:
        raise AssayError(f"{name}.k is {k!r}; it needs to be a whole number of at least 1.")
