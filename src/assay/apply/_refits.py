"""Refits: the model of a problem, fitted on some of its rows, the same way each time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from .._errors import AssayError
from .._gradients.fit_linear import fit_linear, is_fitted, is_linear, transformed
from .._gradients.linear import LinearGradients
from .._gradients.target import Judged
from .._keys import unset_seeds
from .._problem import Data, Problem, is_torch
from .._types import Floats, Labels, Positions
from ._predictions import Predictions


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted model, ready to be measured.

    Parameters
    ----------
    judged : LinearGradients | Predictions
        Its losses and probabilities.
    """

    judged: Judged

    def hits(self, data: Data) -> Floats:
        """1 where the predicted class is the label, else 0, (n,)."""
        one = self.judged
        if isinstance(one, Predictions):
            return np.asarray(one.model.predict(data.X) == data.y, float)
        assert isinstance(one, LinearGradients)
        assert one.classes is not None
        scores = one.scores(data)
        codes = (scores[:, 0] > 0).astype(int) if one.outputs == 1 else scores.argmax(axis=1)
        return np.asarray(one.classes[codes] == data.y, float)


class Refits:
    """Fits the last step of the problem's model on rows of `train`; earlier steps are fitted once, on all.

    Parameters
    ----------
    problem : Problem
        With labels and a scikit-learn estimator.
    seed : int
        The random state of a model that leaves it to chance.

    Raises
    ------
    AssayError
        If there is no model that can be refitted, or labels are missing.
    """

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        model = problem.model
        if model is None or is_torch(model):
            raise AssayError(
                f"Refits need an estimator that can be fitted, not {type(model).__name__}; pass "
                "assay.Problem(train, valid, model) with one of scikit-learn."
            )
        if problem.train.y is None or problem.train.y.ndim > 1:
            raise AssayError("Refits need one label a training row; pass assay.Data(X, y).")
        self.classes: Labels | None = problem.classes
        self._before: Any = None
        self._last = model
        if isinstance(model, Pipeline) and len(model.steps) > 1:
            steps = model[:-1]
            fitted = is_fitted(steps)
            self._before = steps if fitted else _clone(steps).fit(problem.train.X, problem.train.y)
            self._last = model.steps[-1][1]
        self._seeds = dict.fromkeys(unset_seeds(self._last), seed)
        self._train = self.seen(problem.train)

    def seen(self, data: Data) -> Data:
        """Rows as the last step sees them."""
        return data if self._before is None else transformed(self._before, data)

    def __call__(self, rows: Positions) -> Fitted:
        """The model fitted on these training rows.

        Raises
        ------
        AssayError
            If the estimator refuses them.
        """
        model, train = _clone(self._last).set_params(**self._seeds), self._train.take(rows)
        try:
            linear = self._linear(model, train)
            return Fitted(
                Predictions(model.fit(train.X, train.y), self.classes) if linear is None else linear
            )
        except ValueError as error:
            if isinstance(error, AssayError):
                raise
            raise AssayError(f"The model {model!r} cannot be fitted on {len(rows)} rows: {error}") from error

    def _linear(self, model: Any, train: Data) -> LinearGradients | None:
        if not is_linear(model):
            return None
        try:
            return fit_linear(model, train)[0]
        except AssayError:  # an l1 penalty, say: its predictions are as good
            return None


def _clone(model: Any) -> Any:
    return clone(model)


def with_rows(problem: Problem, rows: Positions) -> Problem:
    """The problem with these of its training rows, in this order."""
    return replace(problem, train=problem.train.take(rows))
