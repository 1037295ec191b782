"""LASSO kernel: a path of penalties for many targets that share one Gram matrix."""

from __future__ import annotations

import numpy as np

from ..._compiled import compiled

SWEEPS = 200  # of the rows that matter, for a penalty


@compiled
def paths(gram, cross, tops, shares, tolerance):
    """Coefficients (targets, penalties, n) by coordinate descent, each penalty starting from the one before.

    `gram` (n, n) and `cross` (targets, n) are divided by the draws; the penalties of a target are its `tops`
    times `shares`, falling; the last step of each is at most `tolerance` times its top. A step costs n where
    a coefficient changes and nothing where it stays 0.
    """
    targets, n = cross.shape
    found = np.zeros((targets, len(shares), n))
    for t in range(targets):
        beta, slope = np.zeros(n), cross[t].copy()
        least = tolerance * tops[t]
        for p in range(len(shares)):
            _descend(gram, beta, slope, tops[t] * shares[p], least)
            found[t, p] = beta
    return found


@compiled
def _descend(gram, beta, slope, penalty, least):
    """Move `beta` to the optimum; `slope` is cross less gram times beta."""
    n = len(beta)
    for _ in range(SWEEPS):
        step = 0.0
        for j in range(n):
            step = max(step, _move(gram, beta, slope, penalty, j))
        if step <= least:
            return
        for _ in range(SWEEPS):
            step = 0.0
            for j in range(n):
                if beta[j] != 0.0:
                    step = max(step, _move(gram, beta, slope, penalty, j))
            if step <= least:
                break


@compiled
def _move(gram, beta, slope, penalty, j):
    """Set one coefficient to its optimum; return how far it moved."""
    own = gram[j, j]
    if own <= 0.0:
        return 0.0
    want = slope[j] + own * beta[j]
    new = max(want - penalty, 0.0) - max(-want - penalty, 0.0)
    moved = new / own - beta[j]
    if moved != 0.0:
        beta[j] += moved
        slope -= moved * gram[j]
    return abs(moved)
