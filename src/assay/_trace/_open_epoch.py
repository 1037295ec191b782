"""The epoch that is being recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._types import Positions


class OpenEpoch:
    """Sums of what was seen of each row, and how often it was.

    Parameters
    ----------
    number : int
        Of the epoch.
    n : int
        How many rows there are.
    """

    def __init__(self, number: int, n: int) -> None:
        self.number = number
        self.counts = np.zeros(n, np.int32)
        self.sums: dict[str, NDArray[Any]] = {}

    def add(self, places: Positions, seen: dict[str, NDArray[Any]]) -> None:
        """Add what was seen of rows (b,): a number (b,), or several (b, k), for each measure."""
        np.add.at(self.counts, places, 1)
        for name, part in seen.items():
            if name not in self.sums:
                self.sums[name] = np.zeros((len(self.counts), *part.shape[1:]), np.float32)
            np.add.at(self.sums[name], places, part.astype(np.float32, copy=False))

    def line(self) -> dict[str, NDArray[Any]]:
        """The means; nan where a row was not seen."""
        counts = np.where(self.counts, self.counts, np.nan).astype(np.float32)
        return {
            name: part / (counts if part.ndim == 1 else counts[:, None]) for name, part in self.sums.items()
        }
