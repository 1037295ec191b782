"""Coverage: rows that together serve every judge, by greedy selection under a concave curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._errors import AssayError
from .._types import Floats, Positions


@dataclass(frozen=True, eq=False)
class Coverage:
    """How well sets of rows serve judges: the mean over judges of 1 - exp(-curve x), x what the set gives.

    What rows give is counted in the best row of the mean judge. One unit for all judges, so that a judge whom
    nothing helps is not blown up, and that of a flat curve nothing but the order of the mean values is left;
    free of the number of rows to pick, so that a smaller selection is the beginning of a larger one.

    Parameters
    ----------
    missed : array of shape (n, m)
        1 - exp(-curve x) of a single row: the share of what a judge misses that the row gives.
    """

    missed: Floats

    @classmethod
    def of(cls, per_valid: Floats, curve: float) -> Coverage:
        """Of what each row is worth to each judge, (n, m); nan counts as 0."""
        worth = np.where(np.isnan(per_valid), 0.0, per_valid)
        unit = np.maximum(worth.max(axis=0), 0).mean()
        if unit == 0:
            unit = np.abs(worth).mean() or 1.0
        with np.errstate(over="ignore"):
            missed = np.multiply(worth, -curve / unit, out=worth)
            np.negative(np.expm1(missed, out=missed), out=missed)
        if not np.isfinite(missed).all():
            raise AssayError(
                f"curve is {curve!r}, and some rows harm a judge so much more than the best ones help that "
                "it overflows; choose a smaller one."
            )
        return cls(missed)

    def pick(self, k: int) -> tuple[Positions, Floats]:
        """The `k` rows picked greedily, and by how much each raised the mean over judges."""
        from ._greedy_kernel import greedy

        lines, left = np.ascontiguousarray(self.missed), np.ones(self.missed.shape[1])
        picks, gains = greedy(lines, left, k, False, bool((lines >= 0).all()))
        return picks, gains / len(left)
