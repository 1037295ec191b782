"""Random forests of scikit-learn, whose leaves are means of the rows that were drawn for their tree."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ensemble import Ensemble, changed, refuse
from .loss import Loss

PLAIN = {"class_weight": (None,), "monotonic_cst": (None,)}


def of_forest(model: Any) -> Ensemble:
    """RandomForest and ExtraTrees: half the squared error of their mean, for classes the Brier score.

    A leaf of the mean of y is -sum(g) / sum(h) with g = -y and h = 1: a Newton step from 0, of every tree
    alike; eta is one over the number of trees.
    """
    if model.criterion == "absolute_error":
        raise refuse(model, "has medians in its leaves", "fit it with criterion 'squared_error'")
    if model.n_outputs_ > 1:
        raise refuse(model, "predicts several labels a row", "fit it on one of them")
    trees = [tree.tree_ for tree in model.estimators_]
    outputs = trees[0].value.shape[2]
    sizes = np.repeat([tree.node_count for tree in trees], outputs)
    first = np.cumsum([0, *sizes])
    values = np.concatenate([tree.value[:, 0].T.ravel() for tree in trees]) / len(trees)
    n = model._n_samples
    drawn = [np.bincount(rows, minlength=n) for rows in model.estimators_samples_]

    def leaves(X: Any) -> NDArray[Any]:
        return np.repeat(model.apply(X).astype(np.intp), outputs, axis=1) + first[:-1]

    return Ensemble(
        name=type(model).__name__,
        loss=Loss("squared"),
        eta=1 / len(trees),
        ridge=0.0,
        values=values,
        outputs=outputs,
        leaves=leaves,
        start=lambda X: np.zeros((X.shape[0], outputs)),
        inert=np.zeros(len(values), bool),
        doubts=changed(model.get_params(), PLAIN),
        classes=getattr(model, "classes_", None),
        weights=np.repeat(np.array(drawn, float), outputs, axis=0),
    )
