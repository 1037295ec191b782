"""Shapley values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._errors import AssayError
from ..._game import ordered
from ..._problem import Problem
from ..._types import Worths
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from ._spread import Range, variance

BATCH_EVALS = 500  # a batch of permutations costs about this, so that estimates come often
MOST_ORDERS = 16


@final
@dataclass(eq=False, kw_only=True)
class Shapley(Valuer):
    """What a row adds on average when all rows join in random order; values sum to worth(all) - worth(none).

    Every permutation costs n + 1 evaluations. Standard errors come from the spread over permutations,
    together with a prior that vanishes as they grow (see `_spread`).

    Parameters
    ----------
    tolerance : float
        Cut a permutation short where the worth is this close to that of all rows, in units of the score; what
        joins later counts as adding nothing. 0 never cuts: values are then unbiased.

    Source: Ghorbani and Zou (2019), "Data Shapley: Equitable Valuation of Data for Machine Learning",
    Algorithm 1; permutations after Castro, Gomez and Tejada (2009).

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, Problem, Shapley, Stop, TableGame, value
    >>> game = TableGame(np.array([0.0, 1.0, 2.0, 5.0]))
    >>> valuation = value(Problem(Data([[0.0], [1.0]]), game=game), Shapley(), stop=Stop(evals=300))
    >>> float(valuation.values.sum().round(6)), valuation.status.name
    (5.0, 'budget')
    """

    tolerance: float = 0.0
    needs: ClassVar[Needs] = Needs.GAME

    def __post_init__(self) -> None:
        if not self.tolerance >= 0:
            raise AssayError(f"Shapley.tolerance is {self.tolerance!r}; it needs to be at least 0.")

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every batch of permutations; the batch depends on n alone."""
        assert problem.game is not None
        game, span = ordered(problem.game), Range()
        n, draws, evals = game.n, 0, 0
        batch = max(2, min(MOST_ORDERS, BATCH_EVALS // (n + 1)))
        mean, spread = np.zeros(n), np.zeros(n)
        while True:
            orders = np.array([rng.permutation(n) for _ in range(batch)])
            worths = game.grow(orders, tolerance=self.tolerance)
            evals += _asked(worths, self.tolerance)
            width = span.see(worths)
            for order, line in zip(orders, worths, strict=True):
                added = np.empty(n)
                added[order] = np.diff(line)
                draws += 1
                change = added - mean
                mean = mean + change / draws
                spread = spread + change * (added - mean)
            # knowing nothing of a row, it varies as all rows and draws together do
            overall = spread.mean() / draws + mean.var()
            each = variance(spread, draws, max(float(overall), (width / n) ** 2))
            yield Valuation(mean, np.sqrt(each / draws), evals=evals, draws=draws)


def _asked(worths: Worths, tolerance: float) -> int:
    """Evaluations behind `worths`: after a cut, a line repeats its last worth."""
    if tolerance == 0:
        return worths.size
    changes = np.diff(worths, axis=1) != 0
    last = np.where(changes.any(axis=1), changes.shape[1] - changes[:, ::-1].argmax(axis=1), 0)
    return int((last + 1).sum()) + 1
