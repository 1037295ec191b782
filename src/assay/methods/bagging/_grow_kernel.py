"""Compiled growing of the default ensemble's trees, which exist only while they are grown.

A tree is needed for one thing: what it answers to the rows out of its bag. These rows fall through the nodes
together with the rows in the bag, and a node that no row out of the bag reaches is never split. Features are
binned, so that a node of many rows costs one pass for each feature it looks at; splits and leaves are those
of CART: no limit of depth, least Gini impurity or variance among a random few of the features.
"""

from __future__ import annotations

import numpy as np

from ..._compiled import compiled

BINS = 256
FEW = 24  # rows that are sorted by insertion: quicker than a pass over every bin


@compiled
def _below(state, bound):
    """A whole number in 0..bound-1 of the stream `state` (1,) uint64, by SplitMix64."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.int64(((z >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32))


@compiled
def _sort(keys, order, m):
    """Fill `order` with 0..m-1 by `keys`, equal ones in order: insertion, for few."""
    for i in range(m):
        key, here = keys[i], i
        while here > 0 and keys[order[here - 1]] > key:
            order[here] = order[here - 1]
            here -= 1
        order[here] = i


@compiled
def cut_sums(keys, weights, sums, m, table):
    """The best cut (gain, bin) of `m` rows by weighted sums; bins up to it go left, gain -1 if there is none.

    The gain is the sum of `sums` squared over weight on both sides. What it lacks to variance, or to the Gini
    impurity of two classes, is the same for every cut. `table` (BINS, C + 1) is zero, and is left so.
    """
    first, last, weight, total = BINS, 0, 0.0, 0.0
    for i in range(m):
        k = np.int64(keys[i])
        first, last = min(first, k), max(last, k)
        table[k, 0] += weights[i]
        table[k, 1] += sums[i]
        weight += weights[i]
        total += sums[i]
    gain, cut, before = -1.0, -1, first
    w, s = 0.0, 0.0
    for k in range(first, last + 1):
        if table[k, 0] == 0.0:
            continue
        if w > 0.0:
            found = s * s / w + (total - s) * (total - s) / (weight - w)
            if found > gain:
                gain, cut = found, (before + k) // 2  # between the two, as a threshold is
        w += table[k, 0]
        s += table[k, 1]
        before = k
        table[k, 0] = 0.0
        table[k, 1] = 0.0
    return gain, cut


@compiled
def cut_sums_of_few(keys, weights, sums, m, order):
    """As `cut_sums`, by sorting."""
    _sort(keys, order, m)
    weight, total = 0.0, 0.0
    for i in range(m):
        weight += weights[i]
        total += sums[i]
    gain, cut, w, s = -1.0, -1, 0.0, 0.0
    for r in range(m - 1):
        i = order[r]
        w += weights[i]
        s += sums[i]
        here, after = np.int64(keys[i]), np.int64(keys[order[r + 1]])
        if here < after:
            found = s * s / w + (total - s) * (total - s) / (weight - w)
            if found > gain:
                gain, cut = found, (here + after) // 2
    return gain, cut


@compiled
def cut_counts(keys, weights, codes, m, table, left, right):
    """As `cut_sums`, for classes: the gain is the sum over sides of squared class weights over weight.

    `right` (C,) holds the weights of the classes in the node, before and after; `left` (C,) is room to work.
    """
    first, last, classes = BINS, 0, len(right)
    for i in range(m):
        k = np.int64(keys[i])
        first, last = min(first, k), max(last, k)
        table[k, codes[i]] += weights[i]
        table[k, classes] += weights[i]
    weight, squares = 0.0, 0.0
    for c in range(classes):
        left[c] = 0.0
        weight += right[c]
        squares += right[c] * right[c]
    gain, cut, before = -1.0, -1, first
    w, s = 0.0, 0.0
    for k in range(first, last + 1):
        if table[k, classes] == 0.0:
            continue
        if w > 0.0:
            found = s / w + squares / (weight - w)
            if found > gain:
                gain, cut = found, (before + k) // 2
        w += table[k, classes]
        table[k, classes] = 0.0
        before = k
        for c in range(classes):
            h = table[k, c]
            s += h * (2 * left[c] + h)
            squares -= h * (2 * right[c] - h)
            left[c] += h
            right[c] -= h
            table[k, c] = 0.0
    right[:] = left
    return gain, cut


@compiled
def cut_counts_of_few(keys, weights, codes, m, order, left, right):
    """As `cut_counts`, by sorting."""
    _sort(keys, order, m)
    weight, squares = 0.0, 0.0
    for c in range(len(right)):
        left[c] = 0.0
        weight += right[c]
        squares += right[c] * right[c]
    gain, cut, w, s = -1.0, -1, 0.0, 0.0
    for r in range(m):
        i = order[r]
        c, h = codes[i], weights[i]
        s += h * (2 * left[c] + h)
        squares -= h * (2 * right[c] - h)
        left[c] += h
        right[c] -= h
        w += h
        if r + 1 < m:
            here, after = np.int64(keys[i]), np.int64(keys[order[r + 1]])
            if here < after:
                found = s / w + squares / (weight - w)
                if found > gain:
                    gain, cut = found, (here + after) // 2
    right[:] = left
    return gain, cut


@compiled
def _part(column, rows, start, stop, cut, spare):
    """Bring the rows whose bin is at most `cut` to the front of rows[start:stop]; where the others begin."""
    here, aside = start, 0
    for i in range(start, stop):
        row = rows[i]
        goes = np.int64(column[row] <= cut)
        rows[here] = row  # written on both sides and kept on one: no branch to guess
        spare[aside] = row
        here += goes
        aside += 1 - goes
    for i in range(aside):
        rows[here + i] = spare[i]
    return here


@compiled
def _draw(state, n, times, inside, outside):
    """Draw a bag of n rows into `times` (n,), list the rows in it and out of it; how many are in it."""
    for _ in range(n):
        times[_below(state, n)] += 1.0
    k = 0
    for row in range(n):
        if times[row] > 0.0:
            inside[k] = row
            k += 1
        else:
            outside[row - k] = row
    return k


@compiled
def _gather(inside, start, times, y, codes, many, weights, sums, members, right):
    """Fill in the node's rows; (weight, sum of the labels, whether all labels are one)."""
    weight, total, pure = 0.0, 0.0, True
    for i in range(len(inside) - start):
        row = inside[start + i]
        weights[i] = times[row]
        weight += weights[i]
        if many:
            members[i] = codes[row]
            right[codes[row]] += weights[i]
            pure = pure and members[i] == members[0]
        else:
            sums[i] = weights[i] * y[row]
            total += sums[i]
            pure = pure and y[row] == y[inside[start]]
    return weight, total, pure


