"""
Wrong labels are worth less
===========================

Turn one label in ten, value the rows, and look at how the wrong ones rank.
"""

# %%
# A problem: rows to value, and rows that judge.
import numpy as np
from sklearn.datasets import load_digits

import assay

X, y = load_digits(return_X_y=True)
train, valid = slice(0, 1000), slice(1000, None)
wrong = np.random.default_rng(0).choice(1000, 100, replace=False)
y[wrong] = (y[wrong] + 1) % 10
problem = assay.Problem(assay.Data(X[train], y[train]), assay.Data(X[valid], y[valid]))

# %%
# One method with judges, one without, and the control that both have to beat.
methods = {
    "KNN-Shapley": (problem, assay.KNNShapley(k=5)),
    "Data-OOB": (assay.Problem(problem.train), assay.DataOOB()),
    "random": (problem, assay.Random()),
}
found = {}
for name, (question, method) in methods.items():
    valuation = assay.value(question, method, stop=assay.Stop(evals=200), progress=False)
    found[name] = float(np.isin(valuation.lowest(100), wrong).mean())
    print(f"{name:12} {found[name]:.0%} of the 100 lowest rows are wrong ones")

assert min(found["KNN-Shapley"], found["Data-OOB"]) > 5 * found["random"]

# %%
# The distribution of the values: the wrong rows are the tail on the left.
chart = assay.value(problem, assay.KNNShapley(k=5), progress=False).plot()
