"""Ensembles that grow tree by tree: boosting, by its stages, and forests, by their trees out of bag."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse
from sklearn.base import is_classifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from .._cloning import Cloner
from .._errors import AssayError
from .._problem import is_booster
from .._types import Labels
from ._passes import LENGTHS, fitted
from ._says import Loss, are_logits, logarithms, read, staged

FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)
REGRESSIONS = ("reg", "huber", "fair", "quantile", "mape")  # how their objectives begin
Said = tuple[NDArray[Any], Loss]


def library(model: Any) -> str:
    """Which of those that need more than scikit-learn's ways its class is from, or one that it builds on."""
    modules = [kind.__module__.split(".")[0] for kind in type(model).__mro__]
    return next((name for name in modules if name in ("lightgbm", "xgboost", "skorch")), "other")


def boosts(model: Any) -> bool:
    """Whether it has stages that can be asked one by one."""
    return library(model) in ("lightgbm", "xgboost") or hasattr(model, "staged_predict")


def grown(model: Any, X: Any, y: Labels, epochs: int | None) -> Any:
    """The ensemble as it is if it is fitted, else a copy fitted with as many stages as epochs."""
    return model if is_fitted(model) else fitted(_of_length(model, epochs), X, y)


def is_fitted(model: Any) -> bool:
    """Whether it was trained."""
    try:
        if not is_booster(model):
            check_is_fitted(model)
    except NotFittedError:
        return False
    return True


def stages(model: Any, X: Any, epochs: int | None, *, numbers: bool) -> Iterator[Said]:
    """What the fitted ensemble says of the rows after each stage."""
    if library(model) not in PARTS:
        yield from islice(staged(model, X, numbers=numbers), epochs)
        return
    for scores in islice(_sums(PARTS[library(model)](model, X)), epochs):
        if numbers:
            yield scores, "squared"
        else:
            yield read(scores)


def check_raw(model: Any, X: Any, *, numbers: bool) -> None:
    """Refuse a booster of LightGBM or XGBoost whose raw scores are not what it predicts, or logits of it.

    Raises
    ------
    AssayError
        Naming its objective.
    """
    if library(model) not in PARTS:
        return
    last = _raw(model, X)
    own = is_booster(model)
    if numbers:
        close = _same(last, _foretold(model, X) if own else model.predict(X))
    else:
        close = _of_classes(last, _foretold(model, X) if own else model.predict_proba(X))
    if not close:
        objective = _objective(model) if own else repr(model.objective)
        raise AssayError(
            f"The raw scores of {type(model).__name__} are not its predictions, under the objective "
            f"{objective}; take squared error, binary log loss or softmax."
        )


def foretells_numbers(booster: Any, X: Any) -> bool:
    """Whether a booster in its library's own form is of a regression whose raw scores are its predictions."""
    return _objective(booster).startswith(REGRESSIONS) and _same(_raw(booster, X), _foretold(booster, X))


def _objective(booster: Any) -> str:
    if library(booster) == "xgboost":
        return json.loads(booster.save_config())["learner"]["objective"]["name"]
    lines = booster.model_to_string(num_iteration=1).splitlines()
    told = next((line for line in lines if line.startswith("objective=")), "objective=none")
    return told.removeprefix("objective=").split()[0]


def _of_classes(raw: NDArray[Any], said: NDArray[Any]) -> bool:
    """Whether what was said is their softmax or sigmoid, or the class whose score is largest."""
    if said.ndim == 1 == raw.ndim:
        said = np.stack([1 - said, said], axis=1)
    return are_logits(raw, said) if said.ndim == 2 else np.array_equal(raw.argmax(axis=1), said)


def _width(booster: Any) -> int:
    return booster.num_feature() if library(booster) == "lightgbm" else booster.num_features()


def _same(raw: NDArray[Any], said: NDArray[Any]) -> bool:
    return raw.shape == said.shape and np.allclose(raw, said, rtol=1e-4, atol=1e-4)


def _raw(model: Any, X: Any) -> NDArray[Any]:
    asked = model.n_features_in_ if hasattr(model, "n_features_in_") else _width(model)
    if asked != X.shape[1]:
        raise AssayError(
            f"{type(model).__name__} was trained on {asked} columns, and the rows have {X.shape[1]}."
        )
    return np.sum(list(PARTS[library(model)](model, X)), axis=0)


def _foretold(booster: Any, X: Any) -> NDArray[Any]:
    if library(booster) == "lightgbm":
        return booster.predict(csr_matrix(X) if issparse(X) else X)
    import xgboost

    rounds = (0, _rounds(booster))
    return booster.predict(xgboost.DMatrix(X), iteration_range=rounds, validate_features=False)


def _lightgbm(model: Any, X: Any) -> Iterator[NDArray[Any]]:
    booster = getattr(model, "booster_", model)
    X = csr_matrix(X) if issparse(X) else X  # it knows no sparse arrays
    last = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
    for k in range(last):
        yield booster.predict(X, raw_score=True, start_iteration=k, num_iteration=1)


def _rounds(booster: Any) -> int:
    """How many rounds XGBoost counts: up to the best one, where training was stopped early."""
    best = booster.attr("best_iteration")
    return booster.num_boosted_rounds() if best is None else int(best) + 1


def _xgboost(model: Any, X: Any) -> Iterator[NDArray[Any]]:
    import xgboost

    booster: Any = model.get_booster() if hasattr(model, "get_booster") else model
    rows = xgboost.DMatrix(X)
    last = _rounds(booster)

    def margin(first: int, end: int) -> NDArray[Any]:
        said = booster.predict(
            rows, output_margin=True, iteration_range=(first, end), validate_features=False
        )
        return said.astype(float)

    base = margin(0, 1) + margin(1, 2) - margin(0, 2) if last > 1 else 0.0
    for k in range(last):
        yield margin(k, k + 1) - (base if k else 0.0)


PARTS = {"lightgbm": _lightgbm, "xgboost": _xgboost}  # what each stage adds to the raw scores


def _sums(parts: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    total: Any = 0.0
    for part in parts:
        total = total + part
        yield total


def out_of_bag(model: Any, X: Any, y: Labels, epochs: int | None) -> Iterator[tuple[NDArray[np.bool_], Said]]:
    """After each tree of a forest: which rows were out of bag so far, and the mean of those trees for them.

    Raises
    ------
    AssayError
        If its trees are trained on all rows.
    """
    if not model.bootstrap:
        raise AssayError(
            f"The trees of {type(model).__name__} are trained on all rows, so that none is out of bag; set "
            "bootstrap=True."
        )
    forest = fitted(_of_length(model, epochs), X, y)
    classes = is_classifier(forest)
    total = np.zeros((len(y), len(forest.classes_)) if classes else len(y))
    counts = np.zeros(len(y))
    X32 = X.astype(np.float32)
    for tree, chosen in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        out = np.ones(len(y), bool)
        out[chosen] = False
        if out.any():
            total[out] += tree.predict_proba(X32[out]) if classes else tree.predict(X32[out])
            counts[out] += 1
        some = counts > 0
        if classes:
            yield some, (logarithms(total[some] / counts[some, None]), "cross_entropy")
        else:
            yield some, (total[some] / counts[some], "squared")


def _of_length(model: Any, epochs: int | None) -> Any:
    copy = Cloner(model).copy()
    if epochs is None:
        return copy
    name = next(name for name in LENGTHS if name in copy.get_params(deep=False))
    return copy.set_params(**{name: epochs})
