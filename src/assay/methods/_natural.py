"""Natural: which rows lie where rows that can be trusted lie, too."""

from __future__ import annotations

import numpy as np
from scipy.stats import hypergeom
from sklearn.isotonic import isotonic_regression
from sklearn.neighbors import NearestNeighbors

from .._types import Floats

FAR = 0.05  # the share of the rows that are looked at for an excess
SURE = 0.001
IMAGINED = 1.0  # trusted rows imagined in every stretch of distances


def natural(X: Floats, trusted: Floats) -> Floats:
    """The probability (n,) that features are what they were, 1 for all where nothing speaks against it.

    Distances to the nearest of all other rows are as those of trusted rows where features are untouched. If
    the rows farthest away are trusted ones less often than chance allows (0.1% of the time), the probability
    is the ratio of the two densities of that distance, which falls with it: one minus the local false
    discovery rate of Efron (2004) turned round, by isotonic regression.

    Parameters
    ----------
    X : array of shape (n, d)
    trusted : array of shape (m, d)
    """
    n, m = len(X), len(trusted)
    both = np.vstack([X, trusted])
    spread = both.std(axis=0)
    both = (both - both.mean(axis=0)) / np.where(spread > 0, spread, 1)
    near = NearestNeighbors(n_neighbors=1).fit(both).kneighbors()[0][:, 0]
    order = np.argsort(near, kind="stable")
    valued = (order < n).astype(float)
    far = int(FAR * (n + m))
    found = np.ones(n + m)
    if far and hypergeom.cdf(far - valued[-far:].sum(), n + m, m, far) < SURE:
        steps = np.unique(isotonic_regression(valued), return_inverse=True)[1]
        rows, size = np.bincount(steps, valued), np.bincount(steps)
        ratio = (size - rows + IMAGINED) / (rows + IMAGINED * n / m) * n / m
        found[order] = np.minimum(ratio, 1)[steps]
    return found[:n]
