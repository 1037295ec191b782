"""XGBoost: a `Booster`, or the estimators that hold one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ensemble import Ensemble, changed, refuse
from .loss import Loss

PLAIN = {
    "subsample": ("1",),
    "alpha": ("0",),
    "max_delta_step": ("0",),
    "monotone_constraints": ("()", ""),
    "sampling_method": ("uniform",),
}
KINDS = {
    "binary:logistic": Loss("binary"),
    "multi:softprob": Loss("classes", 2.0),
    "multi:softmax": Loss("classes", 2.0),
    "reg:squarederror": Loss("squared"),
}


def of_xgboost(model: Any) -> Ensemble:
    """What its JSON says."""
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    best = booster.attr("best_iteration")
    if best is not None:
        booster = booster[: int(best) + 1]
    learner, config = json.loads(bytes(booster.save_raw("json")))["learner"], _config(booster)
    forest = learner["gradient_booster"]
    loss = _loss(model, learner, config)
    trees = forest["model"]["trees"]
    outputs = max(int(learner["learner_model_param"]["num_class"]), 1)
    first = np.cumsum([0, *(len(tree["left_children"]) for tree in trees)])
    base = np.asarray(json.loads(learner["learner_model_param"]["base_score"]), float)
    base = np.log(base / (1 - base)) if loss.kind == "binary" else base
    train = config["gradient_booster"]["tree_train_param"]
    scale = config["objective"].get("reg_loss_param", {}).get("scale_pos_weight", "1")

    def leaves(X: Any) -> NDArray[Any]:
        import xgboost

        rows = xgboost.DMatrix(X)
        found = booster.predict(rows, pred_leaf=True, strict_shape=True, validate_features=False)
        return found.reshape(X.shape[0], -1).astype(np.intp) + first[:-1]

    return Ensemble(
        name=type(model).__name__,
        loss=loss,
        eta=float(train["eta"]),
        ridge=float(train["lambda"]),
        values=np.concatenate([tree["split_conditions"] for tree in trees]),
        outputs=outputs,
        leaves=leaves,
        start=lambda X: np.broadcast_to(base, (X.shape[0], outputs)).copy(),
        inert=np.zeros(first[-1], bool),
        doubts=changed({**train, "scale_pos_weight": scale}, {**PLAIN, "scale_pos_weight": ("1",)}),
        classes=None,  # it only takes 0, 1, ... itself
    )


def _config(booster: Any) -> dict[str, Any]:
    return json.loads(booster.save_config())["learner"]


def _loss(model: Any, learner: dict[str, Any], config: dict[str, Any]) -> Loss:
    kind = learner["gradient_booster"]["name"]
    if kind != "gbtree":
        raise refuse(model, f"is boosted as {kind!r}", "fit it with booster 'gbtree'")
    if config["gradient_booster"]["gbtree_model_param"].get("num_parallel_tree", "1") != "1":
        raise refuse(model, "grows several trees a round", "fit it with num_parallel_tree=1")
    if config["learner_train_param"].get("multi_strategy", "") == "multi_output_tree":
        raise refuse(model, "has several outputs a tree", "fit it with multi_strategy 'one_output_per_tree'")
    objective = learner["objective"]["name"]
    if objective not in KINDS:
        raise refuse(model, f"has objective {objective!r}", f"fit it with one of {', '.join(KINDS)}")
    return KINDS[objective]
