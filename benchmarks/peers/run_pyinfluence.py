"""pyinfluence's side: `python run_pyinfluence.py NET.npz SETTINGS`; see `_net.main`.

It knows scikit-learn's ridge and binary logistic regression, so the labels are whether a digit is odd. The
clock leaves out the fit, since it asks for a fitted model.
"""

from __future__ import annotations

import time

import numpy as np
from _net import main
from pyinfluence import InfluenceFunctions, LOOInfluence
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

MODELS = {"logistic": LogisticRegression(C=1.0, max_iter=5000, tol=1e-8), "ridge": Ridge(alpha=1.0)}


def influence(net, settings, model="logistic", refit=False):
    """Scores (n, m); pyinfluence has the queries first."""
    X, y, V, t = (part.astype(np.float64) for part in (net.X, net.y % 2, net.V, net.t % 2))
    with threadpool_limits(settings["threads"]):
        start = time.perf_counter()
        fit = MODELS[model].fit(X, y)
        settings["outside"] = time.perf_counter() - start
        kind = LOOInfluence(mode="loss") if refit else InfluenceFunctions(mode="loss", damping=1e-10)
        return kind.fit(fit, X, y).explain(V, t).T


main(
    {
        "logistic": influence,
        "ridge": lambda net, settings: influence(net, settings, "ridge"),
        "loo-ridge": lambda net, settings: influence(net, settings, "ridge", refit=True),
        "loo-logistic": lambda net, settings: influence(net, settings, refit=True),
    }
)
