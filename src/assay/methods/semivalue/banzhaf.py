"""Banzhaf values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np

from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Valuation
from ._family import FEW_ROWS, Semivalue, check_design, sample
from ._weights import banzhaf


@final
@dataclass(eq=False, kw_only=True)
class Banzhaf(Semivalue):
    """What a row adds to a coalition of the others drawn by fair coins; the semivalue most robust to noise.

    Parameters
    ----------
    design : str
        As in `Shapley`, or "coins": coalitions by fair coins, each of which informs every row (maximum sample
        reuse). "auto" takes coins, and stratified coalitions up to 16 rows.

    Source: Wang and Jia (2023), "Data Banzhaf: A Robust Data Valuation Framework for Machine Learning".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Banzhaf, Data, Problem, Stop, TableGame, value
    >>> game = TableGame(np.array([0.0, 1.0, 2.0, 3.0]))
    >>> problem = Problem(Data([[0.0], [1.0]]), game=game)
    >>> valuation = value(problem, Banzhaf(design="coins"), stop=Stop(stderr=0.02))
    >>> valuation.status.name
    'converged'
    """

    design: str = "auto"

    def __post_init__(self) -> None:
        check_design(self)

    def log_mass(self, n: int) -> Floats:
        """The size of the coalition that is joined is binomial."""
        return banzhaf(n, 0.5)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every batch of evaluations."""
        assert problem.game is not None
        usual = "stratified" if problem.game.n <= FEW_ROWS else "coins"
        return sample([self], usual if self.design == "auto" else self.design, problem, rng)
