"""OpenDataVal's side of the detection benchmark; see `_detect`."""

from __future__ import annotations

import numpy as np
import torch
from _detect import TREES, main
from opendataval.dataval import DataOob, KNNShapley, LavaEvaluator
from opendataval.metrics import accuracy
from opendataval.model.api import ClassifierSkLearnWrapper
from sklearn.tree import DecisionTreeClassifier


def values(task, run):
    """Values by `run`; trees choose among the square root of the columns, as those of the other sides."""
    one_hot = np.eye(max(task["y"].max(), task["t"].max()) + 1)
    parts = (task["X"], one_hot[task["y"]], task["V"], one_hot[task["t"]])
    run.input_data(*(torch.from_numpy(part.astype(np.float32)) for part in parts))
    if isinstance(run, DataOob):
        model = ClassifierSkLearnWrapper(DecisionTreeClassifier, one_hot.shape[1], max_features="sqrt")
        run.input_model_metric(model, accuracy)
    run.train_data_values()
    return run.evaluate_data_values()


if __name__ == "__main__":
    main(
        {
            "OpenDataVal KNN-Shapley": lambda task: values(task, KNNShapley(random_state=0)),
            "OpenDataVal Data-OOB": lambda task: values(task, DataOob(TREES, random_state=0)),
            "OpenDataVal LAVA": lambda task: values(task, LavaEvaluator(random_state=0)),
        }
    )
