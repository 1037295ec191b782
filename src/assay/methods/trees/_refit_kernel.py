"""Refit kernel: all leaves filled again without a row, one row after another."""

from __future__ import annotations

import math

import numpy as np

from ..._compiled import compiled
from ._pull_kernel import BINARY, SQUARED

NOTHING = 1e-150  # a sum of second derivatives that fills no leaf


@compiled
def refit(first, leaves, judge_leaves, kind, eta, ridge, factor, values, moving, starts, targets, out):
    """Fill out (rows, m, outputs) with the judges' scores where row `first`, `first + 1`, ... is not there.

    `starts` are the scores before the first tree, of the n training rows and then of the m judges. A leaf
    that has no row left holds 0; one that does not move, or that no training row falls into, what it held.
    """
    rows, m, outputs = out.shape
    trees, n = leaves.shape
    means, scores = np.empty((n, outputs)), np.empty((n, outputs))
    G, H, full = np.zeros(len(values)), np.zeros(len(values)), values.copy()
    for here in range(rows):
        gone = first + here
        scores[:] = starts[:n]
        out[here] = starts[n:]
        for s in range(trees):
            k, tree = s % outputs, leaves[s]
            if k == 0:
                _fill_means(scores, kind, means)
            for j in range(n):
                G[tree[j]] = 0.0
                H[tree[j]] = ridge
            for j in range(n):
                if j != gone:
                    mean = means[j, k]
                    G[tree[j]] += mean - targets[j, k]
                    H[tree[j]] += 1.0 if kind == SQUARED else factor * mean * (1 - mean)
            for j in range(n):
                leaf = tree[j]
                if moving[leaf]:
                    full[leaf] = -eta * G[leaf] / H[leaf] if H[leaf] > NOTHING else 0.0
            for j in range(n):
                scores[j, k] += full[tree[j]]
            for t in range(m):
                out[here, t, k] += full[judge_leaves[s, t]]


@compiled
def _fill_means(scores, kind, means):
    """What scores stand for, as `Loss.mean` says."""
    n, outputs = scores.shape
    for j in range(n):
        if kind == SQUARED:
            means[j, 0] = scores[j, 0]
        elif kind == BINARY:
            means[j, 0] = 1 / (1 + math.exp(-scores[j, 0]))
        else:
            top, total = scores[j, 0], 0.0
            for k in range(1, outputs):
                top = max(top, scores[j, k])
            for k in range(outputs):
                means[j, k] = math.exp(scores[j, k] - top)
                total += means[j, k]
            for k in range(outputs):
                means[j, k] /= total
