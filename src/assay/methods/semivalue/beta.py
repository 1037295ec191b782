"""Beta Shapley values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from ..._errors import AssayError
from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Valuation
from ._family import Semivalue, best_design, check_design, sample
from ._weights import beta


@final
@dataclass(eq=False, kw_only=True)
class BetaShapley(Semivalue):
    """What a row adds to coalitions whose size is beta-binomial: noisy rows show most in small coalitions.

    The others join with a probability drawn from Beta(beta, alpha). (1, 1) is Shapley; the larger `alpha`,
    the smaller the coalitions.

    Parameters
    ----------
    alpha : float
        Above 0; the larger, the smaller the coalitions.
    beta : float
        Above 0; the larger, the larger the coalitions.
    design : str
        As in `Shapley`.

    Source: Kwon and Zou (2022), "Beta Shapley: a Unified and Noise-reduced Data Valuation Framework for
    Machine Learning".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import BetaShapley, Data, Problem, TableGame, value
    >>> game = TableGame(np.array([0.0, 1.0, 2.0, 5.0]))
    >>> problem = Problem(Data([[0.0], [1.0]]), game=game)
    >>> value(problem, BetaShapley(alpha=4, beta=1, design="exact")).values.round(6)
    array([1.4, 2.4])
    """

    alpha: float = field(default=4.0, kw_only=False)
    beta: float = field(default=1.0, kw_only=False)
    design: str = "auto"

    def __post_init__(self) -> None:
        check_design(self)
        for name in ("alpha", "beta"):
            given: Any = getattr(self, name)
            if not (isinstance(given, int | float | np.number) and 0 < given < np.inf):
                raise AssayError(f"BetaShapley.{name} is {given!r}; it needs to be a number above 0.")

    def log_mass(self, n: int) -> Floats:
        """The size of the coalition that is joined is beta-binomial."""
        return beta(n, self.alpha, self.beta)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every batch of evaluations."""
        assert problem.game is not None
        design = best_design(problem.game) if self.design == "auto" else self.design
        return sample([self], design, problem, rng)
