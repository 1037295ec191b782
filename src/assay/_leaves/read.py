"""Which reader knows a model, and what its outputs stand for."""

from __future__ import annotations

from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from .._errors import AssayError
from .._types import Labels
from .ensemble import Ensemble

KNOWN = (
    "GradientBoosting, HistGradientBoosting, RandomForest or ExtraTrees of scikit-learn, LightGBM or XGBoost"
)


def kind_of(model: Any) -> str:
    """Whose it is: "boosting", "binned", "forest", "lightgbm" or "xgboost".

    Raises
    ------
    AssayError
        If it is none of them.
    """
    for kind in type(model).__mro__:
        module, name = kind.__module__.partition(".")[0], kind.__name__
        if module in ("lightgbm", "xgboost"):
            return module
        if module == "sklearn":
            for start, found in (("Gradient", "boosting"), ("HistGradient", "binned")):
                if name in (f"{start}BoostingClassifier", f"{start}BoostingRegressor"):
                    return found
            if name in ("ForestClassifier", "ForestRegressor"):
                return "forest"
    raise AssayError(f"{type(model).__name__} is no ensemble of trees that is known; pass {KNOWN}.")


def is_fitted(model: Any) -> bool:
    """Whether the model has its trees already."""
    if not callable(getattr(model, "fit", None)):
        return True  # a booster is born so
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True


def read(model: Any, y: Labels) -> Ensemble:
    """The ensemble of a fitted model; `y` are the labels that it was fitted on.

    Raises
    ------
    AssayError
        If the model is unknown, not fitted, or its leaves are not Newton steps of a known loss.
    """
    kind = kind_of(model)
    if not is_fitted(model):
        raise AssayError(f"{type(model).__name__} is not fitted; fit it on the rows to value first.")
    if kind == "lightgbm":
        from .from_lightgbm import of_lightgbm

        return of_lightgbm(model, y)
    if kind == "xgboost":
        from .from_xgboost import of_xgboost

        return of_xgboost(model)
    if kind == "forest":
        from .from_forest import of_forest

        return of_forest(model)
    from .from_sklearn import of_binned, of_boosting

    return of_boosting(model) if kind == "boosting" else of_binned(model)
