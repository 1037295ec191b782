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
def add_coalitions(members, sizes, worths, inside, outside, sums, lines):
    """Add the draws, and their squares, to `sums` (2, n)."""
    n = members.shape[1]
    for first in range(0, len(members), lines):
        for i in range(n):
            draw = 0.0
            for line in range(first, first + lines):
                t = sizes[line]
                draw += worths[line] * (inside[t] if members[line, i] else outside[t])
            draw /= lines
            sums[0, i] += draw
            sums[1, i] += draw * draw
