"""Scatter: deviations of rows from the means of their classes, and equations in them, row by row.

With S the scatter within classes (sums of squares and products of deviations), n rows and s^2 = diag(S) / n,
scikit-learn takes the singular values of the deviations over s sqrt(n), drops those up to `tol`, and inverts:
W = pinv(R) over s s', where R = S / (n s s') is the correlation within classes. Where nothing is dropped and
columns are independent W is n S^-1, whatever s is. That nothing is dropped is shown by the trace of R^-1: it
is at least the largest eigenvalue of R^-1, so those of R are above `tol`^2 where it is below `tol`^-2.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .._types import Floats

SOLVED, NO_RANK, ROUNDED = 0, 1, 2
SIZE, READY, AGE = 0, 1, 2  # places in `Scatter.marks`
DRIFT = 1e-9  # residual, relative, at which the inverse is made anew


class Scatter(NamedTuple):
    """What is known of the rows learnt."""

    members: NDArray[np.intp]  # (n,) their positions
    marks: NDArray[np.intp]  # (3,) how many they are; whether `inverse` is of now; its age in rows
    counts: Floats  # (c,)
    sums: Floats  # (c, d)
    means: Floats  # (c, d) by differences: exact where a column is constant, which sums over counts are not
    scatter: Floats  # (d, d) S
    inverse: Floats  # (d, d) of S, with ones in place of the zeros of columns that do not vary
    steps: Floats  # (d, d) the first deviations h: S is the sum of h h'


@njit(cache=True, nogil=True)
def begin(n, d, c):
    """No rows."""
    square = np.zeros((d, d))
    return Scatter(
        np.empty(n, np.intp),
        np.zeros(3, np.intp),
        np.zeros(c),
        np.zeros((c, d)),
        np.zeros((c, d)),
        square,
        square.copy(),
        square.copy(),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def learn(state, row, position, k):
    """Add one row of class k: S grows by h h', h = sqrt(n_k / (n_k + 1)) (row - mean of the class)."""
    marks, count, mean = state.marks, state.counts[k], state.means[k]
    state.members[marks[SIZE]] = position
    sums, step, root = state.sums[k], np.empty(len(row)), math.sqrt(count / (count + 1))
    for a in range(len(row)):
        gap = row[a] - mean[a]
        sums[a] += row[a]
        step[a] = root * gap
        mean[a] += gap / (count + 1)
    if count > 0:
        place = marks[SIZE] - (state.counts > 0).sum()
        if place < len(step):
            state.steps[place] = step
        _add_outer(state.scatter, 1.0, step)
        if marks[READY]:
            _update(state, step)
    state.counts[k] += 1
    marks[SIZE] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _update(state, step):
    """Sherman and Morrison: the inverse of S + h h'."""
    for a in range(len(step)):
        if step[a] != 0.0 and state.scatter[a, a] == step[a] * step[a]:  # the column varies from now on
            state.marks[READY] = 0
            return
    along = _times(state.inverse, step)
    _add_outer(state.inverse, -1.0 / (1.0 + _dot(along, step)), along)
    state.marks[AGE] += 1
    if state.marks[AGE] >= max(32, len(step)):  # d^3 for every d rows: no more than the updates
        state.marks[READY] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def solve(state, tol, gaps, answers):
    """Write W gaps (q, d) into `answers` (q, d); SOLVED, or NO_RANK where nothing varies within classes.

    ROUNDED where a column is constant in every class but its mean, as scikit-learn finds it, is not that
    constant: then the rounding is scaled up to one, and only the same steps give the same answers.
    """
    d, total, seen, active = len(state.scatter), state.marks[SIZE], 0, 0
    for k in range(len(state.counts)):
        seen += state.counts[k] > 0
    for a in range(d):
        active += state.scatter[a, a] > 0.0
        if state.scatter[a, a] == 0.0 and _rounded(state, a):
            return ROUNDED
    if active == 0:
        return NO_RANK
    if total - seen < active:
        solved = _by_rows(state, total - seen, tol, gaps, answers)
    else:
        solved = _by_inverse(state, tol, gaps, answers)
    if not solved and not _by_eigenvectors(state, tol, gaps, answers):
        return NO_RANK
    return SOLVED


