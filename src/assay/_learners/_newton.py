"""Compiled Newton steps for logistic regression on two classes, for rows that join one by one or at once.

With rows x_i (a last entry holds the intercept), labels of +1 and -1, weights a_i and penalties v_j, minimise

    F(w) = sum_i a_i log(1 + exp(-y_i w'x_i)) + sum_j v_j w_j^2 / 2.

A row that joins moves w to the minimum of its own loss plus the quadratic model of all others (one
unknown), and its curvature enters the inverse Hessian P by Sherman and Morrison (1950). Then steps -P g
follow until the gap to the minimum is certain. P belongs to curvatures h_i, the Hessian H at w to s_i.
Where s_i >= low h_i for every row, low <= 1, H is at least low times the matrix that P inverts, so that the
Newton decrement g'H^-1 g is at most g'P g / low. Half of it is the gap up to a factor of exp(2 r), r the
margin left to move (Bach 2010). Where steps with an old P shrink the decrement too slowly, P is inverted
anew, and a step is shortened until F falls, which converges from anywhere because F is strictly convex.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from .._errors import AssayError
from .._types import Floats

GAP = 1e-8  # F at the last certified point is this close to its minimum; a step more follows
SHRINK = 0.2  # steps with an old P go on while each shrinks the decrement to this share
STEPS = 200
LANES = 16  # numbers that a compiled loop takes at a time
FAINT = 1e-10  # curvature that does not count
LOST = (
    "LogisticRegression has an optimum that double precision does not reach on some coalition; "
    "lower its C, scale the columns, or pass refit=True to assay.ModelGame."
)
_compiled: Any = njit(
    cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz", "nnan"}
)


class State(NamedTuple):
    """The rows that joined, in their order, and the minimum over them; p entries a row, room for n rows."""

    X: Floats  # (p, n): rows
    y: Floats  # (n,): labels, +1 or -1
    a: Floats  # (n,): weights
    s: Floats  # (n,): curvatures at w
    h: Floats  # (n,): curvatures in P
    r: Floats  # (2, n): slopes; room
    w: Floats  # (p,): coefficients
    P: Floats  # (p, p): inverse Hessian
    g: Floats  # (3, p): gradient, step, room
    tally: Floats  # (3,): rows; 1 once P holds; work that a fresh P might have saved


def padded(size: int) -> int:
    """`size` rounded up so that compiled loops over so many zeros more have no remainder."""
    block = LANES if size > LANES else 4
    return -(-size // block) * block


def empty(p: int, n: int) -> State:
    """No rows, and room for n."""
    n = padded(n)
    return State(
        np.zeros((p, n)), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros((2, n)), np.zeros(p),
        np.zeros((p, p)), np.zeros((3, p)), np.zeros(3),
    )  # fmt: skip


@_compiled
def append(x, y, a, state):
    """Let row `x` (p,) of label `y` and weight `a` join, without moving the coefficients."""
    k = int(state.tally[0])
    for j in range(len(x)):
        state.X[j, k] = x[j]
    state.y[k] = y
    state.a[k] = a
    state.tally[0] = k + 1


@_compiled
def slopes(state, penalty):
    """Slopes, curvatures and gradient at w; returns the range of s / h, widened to hold 1."""
    X, y, a, s, h, w, g = state.X, state.y, state.a, state.s, state.h, state.w, state.g[0]
    k = span(state)
    r, z = state.r[0], state.r[1]
    low, high = 1.0, 1.0
    margins(X, w, k, z)
    for i in range(k):
        m = y[i] * z[i]
        e = math.exp(-abs(m))
        inverse = 1.0 / (1.0 + e)
        r[i] = -y[i] * a[i] * inverse * (e if m >= 0 else 1.0)
        s[i] = a[i] * e * inverse * inverse
    for i in range(k):
        ratio = (s[i] + FAINT) / (h[i] + FAINT)
        low = ratio if ratio < low else low
        high = ratio if ratio > high else high
    for j in range(len(w)):
        slope = 0.0
        for i in range(k):
            slope += X[j, i] * r[i]
        g[j] = slope + penalty[j] * w[j]
    return low, high


@_compiled
def span(state):
    """The rows that joined, and empty ones up to a multiple of what a loop takes at a time."""
    return min(-(-int(state.tally[0]) // LANES) * LANES, len(state.y))


@_compiled
def margins(X, w, k, z):
    """Write w'x of the first k rows of X (p, n) to `z`."""
    p = len(w)
    for i in range(k):
        z[i] = 0.0
    whole = p - p % 4
    for j in range(0, whole, 4):
        for i in range(k):
            z[i] += (w[j] * X[j, i] + w[j + 1] * X[j + 1, i]) + (
                w[j + 2] * X[j + 2, i] + w[j + 3] * X[j + 3, i]
            )
    for j in range(whole, p):
        for i in range(k):
            z[i] += w[j] * X[j, i]


