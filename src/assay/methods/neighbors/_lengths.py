"""Distances as numbers, not only as an order: the same to the last bit wherever a row stands."""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse

from ..._types import Floats, Positions
from ._space import Space


def lengths(space: Space, judge: int, rows: Positions, distances: Floats) -> Floats:
    """How far `rows` (r,) are from one judge; `distances` (n,) are those of all rows, as `Space` has them.

    Cosine distances are 1 less the cosine, in 0..2, and 0 where they cannot be told from it.
    """
    from . import _distances

    if space.metric == "manhattan":
        return distances[rows]
    if space.metric == "cosine":
        out = 1.0 + space.exact(judge, rows, distances)
        out[out <= space.tolerance[judge]] = 0.0
        return out
    X, point, out = space.given[0], space.given[1][judge], np.empty(len(rows))
    if issparse(X):
        _distances.sparse_squared(X.data, X.indices, X.indptr, point, np.flatnonzero(point), rows, out)
    else:
        _distances.squared(X, point, rows, out)
    return np.sqrt(out)
