"""Scatter: deviations of rows from the means of their classes, and equations in them, row by row.

With S the scatter within classes (sums of squares and products of deviations), n rows and s^2 = diag(S) / n,
scikit-learn takes the singular values of the deviations over s sqrt(n), drops those up to `tol`, and inverts:
W = pinv(R) over s s', where R = S / (n s s') is the correlation within classes. Where nothing is dropped and
columns are independent W is n S^-1, whatever s is. That nothing is dropped is shown by the trace of R^-1: it
is at least the largest eigenvalue of R^-1, so those of R are above `tol`^2 where it is below `tol`^-2.

Arrays have `width(d)` columns for d features, the rest zeros: loops without a remainder are vectorised whole.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .._types import Floats
from ._dense import add_outer, combine, dot, factor, gram, invert_triangle, times, width

SOLVED, NO_RANK, ROUNDED = 0, 1, 2
SIZE, READY, AGE, SEEN = 0, 1, 2, 3  # places in `Scatter.marks`
DRIFT = 1e-9  # residual, relative, at which the inverse is made anew
SAFE = 1e5  # trace up to which an inverse by Cholesky, squared, is good to 1e-9


class Scatter(NamedTuple):
    """What is known of the rows learnt, and room to compute in."""

    members: NDArray[np.intp]  # (n,) their positions
    marks: NDArray[np.intp]  # (4,) rows; whether `inverse` is of now; its age in rows; classes
    counts: Floats  # (c,)
    sums: Floats  # (c, d)
    means: Floats  # (c, d) by differences: exact where a column is constant, which sums over counts are not
    spread: Floats  # (d,) diag(S)
    scatter: Floats  # (d, d) S
    inverse: Floats  # (d, d) of S, with ones in place of the zeros of columns that do not vary
    steps: Floats  # (d, d) the first deviations h: S is the sum of h h'
    gaps: Floats  # (c - 1, d) what is asked: means less that of the first class; 0 where a column is constant
    slopes: Floats  # (c - 1, d) what is answered: W times `gaps`
    lines: Floats  # (4, d) room
    squares: Floats  # (3, d, d) room


@njit(cache=True, nogil=True)
def begin(n, d, c):
    """No rows."""
    w = width(d)
    return Scatter(
        np.empty(n, np.intp),
        np.zeros(4, np.intp),
        np.zeros(c),
        np.zeros((c, w)),
        np.zeros((c, w)),
        np.zeros(w),
        np.zeros((w, w)),
        np.zeros((w, w)),
        np.zeros((w, w)),
        np.zeros((c - 1, w)),
        np.zeros((c - 1, w)),
        np.zeros((4, w)),
        np.zeros((3, w, w)),
    )


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def learn(state, X, position, k):
    """Add one row of class k: S grows by h h', h = sqrt(n_k / (n_k + 1)) (row - mean of the class)."""
    marks, count, d = state.marks, state.counts[k], X.shape[1]
    sums, means, step = state.sums, state.means, state.lines
    share, root = 1.0 / (count + 1), math.sqrt(count / (count + 1))
    for a in range(d):
        gap = X[position, a] - means[k, a]
        sums[k, a] += X[position, a]
        means[k, a] += gap * share
        step[0, a] = root * gap
    if count > 0:
        place = marks[SIZE] - marks[SEEN]
        if place < d:
            state.steps[place] = step[0]
        fresh = 0
        for a in range(d):
            fresh += state.spread[a] == 0.0 and step[0, a] != 0.0
            state.spread[a] += step[0, a] * step[0, a]
        add_outer(state.scatter, 1.0, step, 0)
        marks[READY] &= fresh == 0  # else a column varies from now on
        if marks[READY]:
            _update(state)
    state.members[marks[SIZE]] = position
    state.counts[k] += 1
    marks[SIZE] += 1
    marks[SEEN] += count == 0


