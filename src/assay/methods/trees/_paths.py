"""The kernel of paths: rows are near where small leaves hold both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array

from ..._types import Floats
from ._meetings import Meetings
from ._ready import Ready


def kernel(ready: Ready) -> Callable[[int, int], Floats]:
    """k(i, t) (rows, m) of a stretch of rows: the sum of 1 / count**2 over leaves that hold both."""
    rows, judges, counts = _distinct(ready)
    meetings = Meetings.of(rows, judges, len(counts))
    weights, others = 1 / counts[rows], 1 / np.maximum(counts[judges], 1)
    return lambda start, stop: meetings.product(weights, others, start, stop)


def features(ready: Ready) -> csr_array:
    """The training rows (n, leaves), of which the kernel is the inner product: 1 / count for their leaves."""
    rows, _, counts = _distinct(ready)
    trees, n = rows.shape
    pointers = np.arange(0, trees * n + 1, trees)
    return csr_array((1 / counts[rows.T.ravel()], rows.T.ravel(), pointers), (n, len(counts)))


def _distinct(ready: Ready) -> tuple[np.ndarray, np.ndarray, Floats]:
    """Leaves of rows and of judges, and the counts of leaves; the outputs of a forest share their trees."""
    every = 1 if ready.leaves.boosted else ready.leaves.outputs
    return ready.leaves.train.leaves[::every], ready.judges.leaves[::every], ready.leaves.counts
