"""What the value estimator is told of each row."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..._frozen import frozen
from ..._keys import unset_seeds
from ..._problem import Data, Problem, is_booster, is_torch
from ..._types import Floats, Labels


@dataclass(frozen=True, eq=False)
class Known:
    """Features, labels, and how far labels are from what a model of the judging rows alone expects.

    Parameters
    ----------
    rows : array of shape (n, d + c)
        Features in standard deviations, and the label: one column a class, or one number.
    differences : array of shape (n, c)
        |label - expected|, in the same columns.
    """

    rows: Floats
    differences: Floats


def with_predictor(problem: Problem) -> Problem:
    """The problem with a model that can be refitted; a linear one on scaled features if it has none."""
    model = problem.model
    if model is not None and not is_torch(model) and not is_booster(model):
        return problem
    scaler: Any = StandardScaler(with_mean=isinstance(problem.train.X, np.ndarray)).fit(problem.train.X)
    last = LogisticRegression() if problem.target_kind == "class" else Ridge()
    return replace(problem, model=make_pipeline(scaler, last))


def known_of(problem: Problem, seed: int) -> Known:
    """What is known of the training rows of a problem that has a model and judges."""
    X = scaled(problem.train.dense, problem.train.dense)
    if problem.target_kind == "number":
        y = problem.train.y
        assert y is not None
        level, spread = float(y.mean()), float(y.std()) or 1.0
        label, expected = (
            (np.asarray(a, float)[:, None] - level) / spread for a in (y, _answers(problem, seed))
        )
    else:
        classes = problem.classes
        assert classes is not None
        label = (problem.train.y[:, None] == classes).astype(float)
        expected = _probabilities(problem, classes, seed)
    return Known(np.column_stack([X, label]), np.abs(label - expected))


def scaled(X: Floats, by: Floats) -> Floats:
    """Features in standard deviations of `by`; a column that is constant there is only shifted."""
    spread = by.std(axis=0)
    return (X - by.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def _of_judges(problem: Problem, seed: int) -> tuple[Any, Problem]:
    """The model fitted on the judging rows alone, or None if it refuses them."""
    ready = frozen(problem)
    valid: Any = ready.valid
    model: Any = clone(ready.model)
    model.set_params(**dict.fromkeys(unset_seeds(model), seed % 2**32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few rows, as in the refits
        try:
            return model.fit(valid.X, valid.y), ready
        except ValueError:
            return None, ready


def _answers(problem: Problem, seed: int) -> Floats:
    model, ready = _of_judges(problem, seed)
    valid: Data | None = ready.valid
    assert valid is not None
    assert valid.y is not None
    return np.full(problem.n, valid.y.mean()) if model is None else model.predict(ready.train.X)


def _probabilities(problem: Problem, classes: Labels, seed: int) -> Floats:
    """Probabilities (n, c), 0 for classes without judges; the judges' shares where the model refuses."""
    model, ready = _of_judges(problem, seed)
    valid: Data | None = ready.valid
    assert valid is not None
    if model is None:
        shares = (valid.y[:, None] == classes).mean(axis=0)
        return np.tile(shares, (problem.n, 1))
    if not callable(getattr(model, "predict_proba", None)):
        return (model.predict(ready.train.X)[:, None] == classes).astype(float)
    wide = np.zeros((problem.n, len(classes)))
    wide[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(ready.train.X)
    return wide
