"""Compiled Shapley recurrences over one judge's ranking, from the farthest row inwards."""

from __future__ import annotations

import numpy as np

from ..._compiled import compiled


@compiled
def add_hit_shares(words, shift, inverse, out):
    """Add the Shapley values of the hits among the k nearest, over k, to `out` (n,).

    `inverse` (n + 1,) holds 1 / max(k, rank). The value of a row is that of the next one out, plus the
    difference of their hits times `inverse` at its rank (Jia et al. 2019, Theorem 1).
    """
    one, rows = np.uint64(1), np.uint64((1 << shift) - 1)
    hit, worth = np.int64(0), 0.0
    for rank in range(len(words), 0, -1):
        word = words[rank - 1]
        nearer = np.int64(word & one)
        worth += (nearer - hit) * inverse[rank]  # no branch: hits are hard to foresee
        hit = nearer
        out[np.int64((word & rows) >> one)] += worth


@compiled
def add_label_shares(order, y, labels, inverse, out):
    """Add the mean over the columns of `y` (n, L) of the shares of `add_hit_shares`; `labels` (L,)."""
    n, width = y.shape
    for c in range(width):
        hit = 1.0 if y[order[n - 1], c] == labels[c] else 0.0
        worth = hit * inverse[n] / width
        out[order[n - 1]] += worth
        for rank in range(n - 1, 0, -1):
            nearer = 1.0 if y[order[rank - 1], c] == labels[c] else 0.0
            worth += (nearer - hit) * inverse[rank] / width
            hit = nearer
            out[order[rank - 1]] += worth


@compiled
def add_number_shares(order, labels, label, k, before, scale, out):
    """Add `scale` times the Shapley values of minus the squared error of the k-NN mean to `out` (n,).

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
    out[order[n - 1]] += scale * worth
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
        out[order[r - 1]] += scale * worth
