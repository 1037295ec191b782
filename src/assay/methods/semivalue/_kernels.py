"""Kernels: the sums behind estimates, draw by draw; sequential, so that the bits are the same everywhere."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def add_orders(orders, worths, weights, sums, before, lines):
    """Add the orders' draws to `sums` by Welford's recurrence; `lines` orders in a row are one draw."""
    n = orders.shape[1]
    gains = np.empty(n)
    for first in range(0, len(orders), lines):
        gains[:] = 0.0
        for line in range(first, first + lines):
            for s in range(n):
                gains[orders[line, s]] += weights[s] * (worths[line, s + 1] - worths[line, s])
        before += 1
        for i in range(n):
            gain = gains[i] / lines
            change = gain - sums[0, i]
            sums[0, i] += change / before
            sums[1, i] += change * (gain - sums[0, i])


@njit(cache=True, nogil=True)
def add_coalitions(members, into, out, sums, lines):
    """Add draws and their squares to `sums` (2, n): `into[k]` where line k holds the row, else `out[k]`.

    `lines` lines in a row are one draw, their mean. Members are 0 or 1 (uint8): no branch, so it vectorises.
    """
    n = members.shape[1]
    for first in range(0, len(members), lines):
        if lines == 1:
            rest, more = out[first], into[first] - out[first]
            square, extra = rest * rest, into[first] ** 2 - rest * rest
            for i in range(n):
                sums[0, i] += rest + more * members[first, i]
                sums[1, i] += square + extra * members[first, i]
            continue
        for i in range(n):
            draw = 0.0
            for k in range(first, first + lines):
                draw += out[k] + (into[k] - out[k]) * members[k, i]
            draw /= lines
            sums[0, i] += draw
            sums[1, i] += draw * draw
