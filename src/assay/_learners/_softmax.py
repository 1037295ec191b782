"""Compiled Newton steps for logistic regression on three and more classes (multinomial).

With rows x_i (a last entry holds the intercept), classes y_i, weights a_i and penalties v_j, minimise over
one vector w_b for each class

    F(w) = sum_i a_i (log sum_b exp(w_b'x_i) - w_y'x_i) + sum_b sum_j v_j w_bj^2 / 2.

A Newton step is solved by conjugate gradients on products with the Hessian, O(k c p) each, no farther than
the next gradient is worth (Dembo, Eisenstat and Steihaug 1982). Rows come in axes in which they are
uncorrelated, so that k times the diagonal of a row's mean Hessian (over all rows, at their optimum), plus the
penalty, is a first preconditioner. Inverses of the diagonal blocks, which may be old, follow once the
iterations spent would have paid for them, and are made anew by the same rule. The shift of all intercepts,
which F does not see, is orthogonal to every gradient and stays 0. Half of g'H^-1 g bounds the gap to the
minimum as in `_newton`; where that certifies, the iterations leave it RESIDUAL short.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from .._errors import AssayError
from .._types import Floats
from ._newton import LOST, leeway, padded

GAP = 1e-8  # F at the last certified point is this close to its minimum; a step more follows
FORCE = 0.1  # share of the preconditioned gradient that a solve may leave
RESIDUAL = 1e-2  # and where it certifies
RENEWAL = 3.0  # time that a multiplication takes in making blocks, as a multiple of that in products
CACHED = 1 << 16  # numbers in blocks that stay near the core: others are slow to read
STEPS = 200
FAINT = 1e-10  # keeps blocks without curvature invertible
LANES = 16
_compiled: Any = njit(
    cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz", "nnan"}
)


class State(NamedTuple):
    """The rows that joined, in their order, and the minimum over them; p entries a row, room for n rows."""

    X: Floats  # (p, n): rows
    y: Floats  # (n,): classes
    a: Floats  # (n,): weights
    q: Floats  # (c, n): probabilities
    t: Floats  # (c, n): room
    w: Floats  # (6, c, p): coefficients, gradient, step, and room for conjugate gradients
    P: Floats  # (c, p, p): inverses of diagonal blocks
    curves: Floats  # (c, p): diagonal of the Hessian of the loss, for each row that joins
    row: Floats  # (2, p): room
    tally: Floats  # (3,): rows; work that fresh blocks might have saved; 1 once there are blocks


def empty(p: int, n: int, curves: Floats) -> State:
    """No rows, and room for n; `curves` (c, p) are those of `State`."""
    c = len(curves)
    n = padded(n)
    return State(
        np.zeros((p, n)), np.zeros(n), np.zeros(n), np.zeros((c, n)), np.zeros((c, n)), np.zeros((6, c, p)),
        np.zeros((c, p, p)), curves, np.zeros((2, p)), np.zeros(3),
    )  # fmt: skip


@_compiled
def append(x, y, a, state):
    """Let row `x` (p,) of class `y` and weight `a` join, without moving the coefficients."""
    k = int(state.tally[0])
    for j in range(len(x)):
        state.X[j, k] = x[j]
    state.y[k] = y
    state.a[k] = a
    state.tally[0] = k + 1


@_compiled
def margins(X, w, k, t):
    """Write w_b'x of the first k rows of X (p, n) to `t` (c, n)."""
    for b in range(len(w)):
        for i in range(k):
            t[b, i] = 0.0
    for j in range(0, w.shape[1], 4):  # p is a multiple of 4; X is read once
        for b in range(len(w)):
            line, w0, w1, w2, w3 = t[b], w[b, j], w[b, j + 1], w[b, j + 2], w[b, j + 3]
            for i in range(k):
                line[i] += (w0 * X[j, i] + w1 * X[j + 1, i]) + (w2 * X[j + 2, i] + w3 * X[j + 3, i])


@_compiled
def soften(t, k, q):
    """Write the probabilities of margins `t` (c, n) to `q` (c, n)."""
    c = len(t)
    for i in range(k):
        top = t[0, i]
        for b in range(1, c):
            top = max(top, t[b, i])
        total = 0.0
        for b in range(c):
            q[b, i] = math.exp(t[b, i] - top)
            total += q[b, i]
        for b in range(c):
            q[b, i] /= total


