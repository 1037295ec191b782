"""Compiled loops that score bags: the answers of a given tree, their outcomes, and the sums of outcomes."""

from __future__ import annotations

import numpy as np

from ..._compiled import compiled


@compiled
def walk(X, bag, features, thresholds, lefts, rights, leaves, answers):
    """Fill `answers` (n,) with what a tree says of the rows out of `bag`, nan for those in it: how many?

    `X` (n, d) is float32 without missing values, `leaves` (nodes,) holds what each node would answer.
    """
    answers[:] = 0.0
    inside = 0
    for row in bag:
        inside += answers[row] == 0.0
        answers[row] = np.nan
    for row in range(len(X)):
        if answers[row] == 0.0:
            node = 0
            while lefts[node] >= 0:
                node = lefts[node] if X[row, features[node]] <= thresholds[node] else rights[node]
            answers[row] = leaves[node]
    return inside


@compiled
def judge(answers, y, numbers):
    """Turn `answers` (n,) into outcomes: minus the squared error, or 1 where the answer is right, else 0."""
    for row in range(len(y)):
        if np.isnan(answers[row]):
            continue
        if numbers:
            answers[row] = -((answers[row] - y[row]) ** 2)
        else:
            answers[row] = 1.0 if answers[row] == y[row] else 0.0


@compiled
def add(outcomes, count, total, squares):
    """Add one bag's `outcomes` (n,), nan for the rows in it, to the sums of each row."""
    for row in range(len(outcomes)):
        outcome = outcomes[row]
        if not np.isnan(outcome):
            count[row] += 1.0
            total[row] += outcome
            squares[row] += outcome * outcome