@_compiled
def renew(state, penalty):
    """Invert the Hessian at w into P, by sweeping each column of a positive definite matrix."""
    X, s, P = state.X, state.s, state.P
    k, p = span(state), len(penalty)
    scaled = state.r[1]
    for j in range(p):
        for i in range(k):
            scaled[i] = s[i] * X[j, i]
        whole = (j + 1) - (j + 1) % 4
        for c in range(0, whole, 4):
            t0, t1, t2, t3 = 0.0, 0.0, 0.0, 0.0
            for i in range(k):
                t0 += scaled[i] * X[c, i]
                t1 += scaled[i] * X[c + 1, i]
                t2 += scaled[i] * X[c + 2, i]
                t3 += scaled[i] * X[c + 3, i]
            P[j, c], P[j, c + 1], P[j, c + 2], P[j, c + 3] = t0, t1, t2, t3
        for c in range(whole, j + 1):
            t0 = 0.0
            for i in range(k):
                t0 += scaled[i] * X[c, i]
            P[j, c] = t0
        P[j, j] += penalty[j] + FAINT
        for c in range(j):
            P[c, j] = P[j, c]
    sweep(P, state.g[2])
    for i in range(k):
        state.h[i] = s[i]
    state.tally[1] = 1.0
    state.tally[2] = 0.0


@_compiled
def sweep(P, row):
    """Invert a positive definite matrix in place; `row` (p,) is room.

    Sweeping the pivots keeps the matrix symmetric and ends with minus its inverse (Goodnight 1979).
    """
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
def decrement(state):
    """Write the step P g, and return g'P g."""
    P, g, u = state.P, state.g[0], state.g[1]
    total = 0.0
    for i in range(len(u)):
        step = 0.0
        for j in range(len(u)):
            step += P[i, j] * g[j]
        u[i] = step
        total += step * g[i]
    return total


@_compiled
def move(state, share):
    """Step by -share P g."""
    for j in range(len(state.w)):
        state.w[j] -= share * state.g[1, j]


@_compiled
def polish(state, penalty):
    """Go to the minimum of F over the rows that joined."""
    k, p = state.tally[0], len(penalty)
    dear = k * p * p / 2 + p**3 / 2  # cost of a fresh P, in multiplications
    before, share, most = np.inf, 1.0, np.inf
    for turn in range(STEPS):
        low, high = slopes(state, penalty)
        rise = 0.0
        if most < np.inf:
            for j in range(p):
                rise -= state.g[0, j] * state.g[1, j]
        if rise > most:  # too long: back to where the slope would be just below 0, were it linear
            back = share * (1.0 - max(0.9 * before / (before + rise), 0.3))
            move(state, -back)
            share -= back
            continue
        most = np.inf
        gap = decrement(state)
        if state.tally[1] == 1.0 and abs(gap) <= 2 * GAP * low:
            if state.tally[2] > dear:
                renew(state, penalty)
                decrement(state)
                high = 1.0
            move(state, 1.0 / high)
            return
        if state.tally[1] == 1.0 and 0.0 < gap <= SHRINK * before and low > 0.05:
            state.tally[2] += k * (2 * p + 20) if turn > 0 else 0.0
            before = gap
            move(state, 2.0 / (1.0 + high))
        else:
            renew(state, penalty)
            before = decrement(state)
            if abs(before) <= 2 * GAP:
                move(state, 1.0)
                return
            most, share = leeway(_reach(state)) * before, 1.0
            move(state, 1.0)
    raise AssayError(LOST)


@_compiled
def _reach(state):
    """The largest change of a margin by a Newton step."""
    z, k = state.r[1], span(state)
    margins(state.X, state.g[1], k, z)
    reach = 0.0
    for i in range(k):
        reach = max(reach, abs(z[i]))
    return reach


