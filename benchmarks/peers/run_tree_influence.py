"""The published package: `python run_tree_influence.py ARRAYS.npz SETTINGS` prints one line of JSON.

SETTINGS is JSON: `method`, the name of a class, and `model`, the parameters of the LightGBM classifier. The
clock runs around its own preparation and scores, not around the model's fit. Its wheel is of Python 3.9;
TREX, which alone needs torch, is not run.
"""

from __future__ import annotations

import json
import sys
import time
import types
import warnings

warnings.simplefilter("ignore")
for name in ("torch", "torch.nn", "torch.optim", "torch.autograd"):
    module = sys.modules[name] = types.ModuleType(name)
    module.Module, module.Variable = object, None
    setattr(sys.modules["torch"], name.rpartition(".")[2], module)

import numpy as np  # noqa: E402
import tree_influence.explainers as explainers  # noqa: E402
from lightgbm import LGBMClassifier  # noqa: E402

arrays, settings = np.load(sys.argv[1]), json.loads(sys.argv[2])
X, y, V, t = (arrays[name] for name in ("X", "y", "V", "t"))
model = LGBMClassifier(**settings["model"]).fit(X, y)
start = time.perf_counter()
explainer = getattr(explainers, settings["method"])().fit(model, X, y)
scores = explainer.get_local_influence(V, t)
seconds = time.perf_counter() - start
np.save(settings["out"], scores)
print(json.dumps({"seconds": seconds}))
