"""Facility location: rows such that every row of a pool is near one of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import euclidean_distances

from .._errors import AssayError
from .._types import Floats, Positions
from .._valuer import same_bits

BLOCK = 1024  # rows whose distances are found at a time
MOST = 2**32  # bytes of distances


def facility_location(X: Floats, k: int) -> tuple[Positions, Floats]:
    """Pick `k` rows greedily; positions (k,) and by how much each lessens the mean distance to the nearest.

    The similarity is the largest of all distances less the distance, and so before the first pick each row is
    as far as that. What is reached is at least 1 - 1/e of what the best set does. All distances are kept, in
    float32: O(n^2 d) time and 4 n^2 bytes.
    """
    from ._greedy_kernel import greedy

    if 4 * len(X) ** 2 > MOST:
        raise AssayError(
            f"The pool has {len(X):,} rows, whose distances take more than 4 GiB; choose a smaller pool."
        )
    with same_bits(None):
        distances = _distances(X)
    far = np.full(len(X), distances.max(), float)
    picks, gains = greedy(distances, far, k, True, True)
    return picks, gains / len(X)


def _distances(X: Floats) -> NDArray[np.float32]:
    """Of all pairs, each found once in float64: near twins are near, and it is the same both ways."""
    n, X = len(X), X - X.mean(axis=0)
    distances = np.empty((n, n), np.float32)
    for start in range(0, n, BLOCK):
        end = start + BLOCK
        distances[start:end, start:] = euclidean_distances(X[start:end], X[start:])
        distances[start:, start:end] = distances[start:end, start:].T
    np.fill_diagonal(distances, 0)
    return distances
