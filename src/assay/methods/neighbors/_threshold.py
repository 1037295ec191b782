"""The rows within a threshold of each judge, and what they are worth by counting them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from ..._types import Floats, Positions
from ._labels import Labels
from ._lengths import lengths
from ._space import Space

USUAL = 10  # rows within the default threshold of the median judge
ASKED = 100  # judges that set it
BLOCK = 16  # judges whose distances are computed together


@dataclass(frozen=True)
class Within:
    """Which rows are within a threshold of a judge.

    Distances come from matrix products; those that rounding could put on either side are measured exactly.

    Parameters
    ----------
    space : Space
    threshold : float
    """

    space: Space
    threshold: float

    def rows(self, start: int, stop: int) -> Iterator[Positions]:
        """The rows within the threshold of each of the judges `start:stop`, ascending."""
        cut = self.threshold**2 if self.space.metric == "euclidean" else self.threshold
        for first in range(start, stop, BLOCK):
            table = self.space.table(first, min(first + BLOCK, stop))
            for judge, line in enumerate(table, first):
                keys, slack = _keys(self.space, judge, line)
                slack += 8 * np.finfo(float).eps * cut
                near = keys <= cut
                unsure = np.flatnonzero(np.abs(keys - cut) <= slack)
                if len(unsure):
                    near[unsure] = lengths(self.space, judge, unsure, keys) <= self.threshold
                yield np.flatnonzero(near)


def _keys(space: Space, judge: int, line: Floats) -> tuple[Floats, float]:
    """Squared Euclidean or plain other distances (n,), and how wrong they may be."""
    keys = space.offset + space.factor * line
    if space.metric == "euclidean":
        keys += space.points[judge] @ space.points[judge]
    elif space.metric == "cosine":
        keys += 1.0
    return keys, 2.0 * float(space.tolerance[judge])


def usual(space: Space) -> float:
    """The median, over at most `ASKED` judges, of the distance to the `USUAL`th nearest row."""
    judges = len(space.points)
    asked = np.unique(np.linspace(0, judges - 1, min(ASKED, judges)).astype(int))
    found, place = [], min(USUAL, space.n) - 1
    for judge in asked.tolist():
        keys, slack = _keys(space, judge, space.table(judge, judge + 1)[0])
        tenth = np.partition(keys, place)[place]
        slack += 8 * np.finfo(float).eps * abs(tenth)
        close = np.flatnonzero(np.abs(keys - tenth) <= 2 * slack)
        nearer = np.count_nonzero(keys < tenth - 2 * slack)
        found.append(np.sort(lengths(space, judge, close, keys))[place - nearer])
    return float(np.quantile(found, 0.5, method="lower"))


def counted(within: Within, labels: Labels) -> Floats:
    """Hits and misses within the threshold, (judges, labels, 2)."""
    y, judges = labels.train.reshape(len(labels.train), -1), len(labels.valid)
    out = np.empty((judges, y.shape[1], 2))
    for judge, rows in enumerate(within.rows(0, judges)):
        hits = (y[rows] == labels.valid[judge]).sum(axis=0)
        out[judge] = np.column_stack([hits, len(rows) - hits])
    return out


@final
@dataclass(frozen=True)
class Counts:
    """Values of rows to blocks of judges.

    Parameters
    ----------
    within : Within
    labels : Labels
    guess : float
        What no rows are worth, for classes.
    given : array of shape (judges, labels, 2), optional
        Hits and misses to reckon with, in place of those that are there.
    apart : bool
        Keep the judges apart.
    """

    within: Within
    labels: Labels
    guess: float
    given: Floats | None
    apart: bool

    def __call__(self, start: int, stop: int) -> Floats:
        """Values to the judges `start:stop`, (n, judges) if `apart`, else summed, (n, 1)."""
        n = self.within.space.n
        y = self.labels.train.reshape(n, -1)
        out = np.zeros((stop - start if self.apart else 1, n))
        for judge, rows in enumerate(self.within.rows(start, stop), start):
            line = out[judge - start if self.apart else 0]
            label = np.atleast_1d(self.labels.valid[judge])
            for c in range(y.shape[1]):
                if self.labels.numbers:
                    values = of_numbers(y[rows, c], float(label[c]))
                else:
                    values = self._of_hits(y[rows, c] == label[c], judge, c)
                line[rows] += values / y.shape[1]
        return out.T

    def _of_hits(self, hit: NDArray[np.bool_], judge: int, column: int) -> Floats:
        hits = float(np.count_nonzero(hit))
        misses = len(hit) - hits
        if self.given is not None:
            hits, misses = self.given[judge, column].tolist()
        of_hit = of_vote(1.0, max(hits - 1, 0), misses, self.guess)
        of_miss = of_vote(0.0, hits, max(misses - 1, 0), self.guess)
        return np.where(hit, of_hit, of_miss)


def of_vote(hit: float, hits: float, misses: float, guess: float) -> float:
    """The Shapley value of a row (`hit` or not) beside others that are `hits` and `misses`.

    Joining s of the others, it moves their mean m to (s m + hit) / (s + 1), a gain of (hit - m) / (s + 1); s
    is any number of them, equally likely.
    """
    others = hits + misses
    share = hits / others if others else 0.0
    harmonic = digamma(others + 2.0) - digamma(1.0)  # the sum of 1 / (s + 1)
    return (hit - guess + (hit - share) * (harmonic - 1.0)) / (others + 1.0)


def of_numbers(y: Floats, label: float) -> Floats:
    """The Shapley values of rows with labels `y` (c,), by the moments of the sum of s random others."""
    c = len(y)
    if not c:
        return y
    e = y - label  # so that the worth is minus the squared mean, but for no rows
    s = np.arange(1.0, c)
    total, squares = e.sum() - e, (e**2).sum() - e**2  # of the others
    one, two = s / max(c - 1, 1), s * (s - 1) / max((c - 1) * (c - 2), 1)  # chances to be among the s
    gain, after = 1 / s**2 - 1 / (s + 1) ** 2, 1 / (s + 1) ** 2
    of_square = squares * (one @ gain) + (total**2 - squares) * (two @ gain)
    return (label**2 - e**2 + of_square - 2 * e * total * (one @ after) - e**2 * after.sum()) / c
