"""The least core of the coalitions one knows, and the egalitarian point in it.

The point is found by a quadratic programme with constraint generation: only coalitions that the current
shares leave short enter. A linear programme over the coalitions that it leaves nothing then proves that no
smaller deficit is possible. Shares are written as `whole / n + z` with sum(z) = 0, and worths are shifted and
scaled to [-1, 0] first, so that no tolerance depends on the units of the game.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog, nnls

from ..._types import Coalitions, Floats, Worths

TOLERANCE = 1e-9  # by which a coalition may fall short, in units of the range of what is asked
WEIGHTS = (1e-4, 1e-6, 1e-8)  # of the norm against the deficit; smaller ones where the proof fails


def least_core(
    members: Coalitions, gains: Worths, whole: float, *, proven: bool = True
) -> tuple[Floats, float]:
    """Shares of `whole`, and the least deficit e at which every coalition gets its gain: x(S) + e >= gain(S).

    Parameters
    ----------
    members : array of shape (m, n)
        Coalitions, neither empty nor full, such that each one's complement is among them: e is bounded then.
    gains : array of shape (m,)
        What each is worth beyond the empty one.
    whole : float
        What all rows are worth beyond the empty one.
    proven : bool
        Prove that no smaller deficit is possible. Without, the answer is the same but in rare cases where
        the deficit is too large, by less than 1e-4 of the range of what coalitions ask.

    Returns
    -------
    shares : array of shape (n,)
        Of all shares with the least deficit, those nearest to equal ones; they sum to `whole`.
    deficit : float
        e; below 0 where every coalition gets more than it could have alone.
    """
    n = members.shape[1]
    beyond = gains - members.sum(axis=1) * (whole / n)
    top, width = float(beyond.max()), float(np.ptp(beyond))
    if width <= 8 * np.finfo(float).eps * max(float(np.abs(gains).max()), abs(whole)):
        return np.full(n, whole / n), top  # all ask the same, up to the rounding of the worths
    rows, asked = members.astype(float), (beyond - top) / width
    z, e = _nearest(rows, asked, WEIGHTS[0])
    for weight in WEIGHTS[1:] if proven else ():
        tight = rows @ z + e - asked <= TOLERANCE
        if e <= _least_deficit(rows[tight], asked[tight]) + TOLERANCE:
            break
        z, e = _nearest(rows, asked, weight)
    return whole / n + width * z, top + width * e


def _nearest(rows: Floats, asked: Worths, weight: float) -> tuple[Floats, float]:
    """Minimise e + weight / 2 (|z|^2 + e^2) such that rows @ z + e >= asked.

    For every weight below some bound that is above 0, the solution is exactly the one of least norm among
    those of least e (Mangasarian and Meyer, 1979, "Nonlinear Perturbation of Linear Programs"). Written for
    y = (weight z, 1 + weight e) it is the least |y| such that [rows 1] y >= 1 + weight asked, which Lawson
    and Hanson (1974, "Solving Least Squares Problems", chapter 23, problem LDP) turn into non-negative least
    squares. Rows less their mean keep sum(z) = 0, as z is a combination of them.
    """
    n = rows.shape[1]
    work = np.argsort(-asked, kind="stable")[: 2 * n]
    target = np.append(np.zeros(n + 1), 1.0)
    while True:
        part = rows[work]
        left = np.column_stack([part - part.mean(axis=1, keepdims=True), np.ones(len(work))])
        matrix = np.vstack([left.T, 1 + weight * asked[work]])
        multipliers, _ = nnls(matrix, target, maxiter=30 * (n + len(work)))
        rest = matrix @ multipliers - target
        y = -rest[:-1] / rest[-1]
        tight = multipliers > 0
        z, e = _polished(left[tight], asked[work][tight], y[:n] / weight, (y[n] - 1) / weight)
        short = asked - rows @ z - e
        short[work] = -np.inf
        more = np.argsort(-short, kind="stable")[:n]
        more = more[short[more] > TOLERANCE]
        if not len(more):
            return z, e
        work = np.concatenate([work, more])


def _polished(left: Floats, asked: Worths, z: Floats, e: float) -> tuple[Floats, float]:
    """Solve what is tight again without the weight, whose smallness costs digits; kept if it is the same."""
    exact = np.asarray(np.linalg.lstsq(left, asked, rcond=1e-10)[0], float)
    same = np.abs(exact - np.append(z, e)).max() < 1e-5
    return (exact[:-1], float(exact[-1])) if same else (z, e)


def _least_deficit(rows: Floats, asked: Worths) -> float:
    """Min e such that rows @ z + e >= asked for some z of sum 0: for some of the coalitions a lower bound.

    At z = 0 a deficit of 0 is enough for all. None below -1 is possible for all: a coalition and its
    complement ask at least -1 each, and the sum of their two constraints is 2 e >= -2.
    """
    m, n = rows.shape
    left = -np.column_stack([rows, np.ones(m)])
    cost, even = np.append(np.zeros(n), 1.0), np.append(np.ones(n), 0.0)[None]
    bounds = [(None, None)] * n + [(-1.0, 0.0)]
    return float(linprog(cost, left, -asked, even, [0.0], bounds, method="highs-ds").fun)