@njit(cache=True, nogil=True, error_model="numpy")
def _update(state):
    """Sherman and Morrison: the inverse of S + h h', h in the first of `lines`."""
    lines, marks = state.lines, state.marks
    times(state.inverse, lines, 0, lines, 1)
    add_outer(state.inverse, -1.0 / (1.0 + dot(lines, 0, lines, 1)), lines, 1)
    marks[AGE] += 1
    if marks[AGE] >= max(128, 2 * lines.shape[1]):  # d^3 for every 2 d rows: no more than the updates
        marks[READY] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def solve(state, tol):
    """Write `gaps` and `slopes`; SOLVED, or NO_RANK where nothing varies within classes.

    ROUNDED where a column is constant in every class but its mean, as scikit-learn finds it, is not that
    constant: then the rounding is scaled up to one, and only the same steps give the same answers.
    """
    spread, d, active = state.spread, len(state.spread), 0
    for a in range(d):
        active += spread[a] > 0.0
    if active < d:
        for a in range(d):
            if spread[a] == 0.0 and _rounded(state, a):
                return ROUNDED
    if active == 0:
        return NO_RANK
    _ask(state)
    rank = state.marks[SIZE] - state.marks[SEEN]
    if rank < active:
        solved = _by_gram(state, rank, tol) or _by_rows(state, rank, tol)
    else:
        solved = _by_inverse(state, tol)
    if not solved and not _by_eigenvectors(state, tol):
        return NO_RANK
    return SOLVED


@njit(cache=True, nogil=True, error_model="numpy")
def _rounded(state, a):
    for k in range(len(state.counts)):
        if state.counts[k] > 0 and state.sums[k, a] / state.counts[k] != state.means[k, a]:
            return True
    return False


@njit(cache=True, nogil=True)
def _ask(state):
    """Write `gaps`."""
    counts, means, spread, gaps = state.counts, state.means, state.spread, state.gaps
    first, place = 0, 0
    while counts[first] == 0:
        first += 1
    for k in range(first + 1, len(counts)):
        if counts[k] > 0:
            for a in range(len(spread)):
                gaps[place, a] = means[k, a] - means[first, a] if spread[a] > 0.0 else 0.0
            place += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _scale(spread, lines, i):
    """Write 1 / (s sqrt n), or 1 where a column does not vary, into one of `lines`."""
    for a in range(len(spread)):
        lines[i, a] = 1.0 / math.sqrt(spread[a]) if spread[a] > 0.0 else 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def _by_gram(state, rank, tol):
    """Fewer rows than columns: with Y = h / (s sqrt n) and K = Y Y', pinv(Y'Y) = Y' K^-1 K^-1 Y.

    False where K^-1 by its Cholesky factor is not good enough, or a singular value may be up to `tol`. The
    scale s changes with every row, and with it every number in K, so that nothing is left to update.
    """
    lines, squares, total = state.lines, state.squares, state.marks[SIZE]
    Y, K, back = squares[0], squares[1], squares[2]
    K[:] = 0.0
    _scale(state.spread, lines, 3)
    for i in range(rank):
        for a in range(Y.shape[1]):
            Y[i, a] = state.steps[i, a] * lines[3, a]
    gram(Y, rank, K)
    if not factor(K, rank, lines):
        return False
    trace = invert_triangle(K, rank, lines, back)
    if not (trace * tol * tol < 0.99 and trace < SAFE):
        return False
    for g in range(state.marks[SEEN] - 1):
        for a in range(Y.shape[1]):
            lines[0, a] = state.gaps[g, a] * lines[3, a]
        for i in range(lines.shape[1]):
            lines[1, i] = dot(Y, i, lines, 0) if i < rank else 0.0
        for _ in range(2):  # K^-1 = B B', B = `back`
            lines[2] = 0.0
            combine(lines, 2, lines, 1, 1.0, back, 0, rank, width(rank))
            for i in range(rank):
                lines[1, i] = dot(back, i, lines, 2)
        lines[0] = 0.0
        combine(lines, 0, lines, 1, float(total), Y, 0, rank, Y.shape[1])
        for a in range(Y.shape[1]):
            state.slopes[g, a] = lines[0, a] * lines[3, a]
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _by_rows(state, rank, tol):
    """As `_by_gram`, without squaring: with Y = T'Q (Q'T is a QR of Y'), pinv(Y'Y) = Q' T^-T T^-1 Q.

    Gram and Schmidt, every row twice, which leaves Q orthogonal to rounding.
    """
    lines, Q, T, back = state.lines, state.squares[0], state.squares[1], state.squares[2]
    d = Q.shape[1]
    _scale(state.spread, lines, 3)
    T[:] = 0.0
    for i in range(rank):
        for a in range(d):
            Q[i, a] = state.steps[i, a] * lines[3, a]
        for _ in range(2):
            for j in range(i):
                part = dot(Q, i, Q, j)
                T[j, i] += part
                for a in range(d):
                    Q[i, a] -= part * Q[j, a]
        T[i, i] = math.sqrt(dot(Q, i, Q, i))
        if not T[i, i] > tol:
            return False
        for a in range(d):
            Q[i, a] /= T[i, i]
    if not invert_triangle(T, rank, lines, back) * tol * tol < 0.99:
        return False
    for g in range(state.marks[SEEN] - 1):
        for a in range(d):
            lines[0, a] = state.gaps[g, a] * lines[3, a]
        for j in range(d):
            lines[1, j] = dot(Q, j, lines, 0) if j < rank else 0.0
        for i in range(d):
            lines[2, i] = dot(back, i, lines, 1) if i < rank else 0.0
        lines[1] = 0.0
        combine(lines, 1, lines, 2, 1.0, back, 0, rank, width(rank))
        lines[0] = 0.0
        combine(lines, 0, lines, 1, float(state.marks[SIZE]), Q, 0, rank, d)
        for a in range(d):
            state.slopes[g, a] = lines[0, a] * lines[3, a]
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _by_inverse(state, tol):
    """At least as many rows as columns: n S^-1, by the inverse and one step of refinement."""
    marks, trace = state.marks, 0.0
    for _ in range(2):
        if not marks[READY] and not _invert(state):
            return False
        sound = True
        for g in range(marks[SEEN] - 1):
            sound &= _refined(state, g)
        if sound or marks[AGE] == 0:
            break
        marks[READY] = 0
    for a in range(len(state.spread)):
        trace += state.spread[a] * state.inverse[a, a]
    if not trace * tol * tol < 0.99:
        marks[READY] = 0
        return False
    return True


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _refined(state, g):
    """Write n S^-1 gap; whether the residual was small before refinement."""
    gaps, slopes, lines, total = state.gaps, state.slopes, state.lines, state.marks[SIZE]
    times(state.inverse, gaps, g, slopes, g)
    times(state.scatter, slopes, g, lines, 0)
    rest, size = 0.0, 0.0
    for a in range(lines.shape[1]):
        lines[0, a] = gaps[g, a] - lines[0, a]
        rest += lines[0, a] * lines[0, a]
        size += gaps[g, a] * gaps[g, a]
    times(state.inverse, lines, 0, lines, 1)
    for a in range(lines.shape[1]):
        slopes[g, a] = total * (slopes[g, a] + lines[1, a])
    return rest <= DRIFT * DRIFT * size


