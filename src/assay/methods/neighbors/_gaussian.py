"""How much normal noise makes a release differentially private."""

from __future__ import annotations

import math

from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr


def noise_multiplier(epsilon: float, delta: float) -> float:
    """The least standard deviation that is (epsilon, delta)-private, for a vector that one row moves by 1.

    By the analytic Gaussian mechanism (Balle and Wang 2018, Theorem 8): exact, where the textbook's bound
    asks for more noise and holds for epsilon below 1 only.
    """

    def excess(log_sigma: float) -> float:
        sigma = math.exp(log_sigma)
        a, b = 0.5 / sigma, epsilon * sigma
        return float(ndtr(a - b) - math.exp(epsilon + log_ndtr(-a - b))) - delta

    low, high = -1.0, 1.0
    while excess(low) <= 0:
        low *= 2
    while excess(high) > 0:
        high *= 2
    found: float = brentq(excess, low, high, xtol=1e-12)  # pyright: ignore[reportAssignmentType]
    return math.exp(found + 1e-11)  # on the safe side
