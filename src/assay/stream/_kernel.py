"""Compiled distances of a block to judges, by columns: each is summed feature by feature, in one order.

These are the sums by which methods in memory settle near ties, to the bit. A block's columns stay in the
cache, so that they cost about what matrix products would, and nothing has to be settled afterwards.
"""

from __future__ import annotations

import numpy as np

from ..methods.neighbors._compiled import compiled

TILE = 256  # rows whose sums, and whose columns, stay in the cache while judges go by
AT_ONCE = 4  # judges that share what is read


@compiled
def squared(columns, points, out):
    """Squared Euclidean distances `out` (m, b) of `points` (m, d) to rows given as `columns` (d, b)."""
    m, sums = len(points), np.empty((AT_ONCE, TILE))
    for start in range(0, columns.shape[1], TILE):
        stop = min(start + TILE, columns.shape[1])
        for p in range(0, m, AT_ONCE):
            a, b, c, d = p, min(p + 1, m - 1), min(p + 2, m - 1), min(p + 3, m - 1)
            sums[:] = 0.0
            s, t, u, v = sums[0], sums[1], sums[2], sums[3]
            for j in range(len(columns)):
                at, to, by, on = points[a, j], points[b, j], points[c, j], points[d, j]
                column = columns[j, start:stop]
                for i in range(len(column)):
                    x = np.float64(column[i])
                    s[i] += (x - at) * (x - at)
                    t[i] += (x - to) * (x - to)
                    u[i] += (x - by) * (x - by)
                    v[i] += (x - on) * (x - on)
            for q in range(min(AT_ONCE, m - p)):
                out[p + q, start:stop] = sums[q, : stop - start]


@compiled
def products(columns, points, out):
    """Minus the dot products `out` (m, b) of `points` (m, d) with rows given as `columns` (d, b)."""
    out[:] = 0.0
    for start in range(0, columns.shape[1], TILE):
        stop = min(start + TILE, columns.shape[1])
        for p in range(len(points)):
            for j in range(len(columns)):
                x = points[p, j]
                for i in range(start, stop):
                    out[p, i] -= columns[j, i] * x