@njit(cache=True, nogil=True, error_model="numpy")
def _rounded(state, a):
    for k in range(len(state.counts)):
        if state.counts[k] > 0 and state.sums[k, a] / state.counts[k] != state.means[k, a]:
            return True
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def _by_rows(state, rank, tol, gaps, answers):
    """Fewer rows than columns: with Y = h / (s sqrt n) = T'Q (Q'T is a QR of Y'), pinv(Y'Y) = Q' T^-T T^-1 Q.

    Gram and Schmidt, every row twice, which leaves Q orthogonal to rounding.
    """
    d, total = len(state.scatter), state.marks[SIZE]
    scale = np.empty(d)  # 1 / (s sqrt n)
    for a in range(d):
        scale[a] = 1.0 / math.sqrt(state.scatter[a, a]) if state.scatter[a, a] > 0 else 1.0
    Q, T = np.empty((rank, d)), np.zeros((rank, rank))
    for i in range(rank):
        q = Q[i]
        q[:] = state.steps[i] * scale
        for _ in range(2):
            for j in range(i):
                part = _dot(q, Q[j])
                T[j, i] += part
                _add(q, -part, Q[j])
        T[i, i] = math.sqrt(_dot(q, q))
        if not T[i, i] > tol:
            return False
        q /= T[i, i]
    back = _inverse_of_triangle(T)
    if not (back * back).sum() * tol * tol < 0.99:
        return False
    for g in range(len(gaps)):
        x = gaps[g] * scale
        inner, outer = np.zeros(rank), np.zeros(rank)
        for j in range(rank):
            part = _dot(Q[j], x)
            for i in range(j + 1):
                inner[i] += back[i, j] * part
        answers[g] = 0.0
        for j in range(rank):
            for i in range(j + 1):
                outer[j] += back[i, j] * inner[i]
            _add(answers[g], outer[j], Q[j])
        answers[g] *= scale * total
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _by_inverse(state, tol, gaps, answers):
    """At least as many rows as columns: n S^-1, by the inverse and one step of refinement."""
    d, total, trace = len(state.scatter), state.marks[SIZE], 0.0
    for _ in range(2):
        if not state.marks[READY] and not _invert(state):
            return False
        trace, sound = 0.0, True
        for a in range(d):
            trace += state.scatter[a, a] * state.inverse[a, a]
        for g in range(len(gaps)):
            first = _times(state.inverse, gaps[g])
            rest = gaps[g].copy()
            _add(rest, -1.0, _times(state.scatter, first))
            _add(first, 1.0, _times(state.inverse, rest))
            worst, size = 0.0, 0.0
            for a in range(d):
                flat = state.scatter[a, a] == 0.0
                worst = worst if flat else max(worst, abs(rest[a]))
                size = size if flat else max(size, abs(gaps[g, a]))
                answers[g, a] = 0.0 if flat else first[a] * total
            sound &= worst <= DRIFT * size
        fresh = state.marks[AGE] == 0
        if sound or fresh:
            break
        state.marks[READY] = 0
    if not trace * tol * tol < 0.99:
        state.marks[READY] = 0
        return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _invert(state):
    """Make the inverse of S by the Cholesky factor of the correlations; whether there is one."""
    d = len(state.scatter)
    scale = np.empty(d)
    for a in range(d):
        scale[a] = 1.0 / math.sqrt(state.scatter[a, a]) if state.scatter[a, a] > 0 else 1.0
    factor = np.zeros((d, d))  # upper: S = U'U
    for a in range(d):
        row = factor[a]
        for b in range(a, d):
            row[b] = state.scatter[a, b] * scale[a] * scale[b]
        row[a] = 1.0
        for b in range(a):
            _add(row[a:], -factor[b, a], factor[b, a:])
        if not row[a] > 1e-14:
            return False
        root = math.sqrt(row[a])
        for b in range(a, d):
            row[b] /= root
    back = _inverse_of_triangle(factor)  # S^-1 = B B', B = U^-1
    turned = back.T.copy()
    state.inverse[:] = 0.0
    for a in range(d):
        for b in range(a + 1):
            _add(state.inverse[b, : a + 1], turned[a, b], turned[a, : a + 1])
    for a in range(d):
        for b in range(d):
            state.inverse[a, b] *= scale[a] * scale[b]
    state.marks[READY], state.marks[AGE] = 1, 0
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _by_eigenvectors(state, tol, gaps, answers):
    """Any rank: the eigenvalues of R up to tol^2 are dropped; False where none is left."""
    d, total = len(state.scatter), state.marks[SIZE]
    scale, R = np.empty(d), np.empty((d, d))
    for a in range(d):
        scale[a] = 1.0 / math.sqrt(state.scatter[a, a]) if state.scatter[a, a] > 0 else 1.0
    for a in range(d):
        R[a] = state.scatter[a] * scale[a] * scale
    values, vectors = np.linalg.eigh(R)
    turned = np.ascontiguousarray(vectors.T)
    answers[:] = 0.0
    for i in range(d):
        if values[i] > tol * tol:
            for g in range(len(gaps)):
                _add(answers[g], _dot(turned[i], gaps[g] * scale) / values[i], turned[i])
    for g in range(len(gaps)):
        answers[g] *= scale * total
    return values[d - 1] > tol * tol


@njit(cache=True, nogil=True, error_model="numpy")
def _inverse_of_triangle(T):
    """The inverse of an upper triangle, row by row from the last."""
    r = len(T)
    back = np.zeros((r, r))
    for i in range(r - 1, -1, -1):
        row = back[i]
        for j in range(i + 1, r):
            _add(row[j:], -T[i, j], back[j, j:])
        row[i] = 1.0
        for j in range(i, r):
            row[j] /= T[i, i]
    return back


@njit(cache=True, nogil=True, fastmath={"contract"})
def _times(matrix, vector):
    """A symmetric matrix times a vector, by rows: vectorises without reordering a sum."""
    out = np.zeros(len(vector))
    for a in range(len(vector)):
        weight = vector[a]
        for b in range(len(vector)):
            out[b] += weight * matrix[a, b]
    return out


@njit(cache=True, nogil=True, fastmath={"contract"})
def _add_outer(matrix, scale, vector):
    """Add scale vector vector' to a matrix."""
    for a in range(len(vector)):
        weight = scale * vector[a]
        for b in range(len(vector)):
            matrix[a, b] += weight * vector[b]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _add(out, scale, vector):
    """Add scale x vector to `out`."""
    for i in range(len(out)):
        out[i] += scale * vector[i]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _dot(a, b):
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total
