"""Compiled sorting of rows by their distance to one judge, ties in row order.

A row is one 64-bit word: the leading bits of its key (a distance, on a linear scale from the smallest to the
largest), then its number, then one bit of the caller's. Words are parted by their leading bits so that a part
fits the cache; each part is sorted by two counting passes over the next bits and one insertion pass over its
words. Keys come from matrix products, whose rounding could part equal rows or swap near ones: runs of rows
closer than that rounding are found afterwards, and put in order by exact distances.
"""

from __future__ import annotations

import numpy as np

from ..._compiled import compiled

DIGIT = 11  # bits of a counting pass where rows are few, and there is one part
PARTED = 17  # bits of a number of rows that do not fit the cache
PART = 8  # bits that part them, and that each pass then sorts by
PRECISE = 52  # bits of a float
FEW = 32  # rows that insertion sorts quickest
PATIENCE = 8  # insertion moves a row, on average, before another way of sorting takes over


@compiled
def sort_rows(keys, offset, factor, whole, hits, words, spare):
    """Sort rows by `offset + factor * keys`, written over `keys`.

    `hits` (n,) is the caller's bit; `words` and `spare` (n,) uint64 are room. Returns whichever of the two
    holds the sorted words, the other, how many low bits of a word are not its key, and the scale from
    distances to keys: at least 1, so that none are lost, where distances are `whole` numbers and fit.
    """
    n = len(keys)
    low, high = np.inf, -np.inf
    for i in range(n):
        x = offset[i] + factor * keys[i]
        keys[i] = x
        low, high = min(low, x), max(high, x)
    shift = 2
    while n > 1 << (shift - 1):
        shift += 1
    bits = min(64 - shift, PRECISE)
    scale = 2.0**bits * (1.0 - 2.0**-20) / max(high - low, 1e-290)
    if whole:
        scale = 2.0 ** np.floor(np.log2(scale))
    row = np.uint64(shift)
    for i in range(n):
        key = np.uint64((keys[i] - low) * scale)
        words[i] = key << row | np.uint64(i) << np.uint64(1) | np.uint64(hits[i])
    top = shift + bits
    if n <= 1 << PARTED:
        _sort_part(words, spare, top, DIGIT)
        return words, spare, shift, scale
    ends = _scatter(words, np.uint64(top - PART), PART, spare)
    for c in range(len(ends)):
        start, stop = ends[c - 1] if c else 0, ends[c]
        _sort_part(spare[start:stop], words[start:stop], top - PART, PART)
    return spare, words, shift, scale


@compiled
def _sort_part(words, spare, top, digit):
    """Sort words that differ below bit `top`: by its next digits, then by insertion."""
    _scatter(words, np.uint64(top - 2 * digit), digit, spare)
    _scatter(spare, np.uint64(top - digit), digit, words)
    _insert(words)


@compiled
def _scatter(words, low, digit, out):
    """One stable counting pass by the digit that starts at bit `low`; returns the ends of digits."""
    last, places = np.uint64((1 << digit) - 1), np.zeros(1 << digit, np.int64)
    for i in range(len(words)):
        places[np.int64((words[i] >> low) & last)] += 1
    total = 0
    for c in range(len(places)):
        count = places[c]
        places[c] = total
        total += count
    for i in range(len(words)):
        place = np.int64((words[i] >> low) & last)
        out[places[place]] = words[i]
        places[place] += 1
    return places


@compiled
def _insert(words):
    """Finish sorting what is nearly sorted; where it is not, sort it another way."""
    moves = 0
    for i in range(1, len(words)):
        word = words[i]
        here = i
        while here > 0 and words[here - 1] > word:
            words[here] = words[here - 1]
            here -= 1
            moves += 1
        words[here] = word
        if moves > PATIENCE * len(words):
            words[:] = np.sort(words)
            return


@compiled
def close_runs(words, shift, units):
    """Starts and stops of runs of words whose keys follow each other by at most `units`."""
    n, s, most = len(words), np.uint64(shift), np.uint64(units)
    found = 0
    for i in range(1, n):
        found += (words[i] >> s) - (words[i - 1] >> s) <= most
    starts, stops = np.empty(found, np.int64), np.empty(found, np.int64)
    if found == 0:
        return starts, stops
    runs, inside = 0, False
    for i in range(1, n):
        close = (words[i] >> s) - (words[i - 1] >> s) <= most
        if close and not inside:
            starts[runs] = i - 1
        if close:
            stops[runs] = i + 1
        elif inside:
            runs += 1
        inside = close
    if inside:
        runs += 1
    return starts[:runs], stops[:runs]


@compiled
def rows_of(words, shift, out):
    """The rows of words, into `out`."""
    rows = np.uint64((1 << shift) - 1)
    for i in range(len(words)):
        out[i] = np.int64((words[i] & rows) >> np.uint64(1))


@compiled
def sort_runs(words, shift, starts, stops, exact):
    """Put each run in the order of the `exact` distances of its rows, one run after another."""
    rows = np.uint64((1 << shift) - 1)
    done = 0
    for r in range(len(starts)):
        run = words[starts[r] : stops[r]]
        far = exact[done : done + len(run)]
        done += len(run)
        if len(run) > FEW:
            by_row = np.argsort(run & rows)
            order = by_row[np.argsort(far[by_row], kind="mergesort")]
            run[:] = run[order]
            continue
        for i in range(1, len(run)):
            word, x = run[i], far[i]
            here = i
            while here > 0 and (
                far[here - 1] > x or (far[here - 1] == x and (run[here - 1] & rows) > (word & rows))
            ):
                run[here], far[here] = run[here - 1], far[here - 1]
                here -= 1
            run[here], far[here] = word, x
