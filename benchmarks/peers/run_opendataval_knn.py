"""OpenDataVal's k-NN Shapley: `python run_opendataval_knn.py ARRAYS.npz SETTINGS` prints one line of JSON.

SETTINGS is JSON: `k`. The clock runs around its training and evaluation of values.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from opendataval.dataval import KNNShapley  # noqa: E402

arrays, settings = np.load(sys.argv[1]), json.loads(sys.argv[2])
one_hot = np.eye(len(np.unique(arrays["y"])), dtype=np.float32)
parts = (arrays["X"], one_hot[arrays["y"]], arrays["V"], one_hot[arrays["t"]])
torch.set_num_threads(2)
run = KNNShapley(k_neighbors=settings["k"]).input_data(*map(torch.from_numpy, parts))
start = time.perf_counter()
run.train_data_values()
values = run.evaluate_data_values()
seconds = time.perf_counter() - start
peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
evals = len(arrays["y"]) * len(arrays["t"])
print("\n" + json.dumps({"evals": evals, "seconds": seconds, "values": values.tolist(), "peak": peak}))
