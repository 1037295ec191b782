"""pyDVL's Data-OOB: `python run_pydvl_oob.py ARRAYS.npz SETTINGS` prints one line of JSON.

SETTINGS is JSON: `trees` of a random forest, and `n_jobs` that fit it. The clock runs from its fit to
the values.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
from pydvl.valuation import DataOOBValuation, Dataset  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402

arrays, settings = np.load(sys.argv[1]), json.loads(sys.argv[2])
train = Dataset(arrays["X"], arrays["y"])
start = time.perf_counter()
forest = RandomForestClassifier(settings["trees"], n_jobs=settings["n_jobs"], random_state=0)
forest.fit(arrays["X"], arrays["y"])
run = DataOOBValuation(forest)
run.fit(train)
seconds = time.perf_counter() - start
values = run.result.values[np.argsort(run.result.indices)]
print(json.dumps({"evals": settings["trees"], "seconds": seconds, "values": values.tolist()}))
