"""Compiled Shapley values of a weighted vote of the k nearest: by tables of sums, or set by set.

Rows come nearest first. A row of weight w votes w if it has the judge's label, else -w, and the worth of a
coalition is 1, 1/2 or 0 where the votes of its k nearest rows sum to more than 0, to 0, or to less.
"""

from __future__ import annotations

import math

import numpy as np

from ..._compiled import compiled

EVEN = 1e-12  # votes that are no whole numbers sum to 0 up to rounding


@compiled
def step_back(table, vote, below, most):
    """From what coalitions come to past a row to what they come to from it on, in place.

    `table[m, t + centre]` is the mean worth where `below` rows so far sent m members with votes that sum to
    t. The share of rows that join is uniform, so that the next joins with a chance of (m + 1) / (below + 2).
    """
    k, width = table.shape
    centre = width // 2
    for m in range(min(k - 1, below + 1)):
        joins = (m + 1.0) / (below + 2.0)
        for t in range(centre - (m + 1) * most, centre + (m + 1) * most + 1):
            table[m, t] = joins * table[m + 1, t + vote] + (1.0 - joins) * table[m, t]


@compiled
def step_on(chance, vote, below, most):
    """From the sums of m of the `below` nearest rows to those with one row more, in place."""
    k, width = chance.shape
    centre = width // 2
    for m in range(min(k - 1, below + 1), 0, -1):
        takes = m / (below + 1.0)  # how many of the sets of m hold the new row
        for t in range(centre - m * most, centre + m * most + 1):
            chance[m, t] = (1.0 - takes) * chance[m, t] + takes * chance[m - 1, t - vote]


@compiled
def vote_steps(votes, k, most, steps):
    """By how much values differ from rank to rank, into `steps` (n,); the last is the farthest row's value.

    `votes` (n,) are whole numbers from -most to most. What two rows that follow each other are worth differs
    where one takes the place of the other: by what comes before both (`chance`) and past both (`table`).
    Tables past a row are kept for every so many rows, and found again in between.
    """
    n, k = len(votes), min(k, len(votes))
    centre = k * most
    ends = np.empty((k, 2 * centre + 1))
    for t in range(2 * centre + 1):
        ends[:, t] = 0.5 if t == centre else (1.0 if t > centre else 0.0)
    span = math.ceil(math.sqrt(n))
    tops, inside = np.empty(((n + span - 1) // span, *ends.shape)), np.empty((span, *ends.shape))
    table = ends.copy()
    for j in range(n - 2, -1, -1):  # the rows past the two at places j and j + 1
        if j < n - 2:
            step_back(table, votes[j + 2], j, most)
        if j == n - 2 or j % span == span - 1:
            tops[j // span] = table
    chance = np.zeros_like(ends)
    chance[0, centre] = 1.0
    for start in range(0, n - 1, span):
        stop = min(start + span, n - 1)
        inside[stop - 1 - start] = tops[start // span]
        for j in range(stop - 2, start - 1, -1):
            inside[j - start] = inside[j + 1 - start]
            step_back(inside[j - start], votes[j + 2], j, most)
        for j in range(start, stop):
            steps[j] = _difference(chance, inside[j - start], votes[j], votes[j + 1], j, most)
            step_on(chance, votes[j], j, most)
    steps[n - 1] = _difference(chance, ends, votes[n - 1], 0, n - 1, most)


@compiled
def _difference(chance, table, vote, other, below, most):
    """The mean of what `vote` rather than `other` makes of the `below` rows before, by what comes past."""
    k, width = chance.shape
    centre, total = width // 2, 0.0
    if vote == other:
        return total
    for m in range(min(k, below + 1)):
        for t in range(centre - m * most, centre + m * most + 1):
            total += chance[m, t] * (table[m, t + vote] - table[m, t + other])
    return total / (below + 1.0)


@compiled
def add_votes_by_sets(votes, k, values):
    """Add the values by rank to `values` (n,), from every set that can be the k nearest of a coalition.

    A set of k rows, the farthest at rank q, is that of all coalitions that hold it and no other row up to q;
    a smaller set is a coalition. Joined by random shares, the integrals of these chances are beta functions.
    """
    n, k = len(votes), min(k, len(votes))
    chosen, following = np.zeros(k + 1, np.int64), np.zeros(k + 1, np.int64)
    sums, up_to = np.zeros(k + 1), np.zeros(n + 1)
    size = 0
    while True:
        total = sums[size]
        worth = 0.5 if abs(total) <= EVEN else (1.0 if total > 0 else 0.0)
        reach = chosen[size - 1] + 1 if size == k else n  # rows past it change nothing
        sets = 1.0  # reach choose size
        for i in range(size):
            sets *= (reach - i) / (i + 1.0)
        without = worth / ((reach - size) * sets) if reach > size else 0.0
        up_to[reach] -= without
        for i in range(size):
            values[chosen[i]] += worth / (size * sets) + without
        if size == k or following[size] >= n:
            size -= 1
            while size >= 0 and following[size] >= n:
                size -= 1
            if size < 0:
                break
        row = following[size]
        chosen[size], sums[size + 1] = row, sums[size] + votes[row]
        following[size], following[size + 1] = row + 1, row + 1
        size += 1
    total = 0.0
    for i in range(n - 1, -1, -1):
        total += up_to[i + 1]
        values[i] += total
