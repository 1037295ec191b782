"""pyDVL's k-NN Shapley: `python run_pydvl_knn.py ARRAYS.npz SETTINGS` prints one line of JSON.

SETTINGS is JSON: `k` and `n_jobs`. The clock runs around the fit; the peak is that of this process, without
its workers.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
from joblib import parallel_config  # noqa: E402
from pydvl.valuation import Dataset, KNNShapleyValuation  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier  # noqa: E402

arrays, settings = np.load(sys.argv[1]), json.loads(sys.argv[2])
train, valid = Dataset(arrays["X"], arrays["y"]), Dataset(arrays["V"], arrays["t"])
run = KNNShapleyValuation(KNeighborsClassifier(settings["k"]), valid, progress=False)
start = time.perf_counter()
with parallel_config(n_jobs=settings["n_jobs"]):
    run.fit(train)
seconds = time.perf_counter() - start
values = run.result.values[np.argsort(run.result.indices)]
peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
evals = len(arrays["y"]) * len(arrays["t"])
print(json.dumps({"evals": evals, "seconds": seconds, "values": values.tolist(), "peak": peak}))
