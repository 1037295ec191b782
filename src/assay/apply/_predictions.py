"""Predictions: what a fitted estimator says of rows, where its gradients are not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from .._errors import AssayError
from .._problem import Data
from .._types import Floats, Labels

LEAST = 1e-9  # a probability below counts as this, so that no loss is infinite


@final
@dataclass(frozen=True, eq=False)
class Predictions:
    """Losses and probabilities of a fitted estimator of scikit-learn.

    Parameters
    ----------
    model : estimator
        Fitted.
    classes : array, optional
        Sorted, where labels are classes; then the estimator needs `predict_proba`.

    Raises
    ------
    AssayError
        If it has no probabilities.
    """

    model: Any
    classes: Labels | None = None

    def __post_init__(self) -> None:
        if self.classes is not None and not callable(getattr(self.model, "predict_proba", None)):
            raise AssayError(
                f"{self.model!r} has no predict_proba, which losses and gaps are measured by; wrap it in "
                "sklearn.calibration.CalibratedClassifierCV."
            )

    def _shares(self, data: Data) -> Floats:
        """Probabilities of all classes, (n, classes): 0 for one that the model never saw."""
        assert self.classes is not None
        p = np.zeros((len(data), len(self.classes)))
        p[:, np.searchsorted(self.classes, self.model.classes_)] = self.model.predict_proba(data.X)
        return p

    def losses(self, data: Data) -> Floats:
        """Minus the logarithm of the label's probability, or the squared error, (n,)."""
        if self.classes is None:
            return (self.model.predict(data.X) - data.y) ** 2
        p = self._shares(data)[np.arange(len(data)), np.searchsorted(self.classes, data.y)]
        return -np.log(np.maximum(p, LEAST))

    def probabilities(self, data: Data) -> Floats:
        """The probability of the last class of each row, or the prediction, (n,)."""
        if self.classes is None:
            return np.asarray(self.model.predict(data.X), float)
        return self._shares(data)[:, -1]

    def attacked(self, data: Data) -> Data:
        """Refused.

        Raises
        ------
        AssayError
            Always: an attack follows gradients.
        """
        raise AssayError(
            f"Robustness needs gradients by the features, and those of {type(self.model).__name__} are not "
            "known; take logistic regression, or another target."
        )
