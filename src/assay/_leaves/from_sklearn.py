"""Gradient boosting of scikit-learn, with trees of exact splits or of bins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from .._types import Floats
from .ensemble import Ensemble, changed, refuse
from .loss import Loss

PLAIN = {"subsample": (1, 1.0), "n_iter_no_change": (None,)}
PLAIN_BINNED = {"monotonic_cst": (None,), "early_stopping": (False, "auto"), "class_weight": (None,)}


def of_boosting(model: Any) -> Ensemble:
    """GradientBoostingClassifier and GradientBoostingRegressor."""
    if model.loss not in ("log_loss", "squared_error"):
        raise refuse(model, f"has loss={model.loss!r}", "fit it with 'log_loss' or 'squared_error'")
    rounds, outputs = model.estimators_.shape
    trees = [tree.tree_ for tree in model.estimators_.ravel()]
    first = np.cumsum([0, *(tree.node_count for tree in trees)])
    values = model.learning_rate * np.concatenate([tree.value[:, 0, 0] for tree in trees])

    def leaves(X: Any) -> NDArray[Any]:
        return model.apply(X).reshape(X.shape[0], rounds * outputs).astype(np.intp) + first[:-1]

    def start(X: Any) -> Floats:
        return np.asarray(model._raw_predict_init(X), float).reshape(X.shape[0], outputs)

    return Ensemble(
        name=type(model).__name__,
        loss=_loss(model, outputs, outputs / max(outputs - 1, 1)),
        eta=float(model.learning_rate),
        ridge=0.0,
        values=values,
        outputs=outputs,
        leaves=leaves,
        start=start,
        inert=np.zeros(len(values), bool),
        doubts=changed(model.get_params(), PLAIN),
        classes=getattr(model, "classes_", None),
    )


def of_binned(model: Any) -> Ensemble:
    """HistGradientBoostingClassifier and HistGradientBoostingRegressor."""
    if model.loss not in ("log_loss", "squared_error"):
        raise refuse(model, f"has loss={model.loss!r}", "fit it with 'log_loss' or 'squared_error'")
    trees = [tree.nodes for group in model._predictors for tree in group]
    outputs = len(model._predictors[0])
    if any(nodes["is_categorical"].any() for nodes in trees):
        raise refuse(model, "splits by sets of categories", "encode them as numbers, one column a value")
    first = np.cumsum([0, *map(len, trees)])
    values = np.concatenate([nodes["value"] for nodes in trees])
    baseline = np.asarray(model._baseline_prediction, float).reshape(1, outputs)

    def leaves(X: Any) -> NDArray[Any]:
        X = X.toarray() if issparse(X) else X
        return np.column_stack([_walked(nodes, X) for nodes in trees]) + first[:-1]

    return Ensemble(
        name=type(model).__name__,
        loss=_loss(model, outputs, 1.0),
        eta=float(model.learning_rate),
        ridge=float(model.l2_regularization),
        values=values,
        outputs=outputs,
        leaves=leaves,
        start=lambda X: np.repeat(baseline, X.shape[0], axis=0),
        inert=np.zeros(len(values), bool),
        doubts=(
            *changed(model.get_params(), PLAIN_BINNED),
            *(("early stopping",) if model.do_early_stopping_ else ()),
        ),
        classes=getattr(model, "classes_", None),
    )


def _loss(model: Any, outputs: int, factor: float) -> Loss:
    if model.loss == "squared_error":
        return Loss("squared")
    return Loss("binary") if outputs == 1 else Loss("classes", factor)


def _walked(nodes: NDArray[Any], X: Floats) -> NDArray[Any]:
    """The leaf of each row: all rows go down together, those that arrived stay."""
    at, moving = np.zeros(len(X), np.intp), np.arange(len(X))
    left, right = nodes["left"].astype(np.intp), nodes["right"].astype(np.intp)
    while True:
        moving = moving[nodes["is_leaf"][at[moving]] == 0]
        if not len(moving):
            return at
        here = at[moving]
        low = X[moving, nodes["feature_idx"][here]] <= nodes["num_threshold"][here]
        at[moving] = np.where(low, left[here], right[here])
