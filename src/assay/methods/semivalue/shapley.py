"""Shapley values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np

from ..._errors import AssayError
from ..._game import noise
from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Valuation
from ..._valuer import Axioms
from ._family import Semivalue, best_design, check_design, sample
from ._weights import shapley


@final
@dataclass(eq=False, kw_only=True)
class Shapley(Semivalue):
    """What a row adds on average when all rows join in random order; values sum to worth(all) - worth(none).

    Standard errors come from the spread over draws, together with a prior that vanishes as they grow (see
    `_spread`).

    Parameters
    ----------
    design : str
        How coalitions are sampled. "permutations": whole orders, n + 1 evaluations each; "antithetic": each
        with its reverse; "stratified": coalitions of every size in the best proportion, with their
        complements and without repetition, less what a fitted surrogate explains, exact once all 2**n are
        known; "owen": coalitions by evenly drawn inclusion probabilities; "exact": all 2**n. "auto" takes
        antithetic orders where the game grows row by row, stratified coalitions elsewhere (permutations
        beyond 2,000 rows).
    tolerance : float | "bootstrap"
        For permutations: cut one short where the worth is this close to that of all rows, in units of the
        score; what joins later counts as adding nothing, a bias that standard errors do not show.
        "bootstrap" takes the standard error of the worth of all rows over resampled validation rows. 0 never
        cuts.

    Source: Ghorbani and Zou (2019), "Data Shapley: Equitable Valuation of Data for Machine Learning",
    Algorithm 1; permutations after Castro, Gomez and Tejada (2009).

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, Problem, Shapley, Stop, TableGame, value
    >>> game = TableGame(np.array([0.0, 1.0, 2.0, 5.0]))
    >>> problem = Problem(Data([[0.0], [1.0]]), game=game)
    >>> value(problem, Shapley(design="exact")).values
    array([2., 3.])
    """

    axioms: ClassVar[Axioms] = Axioms.SEMIVALUE | Axioms.EFFICIENCY
    design: str = "auto"
    tolerance: float | Literal["bootstrap"] = 0.0

    def __post_init__(self) -> None:
        check_design(self)
        given: Any = self.tolerance
        number = isinstance(given, int | float | np.number) and given >= 0
        if not number and self.tolerance != "bootstrap":
            raise AssayError(
                f"Shapley.tolerance is {self.tolerance!r}; it needs to be at least 0, or 'bootstrap'."
            )
        if self.tolerance and self.design not in ("auto", "permutations", "antithetic"):
            raise AssayError(
                f"Shapley.tolerance cuts permutations, but design is {self.design!r}; "
                "pass design='permutations', or tolerance=0."
            )

    def log_mass(self, n: int) -> Floats:
        """Every size of the coalition that is joined has the same probability."""
        return shapley(n)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every batch of evaluations."""
        game = problem.game
        assert game is not None
        if not self.tolerance:
            design = best_design(game) if self.design == "auto" else self.design
            return sample([self], design, problem, rng)
        design = "permutations" if self.design == "auto" else self.design
        tolerance = noise(game) if self.tolerance == "bootstrap" else float(self.tolerance)
        return sample([self], design, problem, rng, tolerance=tolerance)
