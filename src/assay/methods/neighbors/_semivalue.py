"""Semivalues of the hits, or of the mean label, of the k nearest rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..._problem import Problem
from ..._types import Floats
from ._labels import Labels
from ._ranking import Ranking, Rule


@dataclass(frozen=True)
class Chances:
    """How a coalition that a semivalue draws meets a row, by its rank from 1; places 0 are not used.

    A worth divides by a count of rows: k, or how many of the k nearest there are.

    Parameters
    ----------
    room : array of shape (n + 1,)
        The mean of 1 / count, where the row finds room among the k nearest, else 0.
    square : array of shape (n + 1,)
        The mean of 1 / count² there.
    pair : array of shape (n + 1,)
        The mean of 1 / count² where a given nearer row is in the coalition, and this one finds room.
    """

    room: Floats
    square: Floats
    pair: Floats

    @classmethod
    def over_k(cls, k: int, room: Floats, pair: Floats) -> Chances:
        """From the plain probabilities, where the count always is k."""
        return cls(room / k, room / k**2, pair / k**2)


@final
@dataclass(frozen=True)
class SemivalueRule(Rule):
    """A semivalue of the k-NN utility, from a ranking.

    Rows that follow each other differ by the difference of their labels times a factor of their rank, so that
    one pass from the farthest row inwards finds all values.

    Parameters
    ----------
    labels : Labels
    chances : Chances
    """

    labels: Labels
    chances: Chances

    @classmethod
    def of(cls, problem: Problem, chances: Chances) -> SemivalueRule:
        """The rule for `problem`."""
        return cls(Labels.of(problem), chances)

    def hits(self, judge: int) -> NDArray[np.bool_]:
        """Which rows have the judge's label."""
        return self.labels.hits(judge)

    def add(self, ranking: Ranking, out: Floats) -> None:
        """Add the values to `out`, by the recurrence for this kind of labels."""
        from ._mean_shares import add_mean_shares
        from ._shares import add_hit_shares, add_label_shares

        y, label, chances = self.labels.train, self.labels.valid[ranking.judge], self.chances
        if self.labels.numbers:
            order, before = ranking.order(), np.empty(len(y) + 1)
            columns = np.ascontiguousarray(y.reshape(len(y), -1).T)
            for column, target in zip(columns, np.atleast_1d(label), strict=True):
                factors = (chances.room, chances.square, chances.pair)
                add_mean_shares(order, column, target, *factors, before, 1.0 / len(columns), out)
        elif y.ndim > 1:
            add_label_shares(ranking.order(), y, label, chances.room, out)
        else:
            add_hit_shares(ranking.words, ranking.shift, chances.room, out)
