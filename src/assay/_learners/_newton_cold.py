"""Compiled fits of logistic regression on two classes, each on a coalition of its own.

The loss F is that of `_newton`. Every fit starts at the optimum over all rows, and depends on nothing else:
worths are the same bits in whatever batch a coalition is asked. Newton's steps H^-1 g are solved by conjugate
gradients on products with the Hessian H, O(k p) each for k rows, no farther than the next gradient is worth
(Dembo, Eisenstat and Steihaug 1982). Rows are rotated (`whole`) so that the Hessian of all n rows is diagonal
while the penalty stays |w|^2 / (2 C): the Hessian of k rows is near k / n times it, plus the penalty, whose
inverse preconditions the solver at no cost.

Where a solve takes more products than the Hessian's own making and factors cost, all further ones use these.

Certificate: the least over a free intercept b of F is strongly convex in all other coefficients, by 1 / C.
With slopes g, curvature c of the intercept and mixed curvatures m, F is above its minimum by no more than

    g_b^2 / (2 c) + C |g - m g_b / c|^2 / 2,

up to a factor of exp(r), r the margin that the intercept has left to move.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._types import Floats
from ._newton import FAINT, GAP, LANES, State, _compiled, leeway, margins, write

STEPS = 40
FORCE = 0.1  # share of the preconditioned gradient that a solve may leave, at most


class Whole(NamedTuple):
    """All rows, rotated, and the optimum over them; p entries a row."""

    X: Floats  # (n, p): rows
    V: Floats  # (p, m): validation rows
    penalty: Floats  # (p,): 1 / C, or 0 for a free intercept
    curves: Floats  # (p,): diagonal of the Hessian of the loss at w
    w: Floats  # (p,): coefficients


def whole(X: Floats, V: Floats, penalty: Floats, optimum: State) -> Whole:
    """Rotate rows X (n, p) and V (p, m) so that the Hessian at `optimum` is diagonal.

    A rotation of penalised columns leaves the penalty as it is. Where the intercept is free the others are
    moved by their mean (by curvature) first, which the intercept takes up.
    """
    w, s, lone = optimum.w, optimum.s[: len(X)], penalty == 0
    moved, asked, start, curves = X.copy(), V.copy(), w.copy(), np.zeros(len(w))
    if lone.any():
        level = X[0, lone][0]  # the intercept's column
        mean = s @ X / s.sum() * ~lone
        moved -= mean
        asked -= mean[:, None]
        start[lone] += mean @ w / level
        curves[lone] = s.sum() * level**2
    rest = np.flatnonzero(~lone)
    sizes, turn = np.linalg.eigh((moved[:, rest] * s[:, None]).T @ moved[:, rest])
    curves[rest] = np.maximum(sizes, 0.0)
    moved[:, rest], asked[rest], start[rest] = moved[:, rest] @ turn, turn.T @ asked[rest], turn.T @ w[rest]
    return Whole(moved, asked, penalty, curves, start)


class Room(NamedTuple):
    """What one fit works in."""

    X: Floats  # (p, n): rows
    rows: Floats  # (7, n): y, weights, margins, slopes, curvatures; margins of a direction, of the step
    w: Floats  # (7, p): coefficients, gradient, step; preconditioner, residual, direction, product


@_compiled
def fits(coalitions, whole, y, weights, probable, answers, certain):
    """Write the answers (b, m, 2) of fits on `coalitions` (b, n), and whether they are `certain` (b,).

    y (n,) is +1 or -1, `weights` (2,) those of either label; all 0: balanced. Every coalition has both.
    """
    n, p = whole.X.shape
    size = -(-n // LANES) * LANES
    X, room, coefficients = np.empty((p, size)), np.empty((7, size)), np.empty((7, p))
    z, H = np.empty(whole.V.shape[1]), np.empty((p, p))
    for c in range(len(coalitions)):
        k = pack(coalitions[c], whole.X, y, weights, X, room)
        certain[c] = settle(k, X, whole, room, coefficients, H)
        margins(whole.V, coefficients[0], len(z), z)
        write(z, probable, answers[c])


@_compiled
def pack(coalition, X, y, weights, packed, room):
    """Copy a coalition's rows to `packed` (p, n), labels and weights to `room`; returns how many."""
    k, positive = 0, 0
    for i in range(len(coalition)):
        if coalition[i]:
            for j in range(X.shape[1]):
                packed[j, k] = X[i, j]
            room[0, k] = y[i]
            positive += y[i] > 0
            k += 1
    less, more = weights[0], weights[1]
    if less == 0.0:
        less, more = k / (2.0 * (k - positive)), k / (2.0 * positive)
    for i in range(k):
        room[1, i] = more if room[0, i] > 0 else less
    for i in range(k, -(-k // LANES) * LANES):  # empty rows, so that compiled loops have no remainder
        packed[:, i] = 0.0
        room[0, i] = room[1, i] = 0.0
    return k


@_compiled
def collect(X, r, k, out):
    """Write X r, the sum over k rows, to `out` (p,)."""
    for j in range(len(out)):
        total = 0.0
        for i in range(k):
            total += X[j, i] * r[i]
        out[j] = total


@_compiled
def _dot(u, v):
    total = 0.0
    for j in range(len(u)):
        total += u[j] * v[j]
    return total


@_compiled
def slopes(k, X, penalty, room, w, g):
    """Slopes and curvatures of k rows at their margins, and the gradient; returns the sum of curvatures."""
    y, a, z, r, s = room[0], room[1], room[2], room[3], room[4]
    total = 0.0
    for i in range(k):
        m = y[i] * z[i]
        e = math.exp(-abs(m))
        inverse = 1.0 / (1.0 + e)
        r[i] = -y[i] * a[i] * inverse * (e if m >= 0 else 1.0)
        s[i] = a[i] * e * inverse * inverse
        total += s[i]
    collect(X, r, k, g)
    for j in range(len(w)):
        g[j] += penalty[j] * w[j]
    return total


@_compiled
def settle(k, X, whole, room, coefficients, H):
    """Go to the minimum of F over k rows; returns whether its gap is certainly below GAP."""
    n, p = whole.X.shape
    penalty, share = whole.penalty, k / n
    w, g, u, P = coefficients[0], coefficients[1], coefficients[2], coefficients[3]
    z, moved = room[2], room[6]
    dear = max(4.0, p / 4 + p * p / (12 * k))  # products that cost as much as a Hessian and its factors
    size = -(-k // LANES) * LANES
    for j in range(p):
        w[j] = whole.w[j]
        P[j] = 1.0 / (share * whole.curves[j] + penalty[j])
    margins(X, w, size, z)
    gap, done, most, hard = 0.0, 1.0, np.inf, False
    for _ in range(STEPS):
        mass = slopes(size, X, penalty, room, w, g)
        rise = -_dot(g, u) if most < np.inf else 0.0
        if rise > most:  # too long: back to where the slope would be just below 0, were it linear
            back = done * (1.0 - max(0.9 * gap / (gap + rise), 0.3))
            _move(w, u, z, moved, -back, size)
            done -= back
            continue
        if near(size, X, penalty, room, g, mass, coefficients[4]):
            return True
        if hard:
            gap = eliminate(size, X, penalty, room, coefficients, H)
        else:
            gap, hard = solve(size, X, penalty, room, coefficients, dear)
        reach = 0.0
        for i in range(size):
            reach = max(reach, abs(moved[i]))
        most, done = leeway(reach) * gap, 1.0
        _move(w, u, z, moved, 1.0, size)
    return False


@_compiled
def _move(w, u, z, moved, share, k):
    for j in range(len(w)):
        w[j] -= share * u[j]
    for i in range(k):
        z[i] -= share * moved[i]


@_compiled
def near(k, X, penalty, room, g, mass, mixed):
    """Whether F is certainly less than GAP above its minimum."""
    free, slope, level, total = -1, 0.0, 0.0, 0.0
    for j in range(len(g)):
        if penalty[j] == 0.0:
            free, slope = j, g[j]
        else:
            total += g[j] * g[j] / penalty[j]
    if free < 0 or total > 8 * GAP:
        return total <= 2 * GAP
    collect(X, room[4], k, mixed)
    level = X[free, 0]
    total = 0.0
    for j in range(len(g)):
        if j != free:
            rest = g[j] - mixed[j] * slope / (mass * level)
            total += rest * rest / penalty[j]
    return total + slope * slope / (mass * level * level) <= 2 * GAP


@_compiled
def solve(k, X, penalty, room, coefficients, dear):
    """Write the Newton step H^-1 g, or near it, and its margins; returns g'H^-1 g, and if it was hard."""
    g, u, P, left = coefficients[1], coefficients[2], coefficients[3], coefficients[4]
    v, out = coefficients[5], coefficients[6]
    s, t, moved = room[4], room[5], room[6]
    size = 0.0
    for j in range(len(g)):
        u[j] = 0.0
        left[j] = g[j]
        v[j] = P[j] * g[j]
        size += v[j] * g[j]
    for i in range(k):
        moved[i] = 0.0
    goal = size * min(FORCE * FORCE, size)
    used = 0
    while used < dear:
        margins(X, v, k, t)
        for i in range(k):
            room[3, i] = s[i] * t[i]
        collect(X, room[3], k, out)
        curve = 0.0
        for j in range(len(g)):
            out[j] += penalty[j] * v[j]
            curve += out[j] * v[j]
        step = size / curve
        before, size = size, 0.0
        for j in range(len(g)):
            u[j] += step * v[j]
            left[j] -= step * out[j]
            size += left[j] * P[j] * left[j]
        for i in range(k):
            moved[i] += step * t[i]
        used += 1
        if size <= goal:
            return _dot(g, u), False
        for j in range(len(g)):
            v[j] = P[j] * left[j] + size / before * v[j]
    return _dot(g, u), True


@_compiled
def eliminate(k, X, penalty, room, coefficients, H):
    """Write the Newton step H^-1 g and its margins, by factors L D L'; returns g'H^-1 g."""
    g, u = coefficients[1], coefficients[2]
    p = len(g)
    curvatures(k, X, penalty, room[4], H)
    u[:] = g
    for j in range(p):
        inverse = 1.0 / H[j, j]
        for i in range(j + 1, p):
            factor = H[j, i] * inverse
            for c in range(i, p):
                H[i, c] -= factor * H[j, c]
            u[i] -= factor * u[j]
    for j in range(p - 1, -1, -1):
        rest = u[j]
        for c in range(j + 1, p):
            rest -= H[j, c] * u[c]
        u[j] = rest / H[j, j]
    margins(X, u, k, room[6])
    return _dot(g, u)


@_compiled
def curvatures(k, X, penalty, s, H):
    """Write the upper half of the Hessian."""
    p = len(penalty)
    t = np.empty((4, k))
    for j in range(0, p, 4):
        for i in range(k):
            t[0, i], t[1, i], t[2, i], t[3, i] = (
                s[i] * X[j, i],
                s[i] * X[j + 1, i],
                s[i] * X[j + 2, i],
                s[i] * X[j + 3, i],
            )
        for c in range(j, p):
            t0, t1, t2, t3 = 0.0, 0.0, 0.0, 0.0
            for i in range(k):
                t0 += t[0, i] * X[c, i]
                t1 += t[1, i] * X[c, i]
                t2 += t[2, i] * X[c, i]
                t3 += t[3, i] * X[c, i]
            H[j, c], H[j + 1, c], H[j + 2, c], H[j + 3, c] = t0, t1, t2, t3
        for c in range(j, j + 4):
            H[c, c] += penalty[c] + FAINT
