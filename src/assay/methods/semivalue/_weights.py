"""Weights: what makes a semivalue, as logarithms, so that no number of rows under- or overflows.

A semivalue is the mean gain of a row joining a random coalition of the others. It is given by its *mass*: the
probability w[s] that this coalition has s rows, s = 0 .. n - 1; within a size all coalitions are alike
(Dubey, Neyman and Weber 1981). Grouped by the coalition that is asked for, a row's value is

    sum over sizes t of  w[t - 1] mean(v | row in S, |S| = t)  -  w[t] mean(v | row not in S, |S| = t).
"""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, gammaln, logsumexp

from ..._types import Floats


def log_choose(n: int) -> Floats:
    """Logarithms of the binomial coefficients of `n`, (n + 1,)."""
    k = np.arange(n + 1)
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def shapley(n: int) -> Floats:
    """Log mass (n,): every size alike."""
    return np.full(n, -np.log(n))


def beta(n: int, alpha: float, beta: float) -> Floats:
    """Log mass (n,): the inclusion probability of the others is drawn from Beta(beta, alpha)."""
    s = np.arange(n)
    return log_choose(n - 1) + betaln(s + beta, n - 1 - s + alpha) - betaln(alpha, beta)


def banzhaf(n: int, p: float) -> Floats:
    """Log mass (n,): each of the others is in with probability `p`."""
    s = np.arange(n)
    return log_choose(n - 1) + s * np.log(p) + (n - 1 - s) * np.log1p(-p)


def readings(log_mass: Floats, log_law: Floats) -> tuple[Floats, Floats]:
    """What a worth counts for each row in, and out of, its coalition, by the coalition's size.

    Parameters
    ----------
    log_mass : array of shape (n,)
        The semivalue.
    log_law : array of shape (n + 1,)
        The log probability that a design asks for a coalition of t rows; -inf where it never does.

    Returns
    -------
    tuple of two arrays of shape (n + 1,)
        `inside` and `outside`: the mean over draws of worth times the one where the row is in, plus worth
        times the other where it is not, is the semivalue. 0 where the design never asks.
    """
    n = len(log_mass)
    t = np.arange(n + 1)
    inside, outside = np.zeros(n + 1), np.zeros(n + 1)
    asked = np.isfinite(log_law)
    into, off = asked & (t > 0), asked & (t < n)
    inside[into] = np.exp(log_mass[t[into] - 1] - log_law[into]) * n / t[into]
    outside[off] = -np.exp(log_mass[t[off]] - log_law[off]) * n / (n - t[off])
    return inside, outside


def inflation(log_mass: Floats, log_law: Floats) -> float:
    """How many times the variance under the best law the variance under `log_law` is; at least 1."""
    roots = _log_roots(log_mass)
    with np.errstate(invalid="ignore"):
        squares = np.where(np.isneginf(roots), -np.inf, 2 * roots - log_law)
    return float(np.exp(min(logsumexp(squares) - 2 * logsumexp(roots), 700.0)))


def _log_roots(log_mass: Floats) -> Floats:
    n = len(log_mass)
    t = np.arange(1, n + 1)
    inside = np.append(-np.inf, 2 * log_mass + np.log(n / t))
    outside = np.append(2 * log_mass + np.log(n / (n - np.arange(n))), -np.inf)
    return np.logaddexp(inside, outside) / 2
