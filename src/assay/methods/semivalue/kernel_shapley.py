"""Shapley values by regression on coalitions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._problem import Problem
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._strata import Strata
from ._surrogate import Record

BATCH = 16  # coalitions asked at a time; `Stop` may end a run after each
FIRST = 64  # coalitions behind the first estimate, if 2 n are not fewer
RENEW = 0.03  # growth of the evaluations between two estimates
REFIT = 1.4  # growth between two fits of the surrogate


@final
@dataclass(eq=False, kw_only=True)
class KernelShapley(Valuer):
    """Shapley values by regression on coalitions: the least error for the number of evaluations.

    Coalitions are asked in pairs of complements, size by size, most of the sizes where worths scatter most,
    small sizes in full, none twice (see `_strata`). A kernel ridge regression on interactions of odd order
    stands in for the game; its Shapley values are known exactly, and what it misses on coalitions that it
    has not seen is added, so that the values are unbiased and sum to worth(all) - worth(none). Once all 2**n
    coalitions were asked the values are exact.

    It needs coalitions of any kind; where growing one row by row is far cheaper than asking for it,
    `Shapley` may be better for the time.

    Memory is O(m n) bits for m evaluations and 1,500 squared numbers; the surrogate takes up to a second each
    time that the evaluations have grown by 40%, until it was fitted to 1,500 pairs.

    Source: Lundberg and Lee (2017), "A unified approach to interpreting model predictions"; Covert and Lee
    (2021), "Improving KernelSHAP: practical Shapley value estimation via linear regression"; Musco and Witter
    (2025), "Provably accurate Shapley value estimation via leverage score sampling"; Witter, Liu and Musco
    (2025), "Regression-adjusted Monte Carlo estimators for Shapley values and probabilistic values".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, Problem, Stop, TableGame, value
    >>> from assay.methods.semivalue.kernel_shapley import KernelShapley
    >>> game = TableGame(np.array([0.0, 1.0, 2.0, 5.0]))
    >>> value(Problem(Data([[0.0], [1.0]]), game=game), KernelShapley()).values
    array([2., 3.])
    """

    needs: ClassVar[Needs] = Needs.GAME

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every batch of coalitions; the batch depends on n alone."""
        game = problem.game
        assert game is not None
        mass = np.full(game.n, 1 / game.n)
        strata = Strata(game.n, [mass])
        coalitions, worths = [], []
        record, latest, evals, fit_at, draws = None, None, 0, 0, 0
        block = BATCH * math.ceil(min(2 * game.n + 2, FIRST) / BATCH)
        while True:
            asked = strata.next(block, rng, None if latest is None else latest.spread)
            coalitions.append(asked)
            for start in range(0, len(asked), BATCH):
                if start and latest is not None:  # what is asked meanwhile waits until the block is whole
                    yield Valuation(latest.values, latest.stderr, evals=evals, draws=draws)
                worths.append(game(asked[start : start + BATCH]))
                evals += len(worths[-1])
            again = record is None or (evals >= REFIT * fit_at and record.fresh)
            coalitions, worths = [np.concatenate(coalitions)], [np.concatenate(worths)]
            record = Record(coalitions[0], worths[0], strata.expected, before=None if again else record)
            latest = record.estimate(mass)
            if strata.left == 0:
                yield Valuation(latest.values, evals=evals, status=Status.exact)
                return
            fit_at, draws = evals if again else fit_at, (evals - 2) // 2
            block = BATCH * max(1, round(RENEW * evals / BATCH))
            yield Valuation(latest.values, latest.stderr, evals=evals, draws=draws)
