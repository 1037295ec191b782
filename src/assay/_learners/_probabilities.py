"""Probabilities: from log scores, in place."""

from __future__ import annotations

import math

from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def softmax(answer, counts):
    """Turn log scores (m, c) into probabilities over the classes that `counts` (c,) has rows of."""
    m, c = answer.shape
    for i in range(m):
        top = -math.inf
        for k in range(c):
            if counts[k] > 0:
                top = max(top, answer[i, k])
        mass = 0.0
        for k in range(c):
            answer[i, k] = math.exp(answer[i, k] - top) if counts[k] > 0 else 0.0
            mass += answer[i, k]
        for k in range(c):
            answer[i, k] /= mass


@njit(cache=True, nogil=True)
def sure_of(answer, k):
    """Answer class k (m, c) for every row, surely."""
    answer[:] = 0.0
    answer[:, k] = 1.0
