"""Datamodels."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from ..._errors import AssayError
from ..._outputs import OUTPUTS, Output, Outputs
from ..._parallel import each
from ..._problem import Problem
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from .regression import Regression, check_regression, fitted

BATCH = 64
GROWTH = 2  # a batch is one of this many parts of the draws made, so that all fits together stay cheap
TASK = 8  # refits that a worker is given at once


@final
@dataclass(eq=False, kw_only=True)
class Datamodels(Valuer):
    """What each validation row's output gains where a training row is in: one linear fit a validation row.

    The model is refitted on random subsets, each row in by a coin of probability `share`, and the output of
    each validation row is regressed on which rows were in. `Valuation.per_valid` holds the coefficients,
    values are their means. The output is log p / (1 - p) of the right class, or minus the squared error where
    labels are numbers (see `output`): values are in its units, and `Problem.score` is not asked.

    - "lasso": few rows matter to a validation row; the penalty of each is chosen by 4 folds. The nearest to
      held-out models where that is so, and as near as "ridge" otherwise from about as many draws as rows on.
      Up to 10,000 rows.
    - "ridge": all rows matter a little; the penalty of each is chosen by leaving draws out. The nearest where
      draws are few and effects are spread over the rows, and many times faster to fit than "lasso".
    - "difference": the mean output where the row is in less that where it is out. Unbiased, and the farthest
      from held-out models of the three.

    The first two are shrunk towards 0. Their standard errors are those of the unbiased values that one
    further step gives, or how far they are from those if that is more.

    One refit a draw; memory is 8 (s n + s m + n m) bytes and what the fit needs (see `datamodels`).

    Parameters
    ----------
    share : float
        The probability of a row being in a subset, in 0..1, both excluded.
    regression : "lasso" | "ridge" | "difference"
        See above.
    output : "margin" | "log_loss" | "squared_error", optional
        log p / (1 - p) of the right class, log p, or minus the squared error; probabilities are at least
        1e-9. If not given, the margin for classes and the squared error for numbers.

    Source: Ilyas, Park, Engstrom, Leclerc and Madry (2022), "Datamodels: Predicting Predictions from Training
    Data"; the standard errors after Zhang and Zhang (2014), "Confidence intervals for low dimensional
    parameters in high dimensional linear models".

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from assay import Data, Problem, Stop, value
    >>> train = Data([[1.0], [2.0], [3.0], [4.0]], [1.0, 2.0, 3.0, -4.0])
    >>> problem = Problem(train, Data([[1.0], [2.0]], [1.0, 2.0]), Ridge(), "r2")
    >>> value(problem, Datamodels(regression="ridge"), stop=Stop(evals=200)).lowest(1)
    array([3])
    """

    share: float = 0.5
    regression: Regression = "lasso"
    output: Output | None = None
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.REFITS

    def __post_init__(self) -> None:
        if not isinstance(self.share, (int, float)) or not 0 < self.share < 1:
            raise AssayError(f"Datamodels.share is {self.share!r}; it needs a number between 0 and 1.")
        check_regression("Datamodels.regression", self.regression, 1)
        if self.output not in (None, *OUTPUTS):
            raise AssayError(
                f"Datamodels.output is {self.output!r}; choose {', '.join(map(repr, OUTPUTS))}, or None."
            )

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Generator[Valuation, int | None, None]:
        """Yield an estimate after every batch of refits."""
        self.__post_init__()
        check_regression("Datamodels.regression", self.regression, problem.n)
        refits = Outputs(replace(problem, game=None), self.output, int(rng.integers(2**31)))
        assert problem.valid is not None
        members, outputs = np.zeros((0, problem.n), bool), np.zeros((0, len(problem.valid)))
        room = None
        while True:
            count = max(BATCH, len(members) // GROWTH)
            count = count if room is None else max(min(count, room), 1)
            new = rng.random((count, problem.n)) < self.share
            tasks = ((new[i : i + TASK],) for i in range(0, count, TASK))
            members, outputs = np.vstack([members, new]), np.vstack([outputs, *each(refits, tasks)])
            found = fitted(members, outputs, self.regression)
            draws = len(members)
            room = yield Valuation(
                found.values, found.stderr, found.scores, evals=draws, draws=draws, next_evals=1
            )
