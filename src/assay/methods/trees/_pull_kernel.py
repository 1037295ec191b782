"""Pull kernel: what judges ask of leaves, carried back through all trees to the rows that made them."""

from __future__ import annotations

import numpy as np

from ..._compiled import compiled

FOREST, SQUARED, BINARY, CLASSES = range(4)


@compiled
def pull_back(leaves, means, values, denominators, moves, kind, eta, factor, pull, out):
    """Add to out (n, b) minus the derivatives of b sums of losses by the weights of the rows.

    By reverse accumulation, from the last round to the first. `pull` (leaves, b) holds the derivatives of the
    sums by the leaves' values, as judges see them; the training rows' own are added on the way, as they
    become known: `wish` (n, outputs, b), derivatives by the scores after a round.
    """
    rounds, n, outputs = means.shape
    b = pull.shape[1]
    wish, step, total = np.zeros((n, outputs, b)), np.empty((outputs, b)), np.empty(b)
    for r in range(rounds - 1, -1, -1):
        for k in range(outputs):
            s = r * outputs + k
            if kind != FOREST:
                for j in range(n):
                    leaf = leaves[s, j]
                    for c in range(b):
                        pull[leaf, c] += wish[j, k, c]
            for j in range(n):
                leaf, move = leaves[s, j], moves[s, j]
                for c in range(b):
                    out[j, c] += pull[leaf, c] * move
        if kind == FOREST:
            continue
        for j in range(n):
            total[:] = 0.0
            for k in range(outputs):
                leaf, mean = leaves[r * outputs + k, j], means[r, j, k]
                slope = eta
                if kind != SQUARED:
                    slope += values[leaf] * factor * (1 - 2 * mean)
                slope /= -denominators[leaf]
                if kind == BINARY:
                    slope *= 1 - mean
                for c in range(b):
                    step[k, c] = slope * pull[leaf, c]
                    total[c] += mean * step[k, c]
            for k in range(outputs):
                mean = 1.0 if kind == SQUARED else means[r, j, k]
                for c in range(b):
                    rest = total[c] if kind == CLASSES else 0.0
                    wish[j, k, c] += mean * (step[k, c] - rest)