@_compiled
def _collect(X, t, k, out):
    """Write X t_b, the sum over k rows, to `out` (c, p)."""
    for j in range(out.shape[1]):
        for b in range(len(out)):
            total, r = 0.0, t[b]
            for i in range(k):
                total += X[j, i] * r[i]
            out[b, j] = total


@_compiled
def slopes(state, penalty):
    """Probabilities and gradient at w."""
    k = span(state)
    w, g = state.w[0], state.w[1]
    margins(state.X, w, k, state.t)
    soften(state.t, k, state.q)
    for b in range(len(w)):
        for i in range(k):
            state.t[b, i] = state.a[i] * (state.q[b, i] - (1.0 if state.y[i] == b else 0.0))
    _collect(state.X, state.t, k, g)
    for b in range(len(w)):
        for j in range(len(penalty)):
            g[b, j] += penalty[j] * w[b, j]


@_compiled
def span(state):
    """The rows that joined, and empty ones up to a multiple of what a loop takes at a time."""
    return min(-(-int(state.tally[0]) // LANES) * LANES, len(state.y))


@_compiled
def _product(state, penalty, v, out):
    """Write the Hessian times `v` (c, p) to `out`."""
    k, c = span(state), len(v)
    t, q = state.t, state.q
    margins(state.X, v, k, t)
    for i in range(k):
        mean = 0.0
        for b in range(c):
            mean += q[b, i] * t[b, i]
        for b in range(c):
            t[b, i] = state.a[i] * q[b, i] * (t[b, i] - mean)
    _collect(state.X, t, k, out)
    for b in range(c):
        for j in range(len(penalty)):
            out[b, j] += penalty[j] * v[b, j]


@_compiled
def _renew(state, penalty):
    k, p = span(state), len(penalty)
    X = state.X
    for b in range(len(state.P)):
        P, s = state.P[b], state.t[b]
        for j in range(p):
            for i in range(k):
                s[i] = state.a[i] * state.q[b, i] * (1.0 - state.q[b, i]) * X[j, i]
            for h in range(j + 1):
                total = 0.0
                for i in range(k):
                    total += s[i] * X[h, i]
                P[j, h] = P[h, j] = total
            P[j, j] += penalty[j] + FAINT
        _sweep(P, state.row[0])
    state.tally[1], state.tally[2] = 0.0, 1.0


@_compiled
def _sweep(P, row):
    p = len(P)
    for k in range(p):
        row[:] = P[k]
        inverse = 1.0 / row[k]
        for i in range(p):
            factor = row[i] * inverse
            for j in range(p):
                P[i, j] -= factor * row[j]
        for j in range(p):
            P[k, j] = P[j, k] = row[j] * inverse
        P[k, k] = -inverse
    for i in range(p):
        for j in range(p):
            P[i, j] = -P[i, j]


@_compiled
def _dot(u, v):
    total = 0.0
    for b in range(len(u)):
        for j in range(u.shape[1]):
            total += u[b, j] * v[b, j]
    return total


@_compiled
def _condition(state, penalty, v, out):
    if state.tally[2] == 0.0:
        for b in range(len(v)):
            for j in range(v.shape[1]):
                out[b, j] = v[b, j] / (state.tally[0] * state.curves[b, j] + penalty[j] + FAINT)
        return
    for b in range(len(v)):
        for j in range(v.shape[1]):
            total = 0.0
            for h in range(v.shape[1]):
                total += state.P[b, j, h] * v[b, h]
            out[b, j] = total


@_compiled
def solve(state, penalty):
    """Write the Newton step H^-1 g, and return g'H^-1 g."""
    g, u, v, left, room = state.w[1], state.w[2], state.w[3], state.w[4], state.w[5]
    c, p = g.shape
    u[:] = 0.0
    left[:] = g
    _condition(state, penalty, left, room)
    v[:] = room
    size = _dot(left, room)
    strict, goal, gap = size * RESIDUAL**2, size * FORCE**2, 0.0
    for _ in range(4 * c * p):
        if size <= strict or (size <= goal and gap > 2 * GAP):
            break
        _product(state, penalty, v, room)
        step = size / _dot(v, room)
        gap += step * size
        for b in range(c):
            for j in range(p):
                u[b, j] += step * v[b, j]
                left[b, j] -= step * room[b, j]
        _condition(state, penalty, left, room)
        before, size = size, _dot(left, room)
        for b in range(c):
            for j in range(p):
                v[b, j] = room[b, j] + size / before * v[b, j]
        state.tally[1] += 2 * state.tally[0] * c * p
    return _dot(g, u)


@_compiled
def polish(state, penalty):
    """Go to the minimum of F over the rows that joined."""
    c, p = state.w.shape[1:]
    dear = RENEWAL * c * (state.tally[0] * p * p / 2 + p**3)
    if c * p * p > CACHED:
        dear *= 4
    gap, share, most = 0.0, 1.0, np.inf
    w, g, u = state.w[0], state.w[1], state.w[2]
    for _ in range(STEPS):
        slopes(state, penalty)
        rise = -_dot(g, u) if most < np.inf else 0.0
        if rise > most:  # too long: back to where the slope would be just below 0, were it linear
            back = share * (1.0 - max(0.9 * gap / (gap + rise), 0.3))
            _move(w, u, -back)
            share -= back
            continue
        if state.tally[1] > dear:
            _renew(state, penalty)
        gap = solve(state, penalty)
        if abs(gap) <= 2 * GAP:
            _move(w, u, 1.0)
            return
        most, share = leeway(_reach(state)) * gap, 1.0
        _move(w, u, 1.0)
    raise AssayError(LOST)


@_compiled
def _move(w, u, share):
    for b in range(len(w)):
        for j in range(w.shape[1]):
            w[b, j] -= share * u[b, j]


@_compiled
def _reach(state):
    """The largest change of a difference between two margins by a Newton step; see `_newton`."""
    k, t = span(state), state.t
    margins(state.X, state.w[2], k, t)
    reach = 0.0
    for i in range(k):
        top, low = t[0, i], t[0, i]
        for b in range(1, len(t)):
            top, low = max(top, t[b, i]), min(low, t[b, i])
        reach = max(reach, top - low)
    return reach


@_compiled
def answer(V, state, classes, probable, out):
    """Write the answer (m, width) of classes `classes` (c,); of all others -inf, or 0."""
    m, c = len(out), len(classes)
    t = np.empty((c, V.shape[1]))
    margins(V, state.w[0], V.shape[1], t)
    if probable:
        soften(t, V.shape[1], t)
    out[:] = 0.0 if probable else -np.inf
    for b in range(c):
        for i in range(m):
            out[i, classes[b]] = t[b, i]


@_compiled
def bend(state, curves):
    """Write the diagonal of the Hessian of the loss at w, for each row, to `curves` (c, p)."""
    k = int(state.tally[0])
    for b in range(len(curves)):
        for j in range(curves.shape[1]):
            total = 0.0
            for i in range(k):
                total += state.a[i] * state.q[b, i] * (1.0 - state.q[b, i]) * state.X[j, i] ** 2
            curves[b, j] = total / k


@_compiled
def join(rows, X, codes, weights, penalty, V, state, classes, probable, answers):
    """Let `rows` (k,) of classes in `classes` (c,) join one by one, and write the answers after each.

    `codes` (n,) are places in `classes`; `weights` (c,) all 0: balanced.
    """
    c = len(classes)
    counts = np.zeros(c)
    for i in range(int(state.tally[0])):
        counts[int(state.y[i])] += 1
    for i in range(len(rows)):
        row = rows[i]
        counts[codes[row]] += 1
        append(X[row], codes[row], weights[codes[row]], state)
        if weights[0] == 0.0:
            k = int(state.tally[0])
            for j in range(k):
                state.a[j] = k / (c * counts[int(state.y[j])])
        polish(state, penalty)
        answer(V, state, classes, probable, answers[i])


@_compiled
def fit(rows, X, codes, weights, penalty, start, V, state, classes, probable, out):
    """Write the answer (m, width) of the minimum over `rows` (k,) from `start` (c, p)."""
    for i in range(len(rows)):
        append(X[rows[i]], codes[rows[i]], weights[codes[rows[i]]], state)
    state.w[0] = start
    polish(state, penalty)
    answer(V, state, classes, probable, out)
