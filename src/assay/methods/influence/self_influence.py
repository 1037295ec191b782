"""Influence of rows on themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._curvature.choose import Settings, check_settings, metric_for, solver_for
from ..._gradients.features import Features, dense_blocks
from ..._gradients.source import gradients_of
from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._scores import trained


@final
@dataclass(eq=False, kw_only=True)
class SelfInfluence(Valuer):
    """Minus what a row's own loss would rise by without it, to first order: -g_i' H^-1 g_i, at most 0.

    Rows that nothing but themselves explains come first from below: wrong labels, odd rows. No validation
    rows, and no n x n matrix: rows are gone through in blocks.

    Cost: that of `Influence` with each row as one more query; by "ekfac" and "kfac" A B multiplications a row
    and layer.

    Parameters
    ----------
    solver : str
        As in `Influence`; "auto" takes "left_out" for linear models, "exact" for nets of up to 2,000
        parameters and "ekfac" above.
    damping : float, optional
        As in `Influence`.
    rank : int
        Directions of "arnoldi" and "nystrom".
    tolerance : float
        Of "cg", in (0, 1).

    Source: Koh and Liang (2017), "Understanding Black-box Predictions via Influence Functions"; Feldman and
    Zhang (2020), "What Neural Networks Memorize and Why".

    Examples
    --------
    >>> from assay import Data, Problem, SelfInfluence, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> value(Problem(train, model=LogisticRegression(C=10)), SelfInfluence()).lowest(1)
    array([2])
    """

    solver: str = "auto"
    damping: float | None = None
    rank: int = 200
    tolerance: float = 1e-3
    needs: ClassVar[Needs] = Needs.LABELS | Needs.GRADIENTS

    def __post_init__(self) -> None:
        check_settings("SelfInfluence", self.settings)

    @property
    def settings(self) -> Settings:
        """How the inverse is taken."""
        return Settings(self.solver, self.damping, self.rank, self.tolerance)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        self.__post_init__()
        gradients, problem = gradients_of(problem, "SelfInfluence")
        metric = metric_for(self.settings, gradients, problem.train, rng)
        rows = gradients.rows(problem.train)
        if solver_for(self.solver, gradients) == "left_out":
            steps = trained(self.solver, gradients, problem.train, metric)
            found = _rowdots(rows, steps, metric.solve)
        else:
            found = metric.squares(rows) * gradients.weights(problem.train)
        yield Valuation(-found, status=Status.exact, why=metric.note)


def _rowdots(rows: Features, steps: Features, solve: Callable[[Features], Features]) -> Floats:
    parts = dense_blocks(rows)
    return np.concatenate([rows.take(part).rowdot(solve(steps.take(part))) for part in parts])
