"""Compiled semivalues of how near the mean of the nearest labels comes to a judge's."""

from __future__ import annotations

from ..._compiled import compiled


@compiled
def add_mean_shares(order, labels, label, room, square, pair, before, scale, out):
    """Add `scale` times the semivalues of minus (sum of the k nearest labels / count - label)² to `out` (n,).

    `room`, `square` and `pair` (n + 1,) are those of `Chances`; `before` (n + 1,) is room for the sums of the
    nearest labels. Two rows that follow each other differ only where both would find room: one takes the
    place of the other among the same rows.
    """
    n = len(order)
    before[0] = 0.0
    for r in range(n):
        before[r + 1] = before[r] + labels[order[r]]
    far = labels[order[n - 1]]
    worth = far * (2 * label * room[n] - far * square[n] - 2 * pair[n] * before[n - 1])
    out[order[n - 1]] += scale * worth
    beyond = 0.0  # sum over the rows past the two of label x pair, which ranks them without one of the two
    for r in range(n - 1, 0, -1):  # the two at ranks r and r + 1, from 1
        y, z = labels[order[r - 1]], labels[order[r]]
        if r + 2 <= n:
            beyond += labels[order[r + 1]] * pair[r + 1]
        others = pair[r] * before[r - 1] + beyond
        worth += (y - z) * (2 * label * room[r] - (y + z) * square[r] - 2 * others)
        out[order[r - 1]] += scale * worth
