"""Compiled distances, feature by feature in one order: equal rows are equally far to the last bit."""

from __future__ import annotations

import numpy as np

from ..._compiled import compiled

TILE = 1024  # rows whose distances stay in the cache while the features go by


@compiled
def squared(X, point, rows, out):
    """Squared Euclidean distances `out` of `rows` of X (n, d) to `point` (d,)."""
    for r in range(len(rows)):
        total = 0.0
        for j in range(X.shape[1]):
            step = np.float64(X[rows[r], j]) - point[j]
            total += step * step
        out[r] = total


@compiled
def products(X, point, rows, out):
    """Minus the dot products `out` of `rows` of X (n, d) with `point` (d,)."""
    for r in range(len(rows)):
        total = 0.0
        for j in range(X.shape[1]):
            total -= X[rows[r], j] * point[j]
        out[r] = total


@compiled
def sparse_products(data, indices, indptr, offset, factor, point, rows, out):
    """`offset + factor * dot product` of `rows` of a CSR matrix with a dense `point` (d,)."""
    for r in range(len(rows)):
        total = 0.0
        for at in range(indptr[rows[r]], indptr[rows[r] + 1]):
            total += data[at] * point[indices[at]]
        out[r] = offset[rows[r]] + factor * total


@compiled
def sparse_squared(data, indices, indptr, point, support, rows, out):
    """Squared Euclidean distances `out` of `rows` of a CSR matrix to `point` (d,), not 0 at `support` only.

    Terms are added in the order of the features, as among dense rows: both come to the same bits.
    """
    for r in range(len(rows)):
        at, stop, total, s = indptr[rows[r]], indptr[rows[r] + 1], 0.0, 0
        while at < stop or s < len(support):
            j = indices[at] if at < stop else len(point)
            step = 0.0
            if s < len(support) and support[s] <= j:
                step -= point[support[s]]
                s += 1
                if support[s - 1] == j:
                    step += data[at]
                    at += 1
            else:
                step += data[at]
                at += 1
            total += step * step
        out[r] = total


@compiled
def manhattan(columns, points, out):
    """Sums of absolute differences `out` (b, n) of `points` (b, d) to rows given as `columns` (d, n)."""
    out[:] = 0.0
    for start in range(0, columns.shape[1], TILE):
        stop = min(start + TILE, columns.shape[1])
        for p in range(points.shape[0]):
            for j in range(columns.shape[0]):
                x = points[p, j]
                for i in range(start, stop):
                    out[p, i] += abs(columns[j, i] - x)


@compiled
def sparse_manhattan(data, indices, indptr, points, out):
    """Sums of absolute differences `out` (b, n) of dense `points` (b, d) to the rows of a CSR matrix."""
    for p in range(points.shape[0]):
        whole = np.abs(points[p]).sum()
        for i in range(len(indptr) - 1):
            total = whole
            for at in range(indptr[i], indptr[i + 1]):
                x = points[p, indices[at]]
                total += abs(data[at] - x) - abs(x)
            out[p, i] = total
