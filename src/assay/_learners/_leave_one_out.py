"""Leave-one-out of the linear family without n fits: what all rows but one are worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._types import Floats, Positions, Worths
from . import _newton
from ._drive import ask
from ._learner import Learner
from ._logistic import LogisticRegression
from ._moments import predict, spread
from ._newton_without import without
from ._ridge import LinearRegression, Ridge, RidgeClassifier
from ._scores import score

LEAST = 1e-6  # 1 - leverage below which the closed form loses its digits, and the row's worth is refitted
BLOCK_BYTES = 4 << 20


def leave_one_out(learner: Learner) -> Worths | None:
    """The worth of all rows but i, for every i.

    Ridge, RidgeClassifier, LinearRegression: exact, by the hat matrix, O(n d^2 + n m d). A row of leverage 1
    is refitted.

    LogisticRegression of two classes: each row is left out by one Newton step from the optimum over all rows
    (approximate leave-one-out). That step's gap to the optimum without the row is bounded (see `_bound`);
    an answer is taken as it is where the bound is below 1e-8 in the loss, or where the score reads labels
    only and no validation row's margin is so small that the bound leaves its sign open. All others go on from
    there with Newton steps until the gap is certain to be below 1e-8, O(n d) each. Every worth is that of an
    optimum as `LogisticRegression` defines it, or has the same labels.

    Rows that leave one class, or a coalition that the model refuses, are worth what `_drive.ask` says. Memory
    is O(n d) and one block of answers.

    Parameters
    ----------
    learner : Learner
        The twin of a model.

    Returns
    -------
    array of shape (n,) or None
        None for other learners, for three and more classes in logistic regression, and for ordinary least
        squares on columns that are nearly collinear.
    """
    if isinstance(learner, LogisticRegression) and len(np.unique(learner.question.y)) == 2:
        parts: Any = _logistic_parts
    elif isinstance(learner, Ridge | RidgeClassifier | LinearRegression):
        parts = _squares_parts
    else:
        return None
    n = len(learner.question.X)
    worths = np.full(n, np.nan)
    for rows, weights in _weightings(learner) if n > 2 else ():
        if not parts(learner, rows, weights, worths):
            return None
    odd = np.flatnonzero(np.isnan(worths))
    for i in odd:
        worths[i] = ask(learner, np.arange(n)[None] != i)[0]
    return worths


def _weightings(learner: Learner) -> list[tuple[Positions, Floats]]:
    """Rows to leave out, and the weights (n,) of all rows once one of these is gone."""
    y, n = learner.question.y, len(learner.question.X)
    if not isinstance(learner, RidgeClassifier | LogisticRegression):
        return [(np.arange(n), np.ones(n))]
    counts = np.bincount(y, minlength=learner.question.width)
    parts = []
    for code in np.flatnonzero(counts > 1):  # the last row of a class changes the model
        left = counts - (np.arange(len(counts)) == code)
        if not learner.refuses(left[None])[0]:
            parts.append((np.flatnonzero(y == code), learner.weights.of(left)[y]))
    if learner.weights.balanced or len(parts) < 2:
        return parts
    return [(np.sort(np.concatenate([rows for rows, _ in parts])), parts[0][1])]


def _blocks(learner: Learner, rows: Positions) -> list[Positions]:
    size = max(1, BLOCK_BYTES // (8 * len(learner.question.V) * (learner.question.width + 2)))
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def _squares_parts(
    learner: Ridge | RidgeClassifier | LinearRegression, rows: Positions, weights: Floats, worths: Worths
) -> bool:
    """Write the worths of all but each of `rows`; see `_moments` for the mean, the level and f."""
    s = learner.squares
    if isinstance(learner, LinearRegression) and not learner.decided:
        return False
    fitted = s.fit(np.arange(len(s.X)), weights)
    total = weights.sum()
    for block in _blocks(learner, rows):
        w = weights[block]
        f, share = (w * total / (total - w), w / (total - w)) if s.intercept else (w, np.zeros(len(w)))
        z = s.X[block] - fitted.mean
        u = _product(z, fitted.P)
        free = 1 - f * (z * u).sum(axis=1)
        gap = s.Y[block] - fitted.level
        pull = (f / np.where(free > LEAST, free, 1.0))[:, None] * (gap - z @ fitted.beta.T)
        level = fitted.level - share[:, None] * gap
        centre = fitted.mean - share[:, None] * z
        level += pull * (centre * u).sum(axis=1)[:, None] - centre @ fitted.beta.T
        decision = level[:, :, None] + fitted.beta @ s.V - pull[:, :, None] * _product(u, s.V)[:, None]
        worths[block] = score(learner.question, _answers(learner, decision))
        worths[block[free <= LEAST]] = np.nan
    return True


def _answers(learner: Learner, decision: Floats) -> Floats:
    """Decisions (b, t, m) as answers (b, m, width)."""
    if learner.question.classes is None:
        return np.ascontiguousarray(decision.transpose(0, 2, 1))
    seen = np.bincount(learner.question.y, minlength=learner.question.width) > 0
    answers = np.empty((len(decision), decision.shape[2], learner.question.width))
    for one, answer in zip(decision, answers, strict=True):
        spread(np.ascontiguousarray(one), seen, answer)
    return answers


def _logistic_parts(learner: Learner, rows: Positions, weights: Floats, worths: Worths) -> bool:
    """Write the worths of all but each of `rows`."""
    assert isinstance(learner, LogisticRegression)
    question = learner.question
    m, classes = len(question.V), np.unique(question.y)
    state = learner.optimum(weights)
    X, (w, P) = learner.X, (state.w, state.P)
    s, r = state.s[: len(X)], state.r[0, : len(X)]
    q = _leverage(X, P)
    asked, widest = _leverage(learner.V.T[:m], P), q.max()
    z = w @ learner.V[:, :m]
    labels_only = not question.probable
    for block in _blocks(learner, rows):
        free = 1 - s[block] * q[block]
        step = r[block] / free
        margins = z + step[:, None] * _product(_product(X[block], P), learner.V)[:, :m]
        error = _bound(r[block], q[block], free, widest)
        flips = np.abs(margins) <= 4 * error[:, None] * np.sqrt(asked / free[:, None])
        sure = (free > LEAST) & ((error**2 <= 2 * _newton.GAP) | (labels_only & ~flips.any(axis=1)))
        two = np.empty((len(block), m, 2))
        for i in np.flatnonzero(sure):
            _newton.write(margins[i], question.probable, two[i])
        rest = np.flatnonzero(~sure)
        some = np.empty((len(rest), m, 2))
        without(block[rest], state, learner.penalty, learner.V, question.probable, some)
        two[rest] = some
        worths[block] = score(question, learner.widened(two, classes))
    return True


def _leverage(X: Floats, P: Floats) -> Floats:
    return (_product(X, P) * X).sum(axis=1)


def _product(A: Floats, B: Floats) -> Floats:
    """A (k, l) times B (l, j), by one thread: a BLAS would wake others for so little."""
    out = np.empty((len(A), B.shape[1]))
    predict(B, np.zeros(len(B)), np.zeros(len(A)), A, out)
    return out


def _bound(r: Floats, q: Floats, free: Floats, widest: float) -> Floats:
    """Bounds (k,) on the Newton decrement after the step that leaves a row out, in the norm of its Hessian.

    With slope r, curvature s and q = x'P x of the row, free = 1 - s q, the step has the squared length r^2
    q / free in the norm of the Hessian H without the row, and x_j'H^-1 x_j <= max q / free: no margin moves
    by more than t = length sqrt(max q / free). Third derivatives of the loss are at most exp(t) times its
    second ones along the step, so that the gradient left has at most the length exp(t) t length / 2 in the
    norm of H^-1, and exp(t / 2) times that in the norm of the Hessian where the step ends. Where t is above
    1 nothing is promised.
    """
    free = np.maximum(free, LEAST)
    length = np.abs(r) * np.sqrt(q / free)
    t = length * np.sqrt(widest / free)
    return np.where(t < 1, 0.5 * np.exp(1.5 * np.minimum(t, 1)) * t * length, np.inf)
