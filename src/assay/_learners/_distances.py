"""Distances: from every validation row to one centre, the inner loop of several twins."""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True, fastmath={"contract"})
def square_distances(columns, centre, weights, out):
    """Write sum_d weights[d] (columns[d] - centre[d])^2 into `out` (m,); `columns` is (d, m).

    Features are outermost and taken four at a time, so that the inner loop runs over contiguous rows and has
    no sum across lanes: it vectorises without reordering any sum.
    """
    d, m = columns.shape
    out[:] = 0.0
    for a in range(0, d - d % 4, 4):
        v0, v1, v2, v3 = columns[a], columns[a + 1], columns[a + 2], columns[a + 3]
        c0, c1, c2, c3 = centre[a], centre[a + 1], centre[a + 2], centre[a + 3]
        w0, w1, w2, w3 = weights[a], weights[a + 1], weights[a + 2], weights[a + 3]
        for i in range(m):
            g0, g1, g2, g3 = v0[i] - c0, v1[i] - c1, v2[i] - c2, v3[i] - c3
            out[i] += g0 * g0 * w0 + g1 * g1 * w1 + g2 * g2 * w2 + g3 * g3 * w3
    for a in range(d - d % 4, d):
        row, middle, weight = columns[a], centre[a], weights[a]
        for i in range(m):
            out[i] += (row[i] - middle) * (row[i] - middle) * weight
