"""Compiled order of rows for each judge, in blocks that rows enter and leave, with sums that survive shifts.

A judge's rows stand in blocks of at most some hundred, nearest first. What a row loses to the hits beyond it
is the sum of 1 / (t - 1) - 1 / t over their ranks t, and ranks shift with each change. So a block keeps the
moments of its hits' places about its middle: a few terms of the series of that sum about the block's own rank
give it to 1e-13, wherever the block has moved to, as long as the block is short beside its rank. Blocks that
are not are summed hit by hit.

`rows` (m, blocks, size) int32, `count` (m, blocks), `used` (m,), `moments` (m, blocks, TERMS) are the state;
X (slots, d), y (slots,) the rows; `points` (m, d), `labels` (m,) the judges; `kind` is what a distance is.
"""

from __future__ import annotations

import numpy as np

from ._compiled import compiled

TERMS = 12
SHORT = 9  # half blocks that a block has to be away from rank 0; the series then ends 9**-12 below its start
SQUARED, PRODUCT, ABSOLUTE = 0, 1, 2


@compiled
def distance(x, point, kind):
    """As in `_distances`, feature by feature."""
    total = 0.0
    for j in range(len(x)):
        if kind == PRODUCT:
            total -= x[j] * point[j]
        elif kind == SQUARED:
            total += (x[j] - point[j]) * (x[j] - point[j])
        else:
            total += abs(x[j] - point[j])
    return total


@compiled
def locate(far, slot, rows, count, used, X, point, kind):
    """The block, and the place in it, of the first row of one judge that is not before (`far`, `slot`)."""
    low, high = 0, used - 1  # the last block whose first row is before, or block 0
    while low < high:
        middle = (low + high + 1) // 2
        if stands_before(rows[middle, 0], far, slot, X, point, kind):
            low = middle
        else:
            high = middle - 1
    block, low, high = low, 0, count[low]
    while low < high:
        middle = (low + high) // 2
        if stands_before(rows[block, middle], far, slot, X, point, kind):
            low = middle + 1
        else:
            high = middle
    if low == count[block] and block + 1 < used:
        return block + 1, 0
    return block, low


@compiled
def stands_before(other, far, slot, X, point, kind):
    """Whether row `other` is nearer than `far`, or as near and earlier than `slot`."""
    x = distance(X[other], point, kind)
    return x < far or (x == far and other < slot)


@compiled
def remake(rows, count, y, label, moments):
    """Moments of the hits of one block about its middle, places scaled to -1..1."""
    moments[:] = 0.0
    middle = (count - 1) / 2
    for i in range(count):
        if y[rows[i]] == label:
            place, power = (i - middle) / max(middle, 1.0), 1.0
            for q in range(TERMS):
                moments[q] += power
                power *= place


@compiled
def remake_all(start, stop, rows, count, used, moments, y, labels):
    """Moments of all blocks of the judges `start:stop`."""
    for p in range(start, stop):
        for b in range(used[p]):
            remake(rows[p, b], count[p, b], y, labels[p], moments[p, b])


@compiled
def insert(start, stop, slot, rows, count, used, moments, X, y, points, labels, kind):
    """Put a row into the order of the judges `start:stop`; each has a block to spare."""
    size = rows.shape[2]
    for p in range(start, stop):
        far = distance(X[slot], points[p], kind)
        b, at = locate(far, slot, rows[p], count[p], used[p], X, points[p], kind)
        if count[p, b] == size:  # its upper half becomes a block
            for other in range(used[p], b + 1, -1):
                rows[p, other] = rows[p, other - 1]
                count[p, other], moments[p, other] = count[p, other - 1], moments[p, other - 1]
            used[p] += 1
            half = size // 2
            rows[p, b + 1, : size - half] = rows[p, b, half:]
            count[p, b], count[p, b + 1] = half, size - half
            remake(rows[p, b], half, y, labels[p], moments[p, b])
            if at > half:
                b, at = b + 1, at - half
            else:
                remake(rows[p, b + 1], size - half, y, labels[p], moments[p, b + 1])
        for i in range(count[p, b], at, -1):
            rows[p, b, i] = rows[p, b, i - 1]
        rows[p, b, at] = slot
        count[p, b] += 1
        remake(rows[p, b], count[p, b], y, labels[p], moments[p, b])


@compiled
def remove(start, stop, slot, rows, count, used, moments, X, y, points, labels, kind):
    """Take a row out of the order of the judges `start:stop`."""
    for p in range(start, stop):
        far = distance(X[slot], points[p], kind)
        b, at = locate(far, slot, rows[p], count[p], used[p], X, points[p], kind)
        count[p, b] -= 1
        for i in range(at, count[p, b]):
            rows[p, b, i] = rows[p, b, i + 1]
        if count[p, b] == 0 and used[p] > 1:
            used[p] -= 1
            for other in range(b, used[p]):
                rows[p, other] = rows[p, other + 1]
                count[p, other], moments[p, other] = count[p, other + 1], moments[p, other + 1]
        else:
            remake(rows[p, b], count[p, b], y, labels[p], moments[p, b])


@compiled
def worths(
    start, stop, x, label, slot, present, k, rows, count, used, moments, X, y, points, labels, kind, out
):
    """What the row `slot` would be worth to the judges `start:stop` with features `x` and `label`.

    `present` says whether the slot stands in the order now, and is then passed over. Nothing is changed.
    """
    for p in range(start, stop):
        far = distance(x, points[p], kind)
        b, at = locate(far, slot, rows[p], count[p], used[p], X, points[p], kind)
        own, place = -1, -1
        if present:
            now = distance(X[slot], points[p], kind)
            own, place = locate(now, slot, rows[p], count[p], used[p], X, points[p], kind)
        rank = at + 1
        for other in range(b):
            rank += count[p, other]
        if present and (own < b or (own == b and place < at)):
            rank -= 1
        lost = lost_beyond(rank, b, at, own, place, k, rows[p], count[p], used[p], moments[p], y, labels[p])
        out[p] = (label == labels[p]) / max(k, rank) - lost


@compiled
def lost_beyond(rank, b, at, own, place, k, rows, count, used, moments, y, label):
    """The sum of 1 / (t - 1) - 1 / t over the hits at ranks t > k from place `at` of block `b` on.

    The first row there has rank `rank` + 1; the row at `place` of block `own` is passed over.
    """
    total, t = 0.0, rank
    for block in range(b, used):
        first = at if block == b else 0
        middle = (count[block] - 1) / 2
        half, centre = max(middle, 1.0), t + middle
        if first or block == own or t < k or centre < SHORT * half:
            for i in range(first, count[block]):
                if block == own and i == place:
                    continue
                t += 1
                if t > k and y[rows[block, i]] == label:
                    total += 1.0 / (np.float64(t) * (t - 1))
            continue
        a, c = 1.0 / centre, 1.0 / (centre + 1)
        near, far = a, c
        for q in range(TERMS):
            total += moments[block, q] * (near - far)
            near, far = -near * half * a, -far * half * c
        t += count[block]
    return total


@compiled
def add_values(start, stop, k, n, rows, count, used, y, labels, out):
    """Add the values of all rows to the judges `start:stop` to `out` (slots,)."""
    for p in range(start, stop):
        worth, hit, rank = 0.0, 0, n
        for b in range(used[p] - 1, -1, -1):
            for i in range(count[p, b] - 1, -1, -1):
                slot = rows[p, b, i]
                nearer = 1 if y[slot] == labels[p] else 0
                worth += (nearer - hit) / max(k, rank)
                hit, rank = nearer, rank - 1
                out[slot] += worth
