"""Pooling: weights that tell given labels from planted ones, and how classes are mistaken for each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from .._types import Floats

LEAST = 1e-3  # a member that is surer than this is not believed
HOLD = 2.0  # squared deviations from equal weights and no shift cost so many nats
ROUNDS = 50
IMAGINED, RIGHT = 5.0, 0.9  # rows of each class before any is seen, and the share of them with a right label


def centred_logs(chances: Floats) -> Floats:
    """Logarithms of probabilities (members, n, classes), with mean 0 over the classes."""
    logs = np.log(np.clip(chances, LEAST, 1))
    return logs - logs.mean(axis=2, keepdims=True)


def weights(logs: Floats, codes: NDArray[np.intp], *, shifts: bool) -> tuple[Floats, Floats]:
    """Weights (members,) of at least 0 and shifts (classes,) that best tell the labels from planted ones.

    On every row each other class is planted in place of its label. That takes no refit: what models fitted
    without a row say does not depend on its label. The score of a row with label c is
    `weights @ logs[:, row, c] + shifts[c]`, and the likelihood is that of picking the label out of all
    planted ones by a softmax of the scores (conditional logistic regression; McFadden 1974).

    Parameters
    ----------
    logs : array of shape (members, n, classes)
    codes : array of shape (n,)
    shifts : bool
        False keeps the shifts at 0: labels that are themselves wrong by class must not teach them.
    """
    members, n, classes = logs.shape
    equal, rows = 1 / members, np.arange(n)

    def loss(free: Floats) -> tuple[float, Floats]:
        share, shift = free[:members], free[members:]
        log = log_softmax(np.tensordot(share, logs, 1) + shift, axis=1)
        slope = np.exp(log)
        slope[rows, codes] -= 1
        value = HOLD * (((share - equal) ** 2).sum() + (shift**2).sum()) - log[rows, codes].sum()
        by_share = np.array([(slope * one).sum() for one in logs]) + 2 * HOLD * (share - equal)
        by_shift = slope.sum(axis=0) + 2 * HOLD * shift
        return value / n, np.concatenate([by_share, by_shift * shifts]) / n

    start = np.concatenate([np.full(members, equal), np.zeros(classes)])
    bounds = [(0, None)] * members + [(None, None)] * classes
    found: Any = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    return found.x[:members], found.x[members:]


def right(chance: Floats, codes: NDArray[np.intp]) -> Floats:
    """The probability (n,) that each given label is right, where some classes are mistaken more than others.

    Given labels are draws from `mistaken[true class]`. Row i is of class c with probability proportional to
    `chance[i, c] * mistaken[c, codes[i]]`; `mistaken` (classes, classes) is the share of each label among the
    rows of a class. The two are found in turn, from mostly right labels on (Dawid and Skene 1979, with
    `chance` in place of the prior).
    """
    classes = chance.shape[1]
    imagined = IMAGINED * (RIGHT * np.eye(classes) + (1 - RIGHT) / classes)
    mistaken = imagined / imagined.sum(axis=1, keepdims=True)
    given = np.eye(classes)[codes]
    true = chance
    for _ in range(ROUNDS):
        true = chance * mistaken.T[codes]
        true /= true.sum(axis=1, keepdims=True)
        mistaken = true.T @ given + imagined
        mistaken /= mistaken.sum(axis=1, keepdims=True)
    return true[np.arange(len(codes)), codes]
