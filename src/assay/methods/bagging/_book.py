"""What bags said of rows: sums of outcomes, and the values they make."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._spread import variance
from ..._types import Floats
from ..._valuation import Status, Valuation

NAMED = 3  # rows that were never out of bag, named as examples


class Book:
    """Sums over the bags without each of `n` rows; bags are added in their order, for the same bits."""

    def __init__(self, n: int) -> None:
        self.bags = 0
        self.count, self.total, self.squares = np.zeros((3, n))

    def add(self, outcomes: Floats) -> None:
        """Add the outcomes (n,) of one bag; nan for the rows in it."""
        from ._score_kernel import add

        add(outcomes, self.count, self.total, self.squares)
        self.bags += 1

    def valuation(self, ids: Any, status: Status = Status.running) -> Valuation:
        """Means and their standard errors, each row pooled with imagined bags that behave as all bags do.

        A row without a bag gets the mean of all rows, and a standard error above that of any single bag.
        """
        never = self.count == 0
        count = np.maximum(self.count, 1)
        rate = self.total.sum() / self.count.sum()
        values = np.where(never, rate, self.total / count)
        spread = np.maximum(self.squares - self.total * values, 0)
        overall = max(self.squares.sum() / self.count.sum() - rate**2, 0)
        return Valuation(
            values,
            np.sqrt(variance(spread, self.count, overall) / count),
            evals=self.bags,
            draws=int(self.count.min()),
            status=status,
            why=_told(np.asarray(ids)[never], len(never)),
        )


def _told(never: Any, n: int) -> str:
    if not len(never):
        return ""
    names = ", ".join(repr(key) for key in never[:NAMED].tolist())
    return (
        f"{len(never)} of {n} rows ({len(never) / n:.1%}) were never out of bag (such as {names}): nothing "
        "is known of them, and they are given the mean of the others; more bags would tell."
    )
