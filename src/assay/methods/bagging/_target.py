"""Target: labels as bags need them, whole numbers for classes, floats for numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor

from ..._errors import AssayError
from ..._model_game import check_classes
from ..._problem import Problem
from ..._types import Floats, Labels


@dataclass(frozen=True)
class Target:
    """The labels to tell: `y` as models take it; `codes` (n,) are y itself, or places in `classes`."""

    y: Labels
    codes: Floats
    classes: Labels | None  # None for numbers

    @property
    def numbers(self) -> bool:
        """Whether the labels are numbers."""
        return self.classes is None

    @classmethod
    def of(cls, problem: Problem, model: Any) -> Target:
        """The labels of `problem`, as `model` takes them: a regressor makes whole numbers numbers."""
        y, name = problem.train.y, type(model).__name__
        regressor = model is not None and is_regressor(model)
        if regressor and y.dtype.kind in "Ub":
            raise AssayError(
                f"DataOOB.model is {name}, a regressor, but the labels are classes; pass a classifier."
            )
        if regressor or problem.target_kind == "number":
            if model is not None and is_classifier(model):
                raise AssayError(
                    f"DataOOB.model is {name}, a classifier, but the labels are numbers; pass a regressor."
                )
            numbers = y.astype(float)
            return cls(numbers, numbers, None)
        check_classes(problem)
        classes, codes = np.unique(y, return_inverse=True)
        return cls(y, codes.astype(float), classes)