@njit(cache=True, nogil=True, error_model="numpy")
def _invert(state):
    """Make the inverse of S by the Cholesky factor of the correlations; whether there is one."""
    lines, inverse, d = state.lines, state.inverse, len(state.spread)
    R, back, turned = state.squares[0], state.squares[1], state.squares[2]
    _scale(state.spread, lines, 3)
    for a in range(d):
        for b in range(d):
            R[a, b] = state.scatter[a, b] * lines[3, a] * lines[3, b]
        R[a, a] = 1.0
    if not factor(R, d, lines):
        return False
    invert_triangle(R, d, lines, back)
    for a in range(d):
        for b in range(d):
            turned[b, a] = back[a, b]
    inverse[:] = 0.0  # R^-1 = B B', B = U^-1 = `back`, an upper triangle
    for a in range(d):
        combine(inverse, a, back, a, 1.0, turned, a, d, d)
        for b in range(d):
            inverse[a, b] *= lines[3, a] * lines[3, b]
    state.marks[READY], state.marks[AGE] = 1, 0
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _by_eigenvectors(state, tol):
    """Any rank: the eigenvalues of R up to tol^2 are dropped; False where none is left."""
    lines, R, d = state.lines, state.squares[0], len(state.spread)
    _scale(state.spread, lines, 3)
    for a in range(d):
        for b in range(d):
            R[a, b] = state.scatter[a, b] * lines[3, a] * lines[3, b]
    values, vectors = np.linalg.eigh(R)
    turned = np.ascontiguousarray(vectors.T)
    for g in range(state.marks[SEEN] - 1):
        lines[1] = state.gaps[g] * lines[3]
        for i in range(d):
            lines[2, i] = dot(turned, i, lines, 1) / values[i] if values[i] > tol * tol else 0.0
        lines[1] = 0.0
        combine(lines, 1, lines, 2, float(state.marks[SIZE]), turned, 0, d, d)
        state.slopes[g] = lines[1] * lines[3]
    return values[d - 1] > tol * tol
