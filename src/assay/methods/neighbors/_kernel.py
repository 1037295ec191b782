"""Compiled loops of the nearest-neighbour methods.

Distances are sums of squared differences, feature by feature in one order for every row: equal rows are
equally far to the last bit, which the expansion into dot products does not keep. Neighbours are sorted by
distance with ties in row order. Everything is O(n) memory for each validation row under way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

TILE = 1024  # rows whose distances stay in the cache while the features go by
DIGIT = 11  # bits sorted in one pass
ROW = 64 - 3 * DIGIT  # bits left for the number of a row


def _compiled(function: Callable[..., Any]) -> Any:
    """Compile, and keep the machine code on disk where that can be written."""
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba found no directory for its cache: a read-only installation
        return njit(nogil=True)(function)


@_compiled
def distances(columns, points, out):
    """Squared distances `out` (b, n) of `points` (b, d) to rows given as `columns` (d, n)."""
    out[:] = 0.0
    for start in range(0, columns.shape[1], TILE):
        stop = min(start + TILE, columns.shape[1])
        for p in range(points.shape[0]):
            for j in range(columns.shape[0]):
                x = points[p, j]
                for i in range(start, stop):
                    step = columns[j, i] - x
                    out[p, i] += step * step


@_compiled
def nearest_first(distance, bits, packed, spare, order):
    """Fill `order` (n,) with rows by `distance` (n,), ties in row order; `bits` views the same memory.

    Non-negative floats sort like their bits. The leading 33 bits of the range in use, packed before the row's
    number, are sorted by three counting passes, the rest by one insertion pass; where that would be long, a
    merge sort takes over. `packed` and `spare` (n,) are room to work in.
    """
    n = len(distance)
    low = bits.min()
    shift = np.uint64(0)
    high = bits.max() - low
    while high >> shift >= np.uint64(1 << (3 * DIGIT)):
        shift += np.uint64(1)
    counts = np.zeros((3, (1 << DIGIT) + 1), np.int64)
    last = np.uint64((1 << DIGIT) - 1)
    for i in range(n):
        key = (bits[i] - low) >> shift
        packed[i] = key << np.uint64(ROW) | np.uint64(i)
        for turn in range(3):
            counts[turn, ((key >> np.uint64(turn * DIGIT)) & last) + np.uint64(1)] += 1
    for turn in range(3):
        places = counts[turn]
        for c in range(1 << DIGIT):
            places[c + 1] += places[c]
        move = np.uint64(ROW + turn * DIGIT)
        for i in range(n):
            digit = (packed[i] >> move) & last
            spare[places[digit]] = packed[i]
            places[digit] += 1
        packed, spare = spare, packed
    moves = 0
    for i in range(n):
        row = np.int64(packed[i] & np.uint64((1 << ROW) - 1))
        here = i
        while here > 0 and distance[order[here - 1]] > distance[row]:
            order[here] = order[here - 1]
            here -= 1
            moves += 1
        order[here] = row
        if moves > 16 * n:
            order[:] = np.argsort(distance, kind="mergesort")
            return


@_compiled
def add_class_values(order, codes, code, k, values):
    """Add the Shapley values of the hits among the k nearest to `values` (n,), for one validation row."""
    n = len(order)
    hit = 1.0 if codes[order[n - 1]] == code else 0.0
    worth = hit / max(n, k)
    values[order[n - 1]] += worth
    for r in range(n - 1, 0, -1):  # from the farthest inwards; r is the rank, from 1
        nearer = 1.0 if codes[order[r - 1]] == code else 0.0
        if nearer != hit:
            worth += (nearer - hit) / k * min(k, r) / r
            hit = nearer
        values[order[r - 1]] += worth


@_compiled
def add_number_values(order, labels, label, k, before, values):
    """Add the Shapley values of minus the squared error of the k-NN mean to `values` (n,).

    With q(r) = m (m - 1) / (2 r (r - 1)), m = min(k, r): the chance that a given one of r - 1 rows joins
    before the last of r, which still finds room among the k nearest. `before[r]` sums the r nearest labels.
    """
    n = len(order)
    before[0] = 0.0
    for r in range(n):
        before[r + 1] = before[r] + labels[order[r]]
    far = labels[order[n - 1]]
    m = min(k, n)
    q = m * (m - 1) / (2.0 * n * (n - 1)) if n > 1 else 0.0
    worth = far * ((2 * label / k - far / k**2) * m / n - 2 / k**2 * q * before[n - 1])
    values[order[n - 1]] += worth
    beyond = 0.0  # sum over the rows past the pair of label x q
    for r in range(n - 1, 0, -1):  # the pair at ranks r and r + 1, from 1
        y, z = labels[order[r - 1]], labels[order[r]]
        if r + 2 <= n:
            m = min(k, r + 1)
            beyond += labels[order[r + 1]] * m * (m - 1) / (2.0 * (r + 1) * r)
        m = min(k, r)
        q = m * (m - 1) / (2.0 * r * (r - 1)) if r > 1 else 0.0
        worth += (y - z) * (
            (2 * label / k - (y + z) / k**2) * m / r - 2 / k**2 * (q * before[r - 1] + beyond)
        )
        values[order[r - 1]] += worth
