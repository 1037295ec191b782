"""Shapley values by regression on coalitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._problem import Problem
from ..._valuation import Valuation
from ..._valuer import Axioms, Needs, Valuer
from ._stratified import by_strata
from ._weights import shapley


@final
@dataclass(eq=False, kw_only=True)
class KernelShapley(Valuer):
    """Shapley values by regression on coalitions: the least error for the number of evaluations.

    Coalitions are asked in pairs of complements, size by size, most of the sizes where worths scatter most,
    small sizes in full, none twice (see `_strata`). A kernel ridge regression on interactions of odd order
    stands in for the game; its Shapley values are known exactly, and what it misses on coalitions that it
    has not seen is added, so that the values are nearly unbiased, and sum to worth(all) - worth(none). Once
    all 2**n coalitions were asked the values are exact.

    It asks for coalitions of every kind. Where growing one row by row is far cheaper than asking for it,
    `Shapley(design="antithetic")` may be nearer the truth for the time taken.

    Memory is n bytes an evaluation and some 50 MB; the surrogate takes up to some seconds each time that the
    evaluations have grown by 40%, until it was fitted to 1,500 pairs.

    Source: Lundberg and Lee (2017), "A unified approach to interpreting model predictions"; Covert and Lee
    (2021), "Improving KernelSHAP: practical Shapley value estimation via linear regression"; Musco and Witter
    (2025), "Provably accurate Shapley value estimation via leverage score sampling"; Witter, Liu and Musco
    (2025), "Regression-adjusted Monte Carlo estimators for Shapley values and probabilistic values".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, KernelShapley, Problem, TableGame, value
    >>> game = TableGame(np.array([0.0, 1.0, 2.0, 5.0]))
    >>> value(Problem(Data([[0.0], [1.0]]), game=game), KernelShapley()).values
    array([2., 3.])
    """

    needs: ClassVar[Needs] = Needs.GAME
    axioms: ClassVar[Axioms] = Axioms.SEMIVALUE | Axioms.EFFICIENCY

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate whenever there are a few per cent more evaluations."""
        game = problem.game
        assert game is not None
        return by_strata(game, [shapley(game.n)], rng)