@compiled
def _best(columns, rows, tries, state, features, keys, weights, sums, members, many, room):
    """The best cut of `rows` among a random few features (gain -1 if all are constant): (feature, bin)."""
    order, table, left, right = room
    d, m, gain, cut, chosen, seen = len(columns), len(rows), -1.0, -1, -1, 0
    while seen < d and (seen < tries or cut < 0):
        pick = seen + _below(state, d - seen)
        f = features[pick]
        features[pick] = features[seen]
        features[seen] = f
        seen += 1
        column = columns[f]
        for i in range(m):
            keys[i] = column[rows[i]]
        if many and m <= FEW:
            found, at = cut_counts_of_few(keys, weights, members, m, order, left, right)
        elif many:
            found, at = cut_counts(keys, weights, members, m, table, left, right)
        elif m <= FEW:
            found, at = cut_sums_of_few(keys, weights, sums, m, order)
        else:
            found, at = cut_sums(keys, weights, sums, m, table)
        if found > gain:
            gain, cut, chosen = found, at, f
    return chosen, cut


@compiled
def middles_of(X, columns):
    """The value (d, BINS) half-way between the least and the largest of each bin of X (n, d)."""
    d, n = columns.shape
    low, high = np.full((d, BINS), np.inf), np.full((d, BINS), -np.inf)
    for row in range(n):
        for f in range(d):
            k, x = columns[f, row], np.float64(X[row, f])
            low[f, k], high[f, k] = min(low[f, k], x), max(high[f, k], x)
    return low / 2 + high / 2


@compiled
def _halfway(column, rows, cut, middles):
    """The last bin at most half-way, by value, between the bins of `rows` next to `cut`.

    Rows out of the bag may lie between them, and numbers of bins say nothing of how wide a gap is.
    """
    below, above = 0, BINS - 1
    for row in rows:
        k = np.int64(column[row])
        if k <= cut:
            below = max(below, k)
        else:
            above = min(above, k)
    limit = middles[below] / 2 + middles[above] / 2
    while below + 1 < above and middles[below + 1] <= limit:
        below += 1
    return below


@compiled
def answers_out_of_bag(columns, middles, y, codes, classes, tries, seed, answers):
    """Grow a tree on a bag drawn by `seed`; fill `answers` (n,) for the rows out of it, nan for the others.

    `columns` (d, n) uint8 are bins, `middles` (d, BINS) their values; `tries` is how many features a node
    looks at, more where all of these are constant. For numbers `classes` is 0 and `y` (n,) holds them; else
    `y` and `codes` (n,) are 0, 1, ..., which are what is answered, the first of equals.
    """
    d, n = columns.shape
    state = np.array([seed], np.uint64)
    times, inside, outside = np.zeros(n), np.empty(n, np.int32), np.empty(n, np.int32)
    k = _draw(state, n, times, inside, outside)
    answers[:] = np.nan
    keys, weights, sums, members = np.empty(n, np.uint8), np.empty(n), np.empty(n), np.empty(n, np.int32)
    spare, features, many = np.empty(n, np.int32), np.arange(d), classes > 2
    table, left, right = np.zeros((BINS, max(classes, 1) + 1)), np.zeros(classes), np.zeros(classes)
    room = np.empty(FEW, np.int32), table, left, right
    stack, top = np.empty((k + 1, 4), np.int64), 1
    stack[0] = 0, k, 0, n - k
    while top > 0:
        top -= 1
        start, stop, out, end = stack[top]
        if out == end:
            continue
        right[:] = 0.0
        weight, total, pure = _gather(
            inside[:stop], start, times, y, codes, many, weights, sums, members, right
        )
        chosen, cut = -1, -1
        if not pure:
            chosen, cut = _best(
                columns, inside[start:stop], tries, state, features, keys, weights, sums, members, many, room
            )
        if cut < 0:
            answer = y[inside[start]] if pure else total / weight  # a mean of equals may round
            if many:
                answer = float(np.argmax(right))
            elif classes > 0:
                answer = 1.0 if 2 * total > weight else 0.0
            for i in range(out, end):
                answers[outside[i]] = answer
            continue
        cut = _halfway(columns[chosen], inside[start:stop], cut, middles[chosen])
        middle = _part(columns[chosen], inside, start, stop, cut, spare)
        fork = _part(columns[chosen], outside, out, end, cut, spare)
        stack[top] = middle, stop, fork, end
        stack[top + 1] = start, middle, out, fork
        top += 2
