"""A fitted ensemble: as it is, or fitted on the training rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from .._cloning import Cloner
from .._errors import AssayError
from .._problem import Data
from .read import is_fitted, kind_of

SEEDS = 2**31 - 1


def fitted(model: Any, train: Data, rng: np.random.Generator) -> Any:
    """`model` where it is fitted; else a copy fitted on `train`, its chance drawn from `rng` if not seeded.

    Classes are told as 0, 1, ...: some libraries take no others.

    Raises
    ------
    AssayError
        If the model is no ensemble of trees, or cannot be fitted.
    """
    kind = kind_of(model)
    if is_fitted(model):
        return model
    copy, y = Cloner(model).copy(), train.y
    settings: dict[str, Any] = {}
    if copy.get_params().get("random_state") is None:
        settings["random_state"] = int(rng.integers(SEEDS))
    if kind == "lightgbm":  # else it times two ways of adding up, and takes the faster
        settings |= {"deterministic": True, "force_col_wise": True}
    if is_classifier(copy):
        y = np.unique(y, return_inverse=True)[1]
    try:
        return copy.set_params(**settings).fit(train.X, y)
    except Exception as error:  # each library has its own kinds
        raise AssayError(f"The model {model!r} cannot be fitted: {error}") from error
