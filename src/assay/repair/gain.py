"""Gain: the paired difference that a change of the training rows makes on rows that it never touched."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .._types import Floats

ERROR = 0.05  # two-sided: intervals cover 95%


@dataclass(frozen=True)
class Gain:
    """How much better, and the interval.

    Parameters
    ----------
    gain : float
        Positive is better.
    low, high : float
        Ends of the interval.
    """

    gain: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """The three numbers by name, for JSON."""
        return asdict(self)


def paired_gain(
    before: Floats, after: Floats, *, error: float = ERROR, groups: NDArray[np.intp] | None = None
) -> Gain:
    """Mean fall of the loss from `before` to `after`, both (m,) losses of the same rows.

    The interval is Student's for the mean of the m differences; `error` is its two-sided error rate in 0..1.
    Rows of the same of the `groups` (m,) codes are not independent: their differences are added up first, and
    the groups are what is counted. With fewer than 2 of them the interval is infinite.
    """
    difference = before - after
    mean = float(difference.mean())
    if groups is not None:
        _, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        sums = np.bincount(codes, weights=difference - mean)
        difference = mean + sums * len(sizes) / len(groups)
    if len(difference) < 2:
        return Gain(mean, -np.inf, np.inf)
    spread = difference.std(ddof=1) / np.sqrt(len(difference))
    half = float(stats.t.ppf(1 - error / 2, len(difference) - 1) * spread)
    return Gain(mean, mean - half, mean + half)
