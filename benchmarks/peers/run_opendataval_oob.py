"""OpenDataVal's Data-OOB: `python run_opendataval_oob.py ARRAYS.npz SETTINGS` prints one line of JSON.

SETTINGS is JSON: `trees`, each a tree of a random forest fitted on a bag of its own. One job: it has no more.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from opendataval.dataval import DataOob  # noqa: E402
from opendataval.metrics import accuracy  # noqa: E402
from opendataval.model.api import ClassifierSkLearnWrapper  # noqa: E402
from sklearn.tree import DecisionTreeClassifier  # noqa: E402

arrays, settings = np.load(sys.argv[1]), json.loads(sys.argv[2])
one_hot = np.eye(len(np.unique(arrays["y"])))
parts = (arrays["X"], one_hot[arrays["y"]], arrays["V"], one_hot[arrays["t"]])
run = DataOob(num_models=settings["trees"], random_state=0).input_data(*map(torch.from_numpy, parts))
run.input_model_metric(
    ClassifierSkLearnWrapper(DecisionTreeClassifier, one_hot.shape[0], max_features="sqrt"), accuracy
)
start = time.perf_counter()
run.train_data_values()
values = run.evaluate_data_values()
seconds = time.perf_counter() - start
print("\n" + json.dumps({"evals": settings["trees"], "seconds": seconds, "values": values.tolist()}))
