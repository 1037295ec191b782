"""Meet kernel: rows by leaves times leaves by judges, where each row has one leaf a tree."""

from __future__ import annotations

from ..._compiled import compiled


@compiled
def meet(leaves, weights, first, judges, given, out):
    """Add to out[i, judge] what row i and the judge weigh, multiplied, for each leaf that they share."""
    for i in range(leaves.shape[0]):
        line = out[i]
        for s in range(leaves.shape[1]):
            leaf, weight = leaves[i, s], weights[i, s]
            for p in range(first[leaf], first[leaf + 1]):
                line[judges[p]] += weight * given[p]
