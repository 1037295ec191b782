"""Effect: one measure before and after a change of the training rows, on rows that had no part in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .._gradients.target import Reading
from .._types import Floats

ERROR = 0.05  # two-sided: intervals cover 95%


@dataclass(frozen=True)
class Effect:
    """A measure before and after, and how much better it got.

    Parameters
    ----------
    name : str
        What was measured.
    before, after : float
    gain : float
        Positive is better.
    low, high : float
        Ends of the paired interval of `gain`, of 95%.
    """

    name: str
    before: float
    after: float
    gain: float
    low: float
    high: float

    @property
    def proven(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low > 0

    def __str__(self) -> str:
        word = "better" if self.gain >= 0 else "worse"
        ends = sorted((self.low, self.high) if self.gain >= 0 else (-self.low, -self.high))
        return (
            f"{self.name} {self.before:.4f} -> {self.after:.4f}, {word} by {abs(self.gain):.4f} "
            f"({ends[0]:.4f} to {ends[1]:.4f})"
        )


def effect_of(name: str, before: Reading, after: Reading) -> Effect:
    """The fall of a target's size from `before` to `after`, both read on the same rows and the same pair.

    A gap counts by its size: |before| - |after|. The interval is Student's, from the differences of each
    group, signs held as they are.
    """
    first, last = (-1.0 if one.value < 0 else 1.0 for one in (before, after))
    differences = first * before.numbers - last * after.numbers
    gain = abs(before.value) - abs(after.value)
    half = _half_width(differences, before.strata)
    return Effect(name, abs(before.value), abs(after.value), gain, gain - half, gain + half)


def accuracy_of(before: Floats, after: Floats) -> Effect:
    """The rise of the accuracy from `before` to `after`, (m,) of 0 and 1."""
    gain = float(after.mean() - before.mean())
    half = _half_width(after - before, np.ones(len(before), np.intp))
    return Effect("accuracy", float(before.mean()), float(after.mean()), gain, gain - half, gain + half)


def _half_width(differences: Floats, strata: NDArray[np.intp]) -> float:
    """Of the interval of a sum of means, or of their difference: one mean a stratum (Welch)."""
    parts = [differences[strata == sign] for sign in (1, -1) if (strata == sign).any()]
    if min(map(len, parts)) < 2:
        return float("inf")
    squares = np.array([part.var(ddof=1) / len(part) for part in parts])
    if not squares.sum():
        return 0.0
    freedom = squares.sum() ** 2 / sum(s**2 / (len(p) - 1) for s, p in zip(squares, parts, strict=True))
    return float(stats.t.ppf(1 - ERROR / 2, freedom) * np.sqrt(squares.sum()))