@_compiled
def leeway(reach):
    """The slope at the end of a Newton step, as a share of that at its start, up to which F surely fell.

    With r the reach, curvature along the step grows at most like exp(r t), so that F falls until
    t = log(1 + r) / r: all the way for r <= 1, and for r <= 10 by more than a slope of 0.1 at the end undoes.
    Convexity does the rest: F falls while the slope is below 0.
    """
    if reach <= 1.0:
        return np.inf
    return 0.1 if reach <= 10.0 else 0.0


@_compiled
def learn(x, y, a, penalty, state):
    """Let a row join whose P holds, and go to the new minimum."""
    u, P, p, k = state.g[1], state.P, len(x), int(state.tally[0])
    append(x, y, a, state)
    reach, start = 0.0, 0.0
    for i in range(p):
        step = 0.0
        for j in range(p):
            step += P[i, j] * x[j]
        u[i] = step
        reach += step * x[i]
        start += state.w[i] * x[i]
    slope, curve = _alone(y * start, reach * a)
    for i in range(p):
        state.w[i] += y * a * slope * u[i]
    state.h[k] = a * curve
    share = a * curve / (1.0 + a * curve * reach)
    for i in range(p):
        for j in range(p):
            P[i, j] -= share * u[i] * u[j]
    polish(state, penalty)


@_compiled
def _alone(start, reach):
    """Slope and curvature of one row's loss at the margin z that solves z = start + reach / (1 + exp(z)).

    The difference of both sides is convex below 0 and concave above: from 0 towards the root (or from a bound
    nearer to it) Newton's steps never pass it.
    """
    z = 0.0 if start + 0.5 * reach > 0.0 else min(0.0, start + reach)
    z, wrong, e = max(z, start), 0.5, 1.0
    for _ in range(40):
        e = math.exp(-abs(z))
        wrong = e / (1.0 + e) if z >= 0 else 1.0 / (1.0 + e)
        step = (start + reach * wrong - z) / (1.0 + reach * e / ((1.0 + e) * (1.0 + e)))
        z += step
        if abs(step) < 1e-4:
            break
    return wrong, e / ((1.0 + e) * (1.0 + e))


@_compiled
def join(rows, X, y, a, penalty, V, state, probable, answers):
    """Let `rows` (k,) join one by one, and write the answers (k, m, 2) after each.

    X (n, p) are the rows, y (n,) +1 or -1, `a` (2,) the weights of either label; all 0: balanced.
    """
    balanced = a[0] == 0.0
    z = np.empty(V.shape[1])
    for i in range(len(rows)):
        row = rows[i]
        side = int(y[row] > 0)
        if balanced:
            append(X[row], y[row], 1.0, state)
            k = int(state.tally[0])
            positive = int((state.y[:k] > 0).sum())
            if positive in (0, k):
                continue
            state.tally[0] = k - 1
            for j in range(k):
                state.a[j] = k / (2.0 * (positive if state.y[j] > 0 else k - positive))
            weight = k / (2.0 * (positive if side else k - positive))
        else:
            weight = a[side]
        if state.tally[1] == 1.0:
            learn(X[row], y[row], weight, penalty, state)
        else:
            append(X[row], y[row], weight, state)
            k = int(state.tally[0])
            if abs(state.y[:k].sum()) == k:
                continue
            polish(state, penalty)
        margins(V, state.w, V.shape[1], z)
        write(z, probable, answers[i])


@_compiled
def write(z, probable, answer):
    """Write margins z (m,) as an answer (m, 2): margins, or probabilities."""
    for i in range(len(answer)):
        if probable:
            e = math.exp(-abs(z[i]))
            less = e / (1.0 + e)
            answer[i, 0] = less if z[i] >= 0 else 1.0 / (1.0 + e)
            answer[i, 1] = 1.0 / (1.0 + e) if z[i] >= 0 else less
        else:
            answer[i, 0] = 0.0
            answer[i, 1] = z[i]


@_compiled
def fit(rows, X, y, a, penalty, start, V, probable, state, answer):
    """Write the answer (m, 2) of the minimum over `rows` (k,), of weights `a` (2,), from `start`."""
    for i in range(len(rows)):
        append(X[rows[i]], y[rows[i]], a[int(y[rows[i]] > 0)], state)
    state.w[:] = start
    polish(state, penalty)
    z = np.empty(V.shape[1])
    margins(V, state.w, len(z), z)
    write(z, probable, answer)
