"""Compiled Shapley recurrences over the nearest rows alone, the farthest of which counts as 0."""

from __future__ import annotations

import numpy as np

from ._compiled import compiled


@compiled
def near_hit_shares(rows, y, labels, k, out):
    """Shares `out` (b, K) of the nearest `rows` (b, K), -1 after the last; `y` (n, L), `labels` (b, L).

    The recurrence of `_shares.add_hit_shares`, a mean over the L labels, from the last row found inwards.
    """
    width = y.shape[1]
    for p in range(len(rows)):
        last = found(rows[p]) - 1
        for c in range(width):
            worth = 0.0
            for r in range(last, 0, -1):  # the pair at ranks r and r + 1, from 1
                nearer = 1.0 if y[rows[p, r - 1], c] == labels[p, c] else 0.0
                farther = 1.0 if y[rows[p, r], c] == labels[p, c] else 0.0
                worth += (nearer - farther) / max(k, r) / width
                out[p, r - 1] += worth


@compiled
def near_number_shares(rows, y, labels, k, out):
    """The same by the differences of `_mean_shares`: of minus the squared error of the k-NN mean."""
    width = y.shape[1]
    before = np.empty(rows.shape[1] + 1)
    for p in range(len(rows)):
        last = found(rows[p]) - 1
        for c in range(width):
            before[0], worth, beyond, label = 0.0, 0.0, 0.0, labels[p, c]
            for r in range(last + 1):
                before[r + 1] = before[r] + y[rows[p, r], c]
            for r in range(last, 0, -1):
                near, far = y[rows[p, r - 1], c], y[rows[p, r], c]
                if r < last:
                    beyond += y[rows[p, r + 1], c] * chance_of_both(r + 1, k)
                room = min(k, r) / r
                pairs = chance_of_both(r, k) * before[r - 1] + beyond
                gain = (2 * label / k - (near + far) / k**2) * room - 2 / k**2 * pairs
                worth += (near - far) * gain / width
                out[p, r - 1] += worth


@compiled
def chance_of_both(r, k):
    """How likely a given one of r - 1 nearer rows joins before another row, which still finds room."""
    m = min(k, r)
    return m * (m - 1) / (2.0 * r * (r - 1)) if r > 1 else 0.0


@compiled
def found(rows):
    """How many rows stand before the first -1."""
    total = 0
    while total < len(rows) and rows[total] >= 0:
        total += 1
    return total


@compiled
def add_shares(rows, shares, out):
    """Add `shares` (b, K) to their `rows` of `out` (n,), judge by judge."""
    for p in range(len(rows)):
        for r in range(rows.shape[1]):
            if rows[p, r] >= 0:
                out[rows[p, r]] += shares[p, r]
