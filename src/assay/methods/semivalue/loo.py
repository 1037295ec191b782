"""Leave-one-out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np

from ..._game import BLOCK, without_each
from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Status, Valuation
from ._family import Semivalue


@final
@dataclass(eq=False, kw_only=True)
class LeaveOneOut(Semivalue):
    """What all rows lose without this one; exact, n + 1 evaluations.

    For ridge and two-class logistic regression without a refit: by the hat matrix, and by one Newton step
    with every row that might matter verified (Rad and Maleki 2020).

    Source: Cook (1977), "Detection of Influential Observation in Linear Regression".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, LeaveOneOut, Problem, TableGame, value
    >>> game = TableGame(np.array([0.0, 1.0, 2.0, 5.0]))
    >>> value(Problem(Data([[0.0], [1.0]]), game=game), LeaveOneOut()).values
    array([3., 4.])
    """

    design = "auto"  # all that there is: what is asked for is fixed

    def log_mass(self, n: int) -> Floats:
        """All others are there."""
        return np.append(np.full(n - 1, -np.inf), 0.0)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the exact values once."""
        del rng
        game = problem.game
        assert game is not None
        n = game.n
        whole = game(np.ones((1, n), bool))[0]
        without = without_each(game)
        if without is None:
            blocks = (np.arange(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK))
            without = np.concatenate([game(rows[:, None] != np.arange(n)) for rows in blocks])
        yield Valuation(whole - without, evals=n + 1, status=Status.exact)
