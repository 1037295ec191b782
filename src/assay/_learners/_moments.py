"""Compiled least squares: a penalised fit that rows join one by one, and one fitted at once.

A row x of weight w moves the mean of the rows by (w / W) z, z = x - mean, W the new total weight, and the
centred moments by a matrix of rank one (Chan, Golub and LeVeque 1983):

    G += f z z',  S += f z (y - level),  f = w (W - w) / W,

so that the inverse P of G + alpha I follows by Sherman and Morrison, and the intercept is exact. Without an
intercept f = w and nothing is centred. Rounding errors of P do not reach the answers: each step ends with one
correction, beta += P (S - (G + alpha I) beta), against moments that are sums, and P is inverted anew every
`FRESH` rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from .._types import Floats

FRESH = 64
_compiled: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})


class Moments(NamedTuple):
    """Sums over the rows that joined; d features, t targets."""

    tally: Floats  # (2,): total weight, rows since P was inverted
    mean: Floats  # (d,) of the rows
    level: Floats  # (t,): means of the targets
    G: Floats  # (d, d): centred sums of squares
    S: Floats  # (t, d): centred products with the targets
    P: Floats  # (d, d): inverse of G + alpha I
    beta: Floats  # (t, d): coefficients
    work: Floats  # (3, d): room to work in


def empty(d: int, t: int, alpha: float) -> Moments:
    """The moments of no rows."""
    P = np.eye(d) / alpha if alpha > 0 else np.zeros((d, d))
    return Moments(
        np.zeros(2), np.zeros(d), np.zeros(t), np.zeros((d, d)), np.zeros((t, d)), P, np.zeros((t, d)),
        np.zeros((3, d)),
    )  # fmt: skip


@_compiled
def learn(x, y, w, intercept, alpha, state):
    """Let row `x` (d,) with targets `y` (t,) and weight `w` join."""
    tally, mean, level, G, S, P, beta, work = state
    d, t = len(x), len(y)
    z, u, rest = work[0], work[1], work[2]
    before = tally[0]
    tally[0] += w
    f = w * before / tally[0] if intercept else w
    for i in range(d):
        z[i] = x[i] - mean[i]
    for i in range(d):
        total = 0.0
        for j in range(d):
            total += P[i, j] * z[j]
        u[i] = total
    spread = 0.0
    for i in range(d):
        spread += z[i] * u[i]
    gain = f / (1.0 + f * spread)
    for i in range(d):
        for j in range(d):
            G[i, j] += f * z[i] * z[j]
            P[i, j] -= gain * u[i] * u[j]
    for a in range(t):
        gap = y[a] - level[a]
        left = gap
        for i in range(d):
            S[a, i] += f * gap * z[i]
            left -= z[i] * beta[a, i]
        for i in range(d):
            beta[a, i] += gain * left * u[i]
    _move(x, y, w / tally[0] if intercept else 0.0, state)
    tally[1] += 1
    if tally[1] >= FRESH:
        tally[1] = 0.0
        invert(G, alpha, P)
    for a in range(t):
        _correct(G, P, S[a], alpha, beta[a], rest)


@_compiled
def _move(x, y, share, state):
    mean, level = state.mean, state.level
    for i in range(len(x)):
        mean[i] += share * (x[i] - mean[i])
    for a in range(len(y)):
        level[a] += share * (y[a] - level[a])


@_compiled
def _correct(G, P, target, alpha, beta, rest):
    d = len(beta)
    for i in range(d):
        total = target[i] - alpha * beta[i]
        for j in range(d):
            total -= G[i, j] * beta[j]
        rest[i] = total
    for i in range(d):
        total = 0.0
        for j in range(d):
            total += P[i, j] * rest[j]
        beta[i] += total


@_compiled
def invert(G, alpha, P):
    """Write the inverse of G + alpha I into P, by sweeping each column of a positive definite matrix."""
    d = len(G)
    for i in range(d):
        for j in range(d):
            P[i, j] = G[i, j]
        P[i, i] += alpha
    for k in range(d):
        pivot = 1.0 / P[k, k]
        for i in range(d):
            if i != k:
                factor = P[i, k] * pivot
                P[i, k] = 0.0
                for j in range(d):
                    P[i, j] -= factor * P[k, j]
                P[i, k] = -factor
        for j in range(d):
            P[k, j] *= pivot
        P[k, k] = pivot


@_compiled
def predict(V, mean, level, beta, out):
    """Write the predictions of V (d, m) into `out` (t, m)."""
    d, m = V.shape
    for a in range(len(beta)):
        line, b = out[a], beta[a]
        start = level[a]
        for j in range(d):
            start -= mean[j] * b[j]
        line[:] = start
        whole = d - d % 4
        for j in range(0, whole, 4):
            for i in range(m):
                line[i] += (
                    b[j] * V[j, i] + b[j + 1] * V[j + 1, i] + b[j + 2] * V[j + 2, i] + b[j + 3] * V[j + 3, i]
                )
        for j in range(whole, d):
            for i in range(m):
                line[i] += b[j] * V[j, i]


@_compiled
def settle(X, Y, w, intercept, alpha, state):
    """Fill `state` with the fit of all rows X (k, d), Y (k, t), of weights `w` (k,)."""
    k, d = X.shape
    mean, level, G, S = state.mean, state.level, state.G, state.S
    total = w.sum()
    state.tally[0] = total
    if intercept:
        for i in range(k):
            for j in range(d):
                mean[j] += w[i] / total * X[i, j]
            for a in range(Y.shape[1]):
                level[a] += w[i] / total * Y[i, a]
    z = np.empty((d, k))
    for i in range(k):
        for j in range(d):
            z[j, i] = X[i, j] - mean[j]
    scaled = np.empty(k)
    for j in range(d):
        for i in range(k):
            scaled[i] = w[i] * z[j, i]
        for h in range(j + 1):
            total = 0.0
            for i in range(k):
                total += scaled[i] * z[h, i]
            G[j, h] = G[h, j] = total
        for a in range(Y.shape[1]):
            total = 0.0
            for i in range(k):
                total += scaled[i] * (Y[i, a] - level[a])
            S[a, j] = total
    invert(G, alpha, state.P)
    for a in range(Y.shape[1]):
        state.beta[a] = 0.0
        _correct(G, state.P, S[a], alpha, state.beta[a], state.work[2])
        _correct(G, state.P, S[a], alpha, state.beta[a], state.work[2])


@njit(cache=True, nogil=True)
def join(rows, X, V, Y, weights, codes, intercept, alpha, moments, decision, seen, answers):
    """Let `rows` (k,) join one by one, and write the answers; labels are numbers if `seen` is empty."""
    for j in range(len(rows)):
        row = rows[j]
        learn(X[row], Y[row], weights[codes[row]], intercept, alpha, moments)
        predict(V, moments.mean, moments.level, moments.beta, decision)
        if len(seen):
            seen[codes[row]] = True
            spread(decision, seen, answers[j])
        else:
            answers[j, :, 0] = decision[0]


@njit(cache=True, nogil=True)
def spread(decision, seen, answer):
    """Write decisions (t, m), t = 1 for two classes, as an answer (m, c)."""
    t, m = decision.shape
    for i in range(m):
        if t == 1:
            answer[i, 0] = -decision[0, i]
            answer[i, 1] = decision[0, i]
        else:
            for a in range(t):
                answer[i, a] = decision[a, i] if seen[a] else -np.inf
