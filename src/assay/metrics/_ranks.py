"""Rank correlation of columns, and of columns whose lines were drawn again, without a loop over columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._types import Floats


@dataclass(frozen=True)
class Sorted:
    """Columns (s, m) sorted once, so that any multiset of their lines is ranked without sorting again.

    Parameters
    ----------
    order : array of shape (m, s)
        The lines of each column, lowest first.
    before, upto : array of shape (m * s,)
        For each column and line, where in the flat running counts (m, s + 1) stands how many lines are lower,
        and how many are not higher.
    """

    order: NDArray[np.intp]
    before: NDArray[np.intp]
    upto: NDArray[np.intp]

    @classmethod
    def of(cls, columns: Floats) -> Sorted:
        """Sort `columns` (s, m)."""
        lines = np.ascontiguousarray(columns.T)
        m, s = lines.shape
        order = np.argsort(lines, axis=1, kind="stable")
        values = np.take_along_axis(lines, order, axis=1)
        new = np.ones((m, s + 1), bool)
        new[:, 1:-1] = values[:, 1:] != values[:, :-1]
        place = np.arange(s + 1)
        first = np.maximum.accumulate(np.where(new, place, 0), axis=1)[:, :-1]
        past = np.minimum.accumulate(np.where(new, place, s)[:, ::-1], axis=1)[:, ::-1][:, 1:]
        found = []
        for part in (first, past):
            by_line = np.empty_like(order)
            np.put_along_axis(by_line, order, part + (s + 1) * np.arange(m)[:, None], axis=1)
            found.append(by_line.ravel())
        return cls(order, *found)

    def centred_ranks(self, counts: Floats) -> Floats:
        """Ranks (m, s) less their mean, ties at their mean, where line i is there `counts[i]` times.

        Lines that are not there get a rank too; they are to weigh nothing.
        """
        running = np.zeros((self.order.shape[0], self.order.shape[1] + 1))
        np.cumsum(counts[self.order], axis=1, out=running[:, 1:])
        ranks = running.ravel()[self.before] + running.ravel()[self.upto]
        return (ranks.reshape(self.order.shape) - counts.sum()) / 2


def spearman(a: Sorted, b: Sorted, counts: Floats) -> Floats:
    """Rank correlations (m,) where line i is there `counts[i]` times; 0 where a column is constant."""
    left, right = a.centred_ranks(counts), b.centred_ranks(counts)
    weighted = counts * left
    pairs = (weighted, right), (weighted, left), (counts * right, right)
    both, one, two = (np.einsum("ms,ms->m", x, y) for x, y in pairs)
    found = np.zeros(len(both))
    np.divide(both, np.sqrt(one) * np.sqrt(two), out=found, where=(one > 0) & (two > 0))
    return found


def correlations(a: Floats, b: Floats) -> Floats:
    """Pearson correlations (m,) of the columns of `a` and `b` (s, m); nan where one of them is constant."""
    least = [1e-24 * (x**2).max(axis=0) for x in (a, b)]  # what rounding leaves of the variance of a constant
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    both, left, right = ((x * y).mean(axis=0) for x, y in ((a, b), (a, a), (b, b)))
    found = np.full(both.shape, np.nan)
    varies = (left > least[0]) & (right > least[1])
    np.divide(both, np.sqrt(left) * np.sqrt(right), out=found, where=varies)
    return np.clip(found, -1, 1)


def constant(columns: Floats) -> NDArray[np.bool_]:
    """Which columns (m,) hold one value only, but for rounding."""
    return np.ptp(columns, axis=0) <= 1e-12 * np.abs(columns).max(axis=0)
