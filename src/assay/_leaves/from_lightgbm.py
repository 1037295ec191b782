"""LightGBM: a `Booster`, or the estimators that hold one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse

from .._types import Floats, Labels
from .ensemble import Ensemble, changed, refuse
from .loss import Loss
from .targets import names_of, targets_of

PLAIN = {
    "data_sample_strategy": ("bagging",),
    "bagging_fraction": ("1",),
    "pos_bagging_fraction": ("1",),
    "neg_bagging_fraction": ("1",),
    "lambda_l1": ("0",),
    "max_delta_step": ("0",),
    "path_smooth": ("0",),
    "monotone_constraints": ("",),
    "is_unbalance": ("0",),
    "scale_pos_weight": ("1",),
    "use_quantized_grad": ("0",),
    "extra_trees": ("0",),
}
FEW = 1e-15  # LightGBM's kEpsilon: shares of classes are at least this


def of_lightgbm(model: Any, y: Labels) -> Ensemble:
    """What its text says; the mean of the labels, which it hides in the first trees, is taken out again."""
    booster = getattr(model, "booster_", model)
    last = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
    text = booster.model_to_string(num_iteration=last)
    head, settings = text.split("\nTree=")[0], _settings(text)
    loss = _loss(model, _pairs(head, "="), settings)
    trees = [_pairs(tree, "=") for tree in text.split("\nTree=")[1:]]
    parts = [np.array(tree["leaf_value"].split(), float) for tree in trees]
    outputs, first = booster.num_model_per_iteration(), np.cumsum([0, *map(len, parts)])
    bias, classes = np.zeros(outputs), getattr(model, "classes_", None)
    if settings.get("boost_from_average") == "1":
        names = names_of(type(model).__name__, loss, outputs, classes, y)
        bias = _bias(loss, targets_of(loss, outputs, names, y)[0])
    for k in range(outputs):
        parts[k] = parts[k] - bias[k]
    doubts = changed(settings, PLAIN)
    if any(tree["num_cat"] != "0" for tree in trees):
        doubts = (*doubts, "splits by sets of categories")

    def leaves(X: Any) -> NDArray[Any]:
        X = csr_matrix(X) if issparse(X) else X  # it knows no sparse arrays
        found = booster.predict(X, pred_leaf=True, num_iteration=last)
        return found.reshape(X.shape[0], -1).astype(np.intp) + first[:-1]

    return Ensemble(
        name=type(model).__name__,
        loss=loss,
        eta=float(settings["learning_rate"]),
        ridge=float(settings["lambda_l2"]),
        values=np.concatenate(parts),
        outputs=outputs,
        leaves=leaves,
        start=lambda X: np.repeat(bias[None], X.shape[0], axis=0),
        inert=np.repeat([len(part) == 1 for part in parts], np.diff(first)),
        doubts=doubts,
        classes=classes,
    )


def _settings(text: str) -> dict[str, str]:
    """The lines `[name: value]` that end the text of a model."""
    lines = text.partition("\nparameters:")[2].splitlines()
    return _pairs("\n".join(line[1:-1] for line in lines if line.startswith("[")), ": ")


def _pairs(text: str, mark: str) -> dict[str, str]:
    """Names and values, one a line, with a mark between them."""
    parted = (line.partition(mark) for line in text.splitlines())
    return {name: value for name, _, value in parted}


def _loss(model: Any, head: dict[str, str], settings: dict[str, str]) -> Loss:
    objective, *details = head.get("objective", "none").split()
    if settings.get("boosting") not in ("gbdt", "goss"):
        raise refuse(model, f"is boosted as {settings.get('boosting')!r}", "fit it with boosting 'gbdt'")
    if settings.get("linear_tree") == "1":
        raise refuse(model, "has linear models in its leaves", "fit it with linear_tree=False")
    if objective == "binary" and "sigmoid:1" in details:
        return Loss("binary")
    if objective == "multiclass":
        classes = int(head["num_class"])
        return Loss("classes", classes / (classes - 1))
    if objective == "regression" and not details:
        return Loss("squared")
    asked = "fit it with 'binary', 'multiclass' or 'regression'"
    raise refuse(model, f"has objective {head.get('objective')!r}", asked)


def _bias(loss: Loss, targets: Floats) -> Floats:
    """What LightGBM starts from: the log odds, the logarithms of shares, or the mean."""
    if loss.kind == "squared":
        return targets.astype(np.float32).astype(float).mean(axis=0)
    share = targets.mean(axis=0)
    if loss.kind == "classes":
        return np.log(np.maximum(share, FEW))
    share = np.clip(share, FEW, 1 - FEW)
    return np.log(share / (1 - share))
