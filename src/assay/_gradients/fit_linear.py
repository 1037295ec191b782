"""From a linear estimator of scikit-learn, fitted or not, to its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
)
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_is_fitted

from .._errors import AssayError
from .._problem import Data
from .._types import Floats
from .linear import LinearGradients

KINDS = (
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
)
FEW_PARAMETERS = 1_000  # up to which a fit is finished by Newton steps


def is_linear(model: Any) -> bool:
    """Whether gradients of this estimator are known in closed form; a pipeline by its last step."""
    return isinstance(model.steps[-1][1] if isinstance(model, Pipeline) else model, KINDS)


def fit_linear(model: Any, train: Data) -> tuple[LinearGradients, Any]:
    """The gradients of `model`, and the fitted steps before it (None without any).

    A fitted model is taken as it is; else a clone is fitted on `train`, and finished by Newton steps where it
    has few parameters: solvers stop early, and influence is defined at the optimum.

    Raises
    ------
    AssayError
        If the model has a penalty other than a ridge, constraints, or several targets, or cannot be fitted.
    """
    fitted = is_fitted(model)
    if not fitted:
        model = _fitted(model, train)
    before = model[:-1] if isinstance(model, Pipeline) and len(model.steps) > 1 else None
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    data = train if before is None else transformed(before, train)
    gradients = _gradients(last, data)
    if not fitted and gradients.widths[0] <= FEW_PARAMETERS:
        gradients = _polished(gradients, data)
    return gradients, before


def _fitted(model: Any, train: Data) -> Any:
    fresh: Any = clone(model)
    try:
        return fresh.fit(train.X, train.y)
    except AssayError:
        raise
    except (ValueError, TypeError, ArithmeticError) as error:  # LinAlgError is a ValueError
        reason = str(error).strip().splitlines()
        raise AssayError(
            f"{type(model).__name__} could not be fitted on the {len(train)} training rows "
            f"({reason[0].rstrip('.') if reason else type(error).__name__}); change the rows or the model."
        ) from error


def _polished(gradients: LinearGradients, data: Data) -> LinearGradients:
    try:
        return gradients.polished(data)
    except AssayError:
        raise
    except ValueError as error:  # LinAlgError, or numbers that are not finite
        raise AssayError(
            "The training rows do not determine the linear model's coefficients to finite numbers; scale the "
            "features, drop those that the others give, or take a ridge (a finite C, alpha above 0)."
        ) from error


def transformed(steps: Any, data: Data) -> Data:
    """`data` as the last step of a pipeline sees it."""
    try:
        X = steps.transform(data.X)
    except ValueError as error:
        raise AssayError(
            f"The steps before the model do not take these {len(data)} rows "
            f"({str(error).strip().splitlines()[0].rstrip('.')}); change the rows or the steps, as by "
            "OneHotEncoder(handle_unknown='ignore')."
        ) from error
    return Data(X, data.y, ids=data.ids, groups=data.groups)


def is_fitted(model: Any) -> bool:
    """Whether the estimator, or the last step of the pipeline, was fitted."""
    try:
        check_is_fitted(model.steps[-1][1] if isinstance(model, Pipeline) else model)
    except Exception:  # NotFittedError, or whatever a foreign estimator raises
        return False
    return True


def _gradients(model: Any, data: Data) -> LinearGradients:
    name = type(model).__name__
    if getattr(model, "positive", False):
        raise AssayError(f"{name}(positive=True) has constraints, and no gradient at them; drop `positive`.")
    coef = np.atleast_2d(np.asarray(model.coef_, float))
    if coef.shape[1] != data.X.shape[1]:
        raise AssayError(
            f"{name} was fitted on {coef.shape[1]} feature columns, but the training rows have "
            f"{data.X.shape[1]}; pass the rows that it was fitted on, or the model unfitted."
        )
    intercept = np.broadcast_to(np.asarray(model.intercept_, float), (len(coef),))
    strength = _strength(model)
    if np.ndim(strength):
        raise AssayError(f"{name} has {np.size(strength)} penalties; give one number for all targets.")
    ridge = np.full(coef.shape[1] + 1, float(strength))
    liblinear = getattr(model, "solver", None) == "liblinear"  # which shrinks the intercept, too
    ridge[-1] = float(strength) / model.intercept_scaling**2 if liblinear else 0.0
    classes = getattr(model, "classes_", None)
    logistic = isinstance(model, (LogisticRegression, LogisticRegressionCV))
    loss = "squared" if not logistic else "logistic" if len(coef) == 1 else "softmax"
    return LinearGradients(
        np.column_stack([coef, intercept]),
        loss,
        ridge,
        classes,
        _class_weights(model, data),
        bool(model.fit_intercept),
    )


def _strength(model: Any) -> Any:
    """What the ridge adds to the Hessian of the summed loss, as `LinearGradients` counts losses."""
    if isinstance(model, LinearRegression):
        return 0.0
    if not isinstance(model, (LogisticRegression, LogisticRegressionCV)):
        return 2 * np.squeeze(np.asarray(getattr(model, "alpha_", getattr(model, "alpha", 0.0)), float))
    ratio = getattr(model, "l1_ratio_", getattr(model, "l1_ratio", None))
    ratio = np.asarray(ratio if ratio is not None else 0.0, float)
    ratio = np.nan_to_num(ratio)  # that of LogisticRegressionCV is [None] where there was none to choose
    penalty = getattr(model, "penalty", "l2")
    if penalty not in ("l2", "deprecated", None) or ratio.any():
        raise AssayError(
            f"{type(model).__name__} has an l1 penalty, which has no curvature; take l1_ratio=0 (l2)."
        )
    strength = np.unique(np.asarray(getattr(model, "C_", getattr(model, "C", None)), float))
    return 0.0 if penalty is None else np.squeeze(1 / strength)


def _class_weights(model: Any, data: Data) -> Floats | None:
    given = getattr(model, "class_weight", None)
    if given is None:
        return None
    return compute_class_weight(given, classes=model.classes_, y=data.y)
