"""Spread: honest standard errors from few draws.

A row whose contribution has been the same in every draw so far has a sample variance of 0, and yet the next
draw may differ: on a game worth 1 only in full, two draws agree by chance in one seed of n. So every variance
is estimated together with `PRIOR` imagined draws that have the variance one would expect knowing nothing of
the row. Their weight vanishes as the draws grow.
"""

from __future__ import annotations

import numpy as np

from ._types import Floats, Worths

PRIOR = 4.0


class Range:
    """The span of the worths seen so far; 1 (a score's natural unit) while they have all been the same."""

    def __init__(self) -> None:
        self._low, self._high = np.inf, -np.inf

    def see(self, worths: Worths) -> float:
        """Widen the range by `worths`, and return it."""
        self._low = min(self._low, float(worths.min()))
        self._high = max(self._high, float(worths.max()))
        return (self._high - self._low) or 1.0


def variance(spread: Floats, draws: Floats | float, prior: Floats | float) -> Floats:
    """Variance of one draw: from the sums of squared deviations `spread` and the `prior` variance."""
    return (spread + PRIOR * prior) / (draws - 1 + PRIOR)


def mean_of_runs(runs: Floats) -> tuple[Floats, Floats]:
    """The mean of the lines of `runs` (runs, n), two or more, and its standard error, (n,) both."""
    count = len(runs)
    spread = runs.var(axis=0) * count
    return runs.mean(axis=0), np.sqrt(variance(spread, count, float(spread.mean() / (count - 1))) / count)
