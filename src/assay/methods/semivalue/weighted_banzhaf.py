"""Weighted Banzhaf values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

import numpy as np

from ..._errors import AssayError
from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Valuation
from ._family import FEW_ROWS, Semivalue, check_design, sample
from ._weights import banzhaf


@final
@dataclass(eq=False, kw_only=True)
class WeightedBanzhaf(Semivalue):
    """What a row adds to a coalition that each of the others joins with probability `p`.

    Parameters
    ----------
    p : float
        In 0..1, both excluded; 1/2 is Banzhaf.
    design : str
        As in `Shapley`, or "coins": each row is in with probability `p`, and every coalition informs every
        row. "auto" takes coins, and stratified coalitions up to 16 rows.

    Source: Li and Yu (2023), "Robust Data Valuation with Weighted Banzhaf Values".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, Problem, TableGame, WeightedBanzhaf, value
    >>> game = TableGame(np.array([0.0, 1.0, 2.0, 5.0]))
    >>> problem = Problem(Data([[0.0], [1.0]]), game=game)
    >>> value(problem, WeightedBanzhaf(p=0.8, design="exact")).values.round(6)
    array([2.6, 3.6])
    """

    p: float = field(default=0.8, kw_only=False)
    design: str = "auto"

    def __post_init__(self) -> None:
        check_design(self)
        if not (isinstance(self.p, int | float | np.number) and 0 < self.p < 1):
            raise AssayError(f"WeightedBanzhaf.p is {self.p!r}; it needs to be between 0 and 1.")

    def log_mass(self, n: int) -> Floats:
        """The size of the coalition that is joined is binomial."""
        return banzhaf(n, self.p)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every batch of evaluations."""
        assert problem.game is not None
        usual = "stratified" if problem.game.n <= FEW_ROWS else "coins"
        design = usual if self.design == "auto" else self.design
        return sample([self], design, problem, rng, **({"p": self.p} if design == "coins" else {}))
