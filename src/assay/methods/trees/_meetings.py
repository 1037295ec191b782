"""The product of two sparse matrices, rows by leaves and judges by leaves, with one leaf a tree in each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..._types import Floats


@dataclass(frozen=True, eq=False)
class Meetings:
    """Who meets in which leaf.

    Parameters
    ----------
    leaves : array of shape (n, trees)
        Of rows.
    first : array of shape (leaves + 1,)
        Where the judges of each leaf begin in `judges`.
    judges : array of shape (m * trees,)
        Leaf after leaf.
    place : array of shape (m * trees,)
        Where each of them stood in an array (trees, m).
    count : int
        Judges.
    """

    leaves: NDArray[np.int32]
    first: NDArray[np.int64]
    judges: NDArray[np.int32]
    place: NDArray[np.int64]
    count: int

    @classmethod
    def of(cls, rows: NDArray[np.int32], judges: NDArray[np.int32], leaves: int) -> Meetings:
        """Rows (trees, n) and judges (trees, m), each by its leaf of each tree."""
        place = np.argsort(judges.ravel(), kind="stable")
        first = np.concatenate([[0], np.bincount(judges.ravel(), minlength=leaves).cumsum()])
        who = (place % judges.shape[1]).astype(np.int32)
        return cls(np.ascontiguousarray(rows.T), first, who, place, judges.shape[1])

    def product(self, rows: Floats, judges: Floats, start: int, stop: int) -> Floats:
        """Sums (stop - start, m), over trees in which both are in one leaf, of their weights, multiplied.

        `rows` holds what each weighs, (trees, n), and `judges` (trees, m).
        """
        from ._meet_kernel import meet

        out = np.zeros((stop - start, self.count))
        weights = np.ascontiguousarray(rows[:, start:stop].T)
        meet(self.leaves[start:stop], weights, self.first, self.judges, judges.ravel()[self.place], out)
        return out
