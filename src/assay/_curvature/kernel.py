"""Products of rows with one another, by threads over fixed tiles."""

from __future__ import annotations

import numpy as np

from .._gradients.features import Features
from .._parallel import each
from .._types import Floats

TILE = 512  # rows of a tile: fixed, so that bits depend on nothing else


def kernel(rows: Features) -> Floats:
    """The lower triangle of the products (n, n) of rows with one another, in Fortran order; the rest is 0."""
    n = len(rows)
    out = np.zeros((n, n), order="F")
    parts = [slice(at, min(at + TILE, n)) for at in range(0, n, TILE)]

    def fill(left: slice, right: slice) -> None:
        first, *rest = zip(rows.take(left).layers, rows.take(right).layers, strict=True)
        tile = first[0].gram(first[1])
        for mine, its in rest:
            tile += mine.gram(its)
        out[left, right] = tile

    for _ in each(fill, ((i, j) for k, i in enumerate(parts) for j in parts[: k + 1]), threads=True):
        pass
    return out
