"""The epoch that is being recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._types import Positions
from .trace import MEASURES


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
        self.number, self.n = number, n
        self.names: list[str] = []  # of the measures that are one number a row
        self.sums = np.zeros((1, n), np.float32)  # how often a row was seen, and a sum for each of the names
        self.hidden: NDArray[Any] | None = None

    def add(self, places: Positions, found: dict[str, NDArray[Any]]) -> None:
        """Add what was seen of rows (b,): a number (b,), or several (b, k), for each measure."""
        if not self.names:
            self.names = [name for name in MEASURES if name in found and found[name].ndim == 1]
            self.sums = np.zeros((1 + len(self.names), self.n), np.float32)
        # fast where types are the same and lines have one axis
        np.add.at(self.sums[0], places, np.ones(len(places), np.float32))
        for at, name in enumerate(self.names):
            np.add.at(self.sums[1 + at], places, found[name].astype(np.float32, copy=False))
        if "hidden" in found:
            block = found["hidden"].astype(np.float32, copy=False)
            if self.hidden is None:
                self.hidden = np.zeros((self.n, block.shape[1]), np.float32)
            order = np.sort(places)
            if (order[1:] == order[:-1]).any():
                np.add.at(self.hidden, places, block)
            else:
                self.hidden[places] += block

    @property
    def empty(self) -> bool:
        """Whether no row was seen."""
        return not self.sums[0].any()

    def line(self) -> dict[str, NDArray[Any]]:
        """The means of each measure; nan where a row was not seen."""
        counts = np.where(self.sums[0] > 0, self.sums[0], np.float32(np.nan))
        found = {name: self.sums[1 + at] / counts for at, name in enumerate(self.names)}
        return found if self.hidden is None else found | {"hidden": self.hidden / counts[:, None]}
