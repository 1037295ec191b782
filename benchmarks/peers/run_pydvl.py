"""pyDVL's side: `python run_pydvl.py ARRAYS.npz SETTINGS` prints one line of JSON.

SETTINGS is JSON: `method` (shapley, beta, banzhaf), `model` (see `_models`), `batches` and `n_jobs`. A
batch is one permutation (n evaluations), or for banzhaf one coalition. Only evaluations that entered the
values count, and the clock runs from the first batch that did to the last: starting and ending workers
takes pyDVL seconds.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
from _models import MODELS  # noqa: E402
from joblib import parallel_config  # noqa: E402
from pydvl.utils.status import Status  # noqa: E402
from pydvl.valuation import (  # noqa: E402
    BetaShapleyValuation,
    Dataset,
    ModelUtility,
    MSRBanzhafValuation,
    PermutationSampler,
    ShapleyValuation,
    SupervisedScorer,
)
from pydvl.valuation.stopping import StoppingCriterion  # noqa: E402


class Entered(StoppingCriterion):
    """Stop when this many batches have entered the values after the first; asked once after each batch."""

    def __init__(self, batches):
        super().__init__()
        self.batches, self.first, self.last = batches, None, None

    def _check(self, result):
        self.last = time.perf_counter()
        self.first = self.first or self.last
        return Status.Converged if self.count > self.batches else Status.Pending


def valuation(method, utility, batches, seed=0):
    """The method, which stops after `batches`."""
    done, quiet = Entered(batches), {"show_warnings": False, "progress": False}
    if method == "banzhaf":
        return MSRBanzhafValuation(utility, is_done=done, seed=seed, **quiet)
    sampler = PermutationSampler(seed=seed)
    if method == "beta":
        return BetaShapleyValuation(utility, sampler, done, alpha=4, beta=1, **quiet)
    return ShapleyValuation(utility, sampler, done, **quiet)


def main():
    """Run and measure."""
    arrays, settings = np.load(sys.argv[1]), json.loads(sys.argv[2])
    train, valid = Dataset(arrays["X"], arrays["y"]), Dataset(arrays["V"], arrays["t"])
    scorer = SupervisedScorer("accuracy", valid, default=0.5)
    utility = ModelUtility(MODELS[settings["model"]], scorer, show_warnings=False)
    run = valuation(settings["method"], utility, settings["batches"])
    with parallel_config(n_jobs=settings["n_jobs"]):
        run.fit(train)
    evals = settings["batches"] * (1 if settings["method"] == "banzhaf" else len(train))
    values = run.result.values[np.argsort(run.result.indices)]
    seconds = run.is_done.last - run.is_done.first
    print(json.dumps({"evals": evals, "seconds": seconds, "values": values.tolist()}))


if __name__ == "__main__":
    main()
