"""Fits of outputs on masks: standardised coefficients, and those without each fold for the mean output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..._parallel import each
from ..._types import Floats

FOLDS = 4
SHARES = np.geomspace(1, 0.01, 12)  # penalties of the LASSO, in units of the least that leaves no row
RIDGES = np.geomspace(1e-3, 1e3, 25)  # penalties of ridge, in units of the draws
TOLERANCE = 1e-4  # far below what folds can tell apart
BLOCK = 16  # targets of one task of the kernel


@dataclass(frozen=True)
class Fit:
    """Standardised coefficients (n, m), and those (folds, n) of the mean output without each fold."""

    coefficients: Floats
    folds: Floats


def parts(draws: int) -> NDArray[np.intp]:
    """The fold (s,) of each draw."""
    return np.arange(draws) % FOLDS


def lasso(X: Floats, Y: Floats) -> Fit:
    """LASSO of each target by its own penalty, which the folds choose."""
    fold, draws = parts(len(X)), len(X)
    tops = np.abs(X.T @ Y).max(axis=0) / draws
    errors, kept = np.zeros((len(SHARES), Y.shape[1])), []
    for k in range(FOLDS):
        seen, unseen = fold != k, fold == k
        path = _paths(X[seen], Y[seen], tops)
        for p in range(len(SHARES)):
            errors[p] += ((Y[unseen] - X[unseen] @ path[:, p].T) ** 2).sum(axis=0)
        kept.append(path)
    best, targets = errors.argmin(axis=0), np.arange(Y.shape[1])
    whole = _paths(X, Y, tops)[targets, best].T
    return Fit(whole, np.array([path[targets, best].mean(axis=0) for path in kept]))


def _paths(X: Floats, Y: Floats, tops: Floats, tolerance: float = TOLERANCE) -> Floats:
    """Coefficients (m, penalties, n)."""
    from ._lasso_kernel import paths

    gram, cross = X.T @ X / len(X), np.ascontiguousarray((X.T @ Y).T / len(X))
    tasks = (
        (gram, cross[i : i + BLOCK], tops[i : i + BLOCK], SHARES, tolerance)
        for i in range(0, len(cross), BLOCK)
    )
    return np.concatenate(list(each(paths, tasks, threads=True)))


def ridge(X: Floats, Y: Floats) -> Fit:
    """Ridge of each target by its own penalty, which leaving each draw out in closed form chooses."""
    draws = len(X)
    spread, U = np.linalg.eigh(X @ X.T)
    spread, along = np.maximum(spread, 0.0), U.T @ Y
    errors = []
    for penalty in RIDGES * draws:
        shrunk = spread / (spread + penalty)
        leverage = np.minimum((U**2) @ shrunk + 1 / draws, 0.999)
        rest = (Y - U @ (shrunk[:, None] * along)) / (1 - leverage)[:, None]
        errors.append((rest**2).mean(axis=0))
    penalty = RIDGES[np.argmin(errors, axis=0)]
    fold = parts(draws)
    without = [_ridge(X[fold != k], Y[fold != k], penalty).mean(axis=1) for k in range(FOLDS)]
    return Fit(X.T @ (U @ (along / (spread[:, None] + penalty * draws))), np.array(without))


def _ridge(X: Floats, Y: Floats, penalty: Floats) -> Floats:
    spread, U = np.linalg.eigh(X @ X.T)
    return X.T @ (U @ ((U.T @ Y) / (np.maximum(spread, 0.0)[:, None] + penalty * len(X))))
