"""Volume kernel: the volume of every prefix, by turning rows into a triangular factor and out of it."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

SINGULAR = 1e-3  # a factor is made afresh rather than divided by a pivot this small


@njit(cache=True, nogil=True)
def volumes(Q, rows, cells, factor):
    """Robust volumes of the first 0, 1, ... of `rows`, whose cells are `cells`.

    R is the triangular factor of the means of the cells, R' R = M' M, so that the volume is the product of
    its diagonal. A row that joins replaces the mean of its cell: the new mean is rotated into R, and the old
    one out of it, in O(d**2) each (LINPACK's update and downdate).
    """
    d, k = Q.shape[1], len(rows)
    means, counts = np.zeros((cells.max() + 1 if k else 0, d)), np.zeros(k, np.intp)
    worths, R, x = np.zeros(k + 1), np.zeros((d, d)), np.empty(d)
    filled, weight = 0, 1.0
    for j in range(k):
        cell, row = cells[j], Q[rows[j]]
        count = counts[cell]
        old = means[cell].copy()
        means[cell] += (row - old) / (count + 1)
        counts[cell] += 1
        filled += count == 0
        top = len(factor) - 1
        weight *= factor[min(count + 1, top)] / factor[min(count, top)]
        x[:] = means[cell]
        _rotate_in(R, x)
        if count > 0 and not _rotate_out(R, old):
            _afresh(R, means, counts)
        if filled >= d:
            volume = weight
            for i in range(d):
                volume *= R[i, i]
            worths[j + 1] = volume
    return worths


@njit(cache=True, nogil=True)
def _rotate_in(R, x):
    """R' R + x x', in R; Givens rotations; `x` is used up."""
    d = len(x)
    for i in range(d):
        if x[i] != 0.0:
            r = math.hypot(R[i, i], x[i])
            c, s = R[i, i] / r, x[i] / r
            R[i, i] = r
            for j in range(i + 1, d):
                held = R[i, j]
                R[i, j] = c * held + s * x[j]
                x[j] = c * x[j] - s * held
    return


@njit(cache=True, nogil=True)
def _rotate_out(R, x):
    """R' R - x x', in R, and True; or False, and R is as it was, where that would be near singular."""
    d = len(x)
    p, c, s = np.empty(d), np.empty(d), np.empty(d)
    left = 1.0
    for i in range(d):
        held = x[i]
        for j in range(i):
            held -= R[j, i] * p[j]
        if R[i, i] < SINGULAR * abs(held) or R[i, i] == 0.0:
            return False
        p[i] = held / R[i, i]
        left -= p[i] * p[i]
    if left < SINGULAR:
        return False
    alpha = math.sqrt(left)
    for i in range(d - 1, -1, -1):
        r = math.hypot(alpha, p[i])
        c[i], s[i] = alpha / r, p[i] / r
        alpha = r
    for j in range(d):
        carried = 0.0
        for i in range(j, -1, -1):
            held = c[i] * carried + s[i] * R[i, j]
            R[i, j] = c[i] * R[i, j] - s[i] * carried
            carried = held
    return True


@njit(cache=True, nogil=True)
def _afresh(R, means, counts):
    """The factor of the means of the cells that hold rows."""
    R[:] = 0.0
    for cell in range(len(means)):
        if counts[cell] > 0:
            _rotate_in(R, means[cell].copy())
