"""Compiled selection of the nearest rows of each judge, from distances that are only about right.

The nearest rows so far are a heap with the farthest on top, by exact distance and then by row. A row whose
rough key is beyond what the top allows is passed over without a look at its features.
"""

from __future__ import annotations

import numpy as np

from ._compiled import compiled

LANE = 32  # rows that are passed over together


@compiled
def sift(keys, offset, first, limits, far, rows, X, points, scale, base, product):
    """Take the rows `first`, `first + 1`, ... with the rough keys `offset + keys` into the heaps.

    `keys` (b, t) float32; `limits` (b,) float32, `far` (b, K) and `rows` (b, K) are the state. A row is
    looked at if its key is at most its judge's limit, which is `scale * top - base` and a little more; exact
    distances are those of `_distances`.
    """
    b, t = keys.shape
    whole = t // LANE * LANE
    for p in range(b):
        for start in range(0, whole, LANE):
            limit, found = limits[p], 0
            for i in range(LANE):
                found += offset[start + i] + keys[p, start + i] <= limit
            if found:
                for i in range(start, start + LANE):
                    if offset[i] + keys[p, i] <= limits[p]:
                        offer(first + i, p, limits, far, rows, X, points, scale, base, product)
        for i in range(whole, t):
            if offset[i] + keys[p, i] <= limits[p]:
                offer(first + i, p, limits, far, rows, X, points, scale, base, product)


@compiled
def offer(row, p, limits, far, rows, X, points, scale, base, product):
    """Put `row` in place of the top of heap `p` if it is nearer, or as near and earlier."""
    x = distance(X, row, points[p], product)
    if not is_before(x, row, far[p, 0], rows[p, 0]):
        return
    put(x, row, far[p], rows[p])
    top = scale * far[p, 0]
    limits[p] = top - base[p] + 1e-6 * (abs(top) + abs(base[p]))


@compiled
def distance(X, row, point, product):
    """Minus the product of a row of X (n, d) with `point` (d,), or the squared distance, as `_distances`."""
    x = 0.0
    for j in range(X.shape[1]):
        if product:
            x -= X[row, j] * point[j]
        else:
            step = np.float64(X[row, j]) - point[j]
            x += step * step
    return x


@compiled
def put(x, row, far, rows):
    """Replace the top of a heap."""
    here, size = 0, len(far)
    while True:
        child = 2 * here + 1
        if child >= size:
            break
        if child + 1 < size and is_before(far[child], rows[child], far[child + 1], rows[child + 1]):
            child += 1
        if not is_before(x, row, far[child], rows[child]):
            break
        far[here], rows[here] = far[child], rows[child]
        here = child
    far[here], rows[here] = x, row


@compiled
def is_before(x, row, y, other):
    """Whether a row is nearer than another, or as near and earlier."""
    return x < y or (x == y and row < other)


@compiled
def distances(rows, X, points, product, far):
    """Exact distances `far` (b, K) of `rows` (b, K) to `points` (b, d); infinite where the row is -1."""
    for p in range(len(rows)):
        for r in range(rows.shape[1]):
            far[p, r] = distance(X, rows[p, r], points[p], product) if rows[p, r] >= 0 else np.inf


@compiled
def look_up(hashes, order, own, far, rows, X, points, product):
    """Take the rows that share one of a judge's hashes `own` (b, tables) into its heap."""
    n = hashes.shape[1]
    seen = np.full(n, -1, np.int64)
    limits, base = np.empty(len(own), np.float32), np.zeros(len(own))
    for p in range(len(own)):
        for t in range(len(hashes)):
            at = np.searchsorted(hashes[t], own[p, t])
            while at < n and hashes[t, at] == own[p, t]:
                row = np.int64(order[t, at])
                if seen[row] != p:
                    seen[row] = p
                    offer(row, p, limits, far, rows, X, points, 1.0, base, product)
                at += 1
