"""Coalitions of given sizes."""

from __future__ import annotations

import numpy as np

from ..._types import Coalitions, Positions


def of_sizes(sizes: Positions, n: int, rng: np.random.Generator) -> Coalitions:
    """A coalition (len(sizes), n) of each size, the rows uniform; sizes are below `n`."""
    keys = rng.random((len(sizes), n))
    bar = np.sort(keys, axis=1)[np.arange(len(sizes)), sizes]
    return keys < bar[:, None]
