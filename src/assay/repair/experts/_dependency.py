"""Dependencies found in the data: columns whose value settles, up to errors, the value of another.

Strength is Goodman and Kruskal's tau corrected for chance (the "normalised pdep" of Piatetsky-Shapiro and
Matheus, 1993): 0 where random groups of the same sizes would do as well, 1 where there is no exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ..._types import Floats
from ._domain import Codes, Domain

_FLOOR = 0.35  # weaker than this is an association, not a dependency
_SURE = 0.6
_NAMES = 0.8  # from here on, both ways, two columns name the same things
_DOUBT = 2  # rows of a group that might have said something else
_MATCHED = 500  # the largest domains that are paired one to one


@dataclass(frozen=True)
class Pairs:
    """How often each value of one column stands beside each value of another.

    Parameters
    ----------
    keys : array of int, shape (p,)
        Sorted; `left code * width + right code` of the pairs that occur.
    counts : array of int, shape (p,)
    width : int
        Values of the right column.
    """

    keys: NDArray[np.int64]
    counts: NDArray[np.int64]
    width: int

    def count(self, left: Codes, right: Codes) -> NDArray[np.int64]:
        """Rows that hold both values; 0 where either is missing."""
        wanted = left * self.width + right
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where((left >= 0) & (right >= 0) & (self.keys[place] == wanted), self.counts[place], 0)

    def turned(self, height: int) -> Pairs:
        """Give the same counts with the columns exchanged; `height` is how many values the left one has."""
        left, right = np.divmod(self.keys, self.width)
        keys = right * height + left
        order = np.argsort(keys)
        return Pairs(keys[order], self.counts[order], height)


@dataclass(frozen=True)
class Dependency:
    """Column `left` settles column `right`.

    Parameters
    ----------
    left, right : int
        Positions of the two columns among the domains.
    strength : float
        0..1, corrected for chance.
    share : float
        Rows that agree with the most frequent value of their group.
    pairs : Pairs
        Counts of the (left, right) values.
    groups : array of int, shape (k_left,)
        Rows of each left value whose right cell is present.
    image : array of int, shape (k_left,)
        The right value that each left value stands for; -1 where none does.
    partner : array of int, shape (k_right,)
        Where the two columns name each other one to one: the left value that each right value is paired with;
        -1 elsewhere.
    """

    left: int
    right: int
    strength: float
    share: float
    pairs: Pairs
    groups: NDArray[np.int64]
    image: Codes
    partner: Codes

    @property
    def one_to_one(self) -> bool:
        """Whether the two columns are two names of the same thing."""
        return bool((self.partner >= 0).any())

    def belief(self, left: Codes, value: Codes, held: Codes) -> Floats:
        """How far the other rows speak for `value`, in 0..1.

        Strength times the share of the group that holds the value, two rows of doubt added. Where the columns
        name each other one to one, the share of the value's rows that are in the group counts as well.

        Parameters
        ----------
        left, value, held : arrays of int, shape (m,)
            The row's left value, the right value asked about, and the one that stands in the row (its own
            cell is left out of the counts).
        """
        known = left >= 0
        own = known & (held >= 0) & (held == value)
        beside = self.pairs.count(left, value) - own
        share = beside / (np.where(known, self.groups[left] - (held >= 0), 0) + _DOUBT)
        if self.one_to_one:
            holders = np.bincount(self.pairs.keys % self.pairs.width, self.pairs.counts, self.pairs.width)
            share = np.maximum(share, beside / (np.where(value >= 0, holders[value], 0) - own + _DOUBT))
        return self.strength * share

    def contradicts(self, left: Codes, value: Codes) -> NDArray[np.bool_]:
        """Whether the two values are each paired with another one."""
        known = (left >= 0) & (value >= 0)
        return known & (self.partner[value] >= 0) & (self.partner[value] != left) & (self.paired(left) >= 0)

    def paired(self, left: Codes) -> Codes:
        """Right value that each left value is paired with one to one; -1 where there is none."""
        image = np.where(left >= 0, self.image[left], -1)
        return np.where((image >= 0) & (self.partner[image] == left), image, -1)


def count_pairs(left: Codes, right: Codes, width: int) -> Pairs:
    """Count the pairs of two columns over the rows where both are present."""
    both = (left >= 0) & (right >= 0)
    keys, counts = np.unique(left[both] * width + right[both], return_counts=True)
    return Pairs(keys, counts, width)


def find_dependencies(domains: Sequence[Domain]) -> list[Dependency]:
    """All dependencies of one column on another, in order of the columns.

    A dependency counts from a strength of 0.35 if its groups agree to 90% or the right column spreads over
    ten values or more, else from 0.6. Cost: one sort of the rows for each pair of columns.
    """
    found: list[Dependency] = []
    for i, first in enumerate(domains):
        for j in range(i + 1, len(domains)):
            second = domains[j]
            forth = count_pairs(first.codes, second.codes, second.size)
            if not len(forth.keys):
                continue
            back = forth.turned(first.size)
            found.extend(_pair_up(_judge(i, j, forth, first.size), _judge(j, i, back, second.size)))
    return found


def strength(pairs: Pairs, height: int) -> tuple[float, float]:
    """Strength of the dependency of the right column on the left one, and the share of rows that agree.

    Parameters
    ----------
    pairs : Pairs
    height : int
        Values of the left column.

    Returns
    -------
    strength : float
        1 - (1 - pdep(Y | X)) / (1 - pdep(Y)) x (N - 1) / (N - K): at most 1, below 0 where chance does
        better, 0 where it is not defined (a constant Y, or K = N groups).
    share : float
        Rows whose right value is the most frequent one of their group.
    """
    left, right = np.divmod(pairs.keys, pairs.width)
    groups = np.bincount(left, pairs.counts, height)
    totals = np.bincount(right, pairs.counts, pairs.width)
    rows, used = pairs.counts.sum(), np.count_nonzero(groups)
    within = (pairs.counts**2 / groups[left]).sum() / rows
    alone = (totals**2).sum() / rows**2
    best = np.zeros(height)
    np.maximum.at(best, left, pairs.counts)
    if alone >= 1 or used >= rows:
        return 0.0, float(best.sum() / rows)
    tau = 1 - (1 - within) / (1 - alone) * (rows - 1) / (rows - used)
    return float(tau), float(best.sum() / rows)


def _judge(left: int, right: int, pairs: Pairs, height: int) -> Dependency | None:
    tau, share = strength(pairs, height)
    totals = np.bincount(pairs.keys % pairs.width, pairs.counts)
    spread = totals.sum() ** 2 / (totals**2).sum()
    if tau < _FLOOR or (tau < _SURE and share < 0.9 and spread < 10):
        return None
    groups = np.bincount(pairs.keys // pairs.width, pairs.counts, height).astype(np.int64)
    lone = np.full(pairs.width, -1, dtype=np.int64)
    return Dependency(left, right, tau, share, pairs, groups, _majority(pairs, height), lone)


def _majority(pairs: Pairs, height: int) -> Codes:
    """Most frequent right value of each left value; of equals the one that was seen first in the table."""
    image = np.full(height, -1, dtype=np.int64)
    left, right = np.divmod(pairs.keys, pairs.width)
    order = np.lexsort((-right, pairs.counts, left))
    image[left[order]] = right[order]  # the last write of each group stays: the largest count
    return image


def _pair_up(forth: Dependency | None, back: Dependency | None) -> list[Dependency]:
    """Where both directions hold, pair the values one to one: a frequent error cannot pose as the rule."""
    if forth is None or back is None:
        return [d for d in (forth, back) if d is not None]
    if min(forth.strength, back.strength) < _NAMES:
        return [forth, back]
    height, width = len(forth.groups), forth.pairs.width
    if max(height, width) > _MATCHED:
        return [forth, back]
    left, right = np.divmod(forth.pairs.keys, width)
    cosine = np.zeros((height, width))
    cosine[left, right] = forth.pairs.counts / np.sqrt(forth.groups[left] * back.groups[right])
    rows, columns = linear_sum_assignment(cosine, maximize=True)
    good = (cosine[rows, columns] > 0.3) & (forth.pairs.count(rows, columns) > 1)
    rows, columns = rows[good], columns[good]
    partner, image = forth.partner.copy(), forth.image.copy()
    mirror, reflection = back.partner.copy(), back.image.copy()
    partner[columns], image[rows] = rows, columns
    mirror[rows], reflection[columns] = columns, rows
    return [
        Dependency(
            forth.left, forth.right, forth.strength, forth.share, forth.pairs, forth.groups, image, partner
        ),
        Dependency(
            back.left, back.right, back.strength, back.share, back.pairs, back.groups, reflection, mirror
        ),
    ]
