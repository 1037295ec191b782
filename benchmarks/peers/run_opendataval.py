"""OpenDataVal's side: `python run_opendataval.py ARRAYS.npz SETTINGS` prints one line of JSON, the last one.

SETTINGS is JSON: `method` (shapley, beta, banzhaf, leave-one-out), `model` (logistic), and `batches`:
permutations, or for banzhaf coalitions. Evaluations are counted as they are made: its truncation of
permutations cannot be switched off, and a permutation begins with its first five rows.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from _models import MODELS  # noqa: E402
from opendataval.dataval import BetaShapley, DataBanzhaf, DataShapley, LeaveOneOut  # noqa: E402
from opendataval.metrics import accuracy  # noqa: E402
from opendataval.model.api import ClassifierSkLearnWrapper  # noqa: E402


class Counted(ClassifierSkLearnWrapper):
    """The wrapper for scikit-learn, which counts its fits."""

    fits = 0

    def fit(self, *args, **kwargs):
        """Fit and count."""
        Counted.fits += 1
        return super().fit(*args, **kwargs)


def valuation(method, batches):
    """The method at its default settings, but with a bound on its work."""
    if method == "banzhaf":
        return DataBanzhaf(num_models=batches, random_state=0)
    if method == "leave-one-out":
        return LeaveOneOut(random_state=0)
    sampled = {"max_mc_epochs": 1, "models_per_epoch": batches, "random_state": 0}
    return BetaShapley(alpha=4, beta=1, **sampled) if method == "beta" else DataShapley(**sampled)


def main():
    """Run and measure."""
    arrays, settings = np.load(sys.argv[1]), json.loads(sys.argv[2])
    classes = len(np.unique(arrays["y"]))
    one_hot = np.eye(classes)
    parts = (arrays["X"], one_hot[arrays["y"]], arrays["V"], one_hot[arrays["t"]])
    model = MODELS[settings["model"]]
    wrapped = Counted(type(model), classes, **model.get_params())
    run = valuation(settings["method"], settings["batches"]).input_data(*map(torch.from_numpy, parts))
    run.input_model_metric(wrapped, accuracy)
    Counted.fits = 0
    start = time.perf_counter()
    run.train_data_values()
    values = run.evaluate_data_values()
    seconds = time.perf_counter() - start
    print("\n" + json.dumps({"evals": Counted.fits, "seconds": seconds, "values": values.tolist()}))


if __name__ == "__main__":
    main()
