"""Banzhaf values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._problem import Problem
from ..._types import Coalitions, Floats, Worths
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from ._spread import Range, variance

BATCH = 64


@final
@dataclass(eq=False, kw_only=True)
class Banzhaf(Valuer):
    """What a row adds to a coalition of the others drawn by fair coins; the semivalue most robust to noise.

    Maximum sample reuse: every coalition informs every row, as the mean worth of coalitions with the row less
    that of coalitions without it. Standard errors are those of a difference of two means, with a prior from
    the range of the worths that vanishes as the draws grow (see `_spread`).

    Source: Wang and Jia (2023), "Data Banzhaf: A Robust Data Valuation Framework for Machine Learning".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Banzhaf, Data, Problem, Stop, TableGame, value
    >>> game = TableGame(np.array([0.0, 1.0, 2.0, 3.0]))
    >>> valuation = value(Problem(Data([[0.0], [1.0]]), game=game), Banzhaf(), stop=Stop(stderr=0.02))
    >>> valuation.status.name
    'converged'
    """

    needs: ClassVar[Needs] = Needs.GAME

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every batch of coalitions, once each row was seen in and out of two."""
        game, span = problem.game, Range()
        assert game is not None
        ends = game(np.array([[False], [True]]).repeat(game.n, axis=1))  # what none and all are worth
        span.see(ends)
        centre = ends.mean()  # sums of squares about a typical worth keep their digits
        sums, evals = np.zeros((2, 3, game.n)), len(ends)
        while True:
            coalitions = rng.random((BATCH, game.n)) < 0.5
            worths = game(coalitions)
            evals += len(worths)
            width = span.see(worths)
            sums[0] += _moments(~coalitions, worths - centre)
            sums[1] += _moments(coalitions, worths - centre)
            count, total, squares = sums.swapaxes(0, 1)
            if count.min() < 2:
                continue
            means = total / count
            each = variance(np.maximum(squares - total * means, 0), count, width**2 / 4)
            stderr = np.sqrt((each / count).sum(axis=0))
            draws = int(count.min())
            yield Valuation(means[1] - means[0], stderr, evals=evals, draws=draws)


def _moments(member: Coalitions, worths: Worths) -> Floats:
    """Count, sum and sum of squares of worths for each row's coalitions, (3, n); the same bits everywhere."""
    powers = np.stack([np.ones_like(worths), worths, worths**2])
    return np.where(member, powers[:, :, None], 0.0).sum(axis=1)
