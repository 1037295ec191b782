"""pyDVL's side of the detection benchmark; see `_detect`."""

from __future__ import annotations

import numpy as np
from _detect import TREES, main
from pydvl.valuation import DataOOBValuation, Dataset, KNNShapleyValuation
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier


def neighbours(task):
    """KNN-Shapley, judged by the right rows."""
    run = KNNShapleyValuation(KNeighborsClassifier(5), Dataset(task["V"], task["t"]), progress=False)
    run.fit(Dataset(task["X"], task["y"]))
    return run.result.values[np.argsort(run.result.indices)]


def out_of_bag(task):
    """Data-OOB of a random forest."""
    forest = RandomForestClassifier(TREES, random_state=0).fit(task["X"], task["y"])
    run = DataOOBValuation(forest)
    run.fit(Dataset(task["X"], task["y"]))
    return run.result.values[np.argsort(run.result.indices)]


if __name__ == "__main__":
    main({"pyDVL KNN-Shapley": neighbours, "pyDVL Data-OOB": out_of_bag})
