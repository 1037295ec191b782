"""Frozen: a pipeline whose first steps are fitted already is a problem for its last step alone."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._errors import AssayError
from ._problem import Data, Problem
from ._types import Floats


def frozen(problem: Problem) -> Problem:
    """The problem with the fitted steps of its pipeline done, once for all coalitions.

    A `Pipeline` whose steps but the last are fitted (or stateless, or "passthrough") stands for its last
    step, refitted on what the others make of the rows; sparse output is made dense. Any other problem is
    returned as it is.

    Raises
    ------
    AssayError
        If the fitted steps cannot transform these rows, or not to finite numbers.
    """
    model = problem.model
    if not isinstance(model, Pipeline) or model.steps[-1][1] in (None, "passthrough"):
        return problem
    steps = [step for _, step in model.steps[:-1] if step not in (None, "passthrough")]
    if not all(_is_fitted(step) for step in steps):
        return problem
    train, valid = (part and _transformed(part, steps) for part in (problem.train, problem.valid))
    return frozen(replace(problem, train=train, valid=valid, model=model.steps[-1][1]))


def _is_fitted(step: Any) -> bool:
    try:
        check_is_fitted(step)
    except (NotFittedError, TypeError):
        return False
    return hasattr(step, "transform")


def _transformed(data: Data, steps: list[Any]) -> Data:
    X: Any = data.X
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fitted on a frame: "X does not have valid feature names"
            for step in steps:
                X = step.transform(X)
        return replace(data, X=_dense(X))
    except Exception as error:  # steps are foreign code: any error means the same
        raise AssayError(
            f"The fitted steps of the model cannot transform these rows ({error}); fit them on rows of the "
            "same columns, or pass them unfitted, to be fitted on every coalition."
        ) from error


def _dense(X: Any) -> Floats:
    return X.toarray() if issparse(X) else np.asarray(X)
