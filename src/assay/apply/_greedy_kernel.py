"""Compiled greedy selection, which asks a row again only where it may gain more than the best so far.

Sums run over the columns of one row in one order whatever is asked beside it, so that equal rows gain the
same bits, and rounding keeps falling gains falling: to pass over a row by what it gained earlier changes no
pick. What is left to judges falls without end, and is scaled by powers of two, which round nothing.
"""

from __future__ import annotations

import math

import numpy as np

from .._compiled import compiled, compiled_with

FAR = 200  # powers of two that the largest part of what is left may be from 1


@compiled_with("reassoc", "nsz")
def _gain(line, state, nearest):
    """What a row adds: the sum of its shares of what is left, or by how much it is nearer."""
    total = 0.0
    if nearest:
        for z in range(len(state)):
            total += max(state[z] - line[z], 0.0)
    else:
        for z in range(len(state)):
            total += line[z] * state[z]
    return total


@compiled
def _take(line, state, nearest):
    """Change `state` by a pick; returns the power of two that it was multiplied by."""
    if nearest:
        for z in range(len(state)):
            state[z] = min(state[z], line[z])
        return 0
    for z in range(len(state)):
        state[z] *= 1.0 - line[z]
    power = -math.frexp(state.max())[1]
    if abs(power) <= FAR:
        return 0
    for z in range(len(state)):
        state[z] = math.ldexp(state[z], power)
    return power


@compiled
def greedy(lines, state, k, nearest, falling):
    """Pick `k` rows, each the one that gains most, the first of equals; positions (k,) and gains (k,).

    `lines` (n, m) is the share of what is left to each judge that a row takes, and `state` (m,) what is left;
    or, if `nearest`, distances to other rows, and the distance of each to its nearest pick. `state` is
    changed in place. If gains are `falling`, what a row gained earlier bounds what it gains now.
    """
    n, power = len(lines), 0
    picks, gains, bounds = np.empty(k, np.intp), np.empty(k), np.full(n, np.inf)
    for step in range(k):
        best, most = -1, -np.inf
        for turn in range(-1, n):  # the row of the highest bound first, so that most others are passed over
            i = bounds.argmax() if turn < 0 else turn
            if bounds[i] < most or (bounds[i] == most and i > best) or bounds[i] == -np.inf:
                continue
            gain = _gain(lines[i], state, nearest)
            if falling:
                bounds[i] = gain
            if best < 0 or gain > most or (gain == most and i < best):
                best, most = i, gain
        picks[step], gains[step], bounds[best] = best, math.ldexp(most, -power), -np.inf
        more = _take(lines[best], state, nearest)
        if more != 0:
            power += more
            bounds *= math.ldexp(1.0, more)
    return picks, gains
