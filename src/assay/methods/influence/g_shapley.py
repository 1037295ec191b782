"""Gradient Shapley."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._errors import AssayError
from ..._gradients.linear import LinearGradients
from ..._gradients.source import gradients_of
from ..._numbers import is_number
from ..._problem import Data, Problem
from ..._spread import variance
from ..._types import Floats
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from ._learner import Learner, Linear, Network
from ._start import start_of

BATCH = 16  # orders that are learnt side by side
RATES = tuple(10.0 ** (-k / 2) for k in range(9))  # 1 to .0001


@final
@dataclass(eq=False, kw_only=True)
class GShapley(Valuer):
    """What one step of gradient descent on a row takes off the judges' loss, on average over random orders.

    For each order of the rows a model starts anew and goes through them once, with a step on each row alone;
    a row is given the decrease of the mean loss over the validation rows by its step. The loss of the model
    before any step is measured too, so that the first row of an order counts as others do, and values sum to
    what the whole pass takes off, on average. Linear models start from 0, without their penalty; networks
    from weights drawn once as their modules' `reset_parameters` does, with dropout off. An order is an
    evaluation.

    Cost: n steps and n looks at the m judges an order; for linear models n m multiplications an output.

    Parameters
    ----------
    rate : float, optional
        The learning rate, above 0. If not given, that of 1, .32, .1, ..., .0001 at which the loss after
        32 orders is the least on average.

    Source: Ghorbani and Zou (2019), "Data Shapley: Equitable Valuation of Data for Machine Learning".

    Examples
    --------
    >>> from assay import Data, GShapley, Problem, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> valid = Data([[0.0], [1.0]], ["a", "b"])
    >>> value(Problem(train, valid, LogisticRegression()), GShapley()).lowest(1)
    array([2])
    """

    rate: float | None = None
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.GRADIENTS

    def __post_init__(self) -> None:
        if self.rate is not None and not (is_number(self.rate) and self.rate > 0):
            raise AssayError(f"GShapley.rate is {self.rate!r}; it needs to be a number above 0, or None.")

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Generator[Valuation, int | None, None]:
        """Yield an estimate after every batch of orders."""
        self.__post_init__()
        learner = _learner(problem, rng)
        rate = _best_rate(learner, problem.train) if self.rate is None else float(self.rate)
        total = np.zeros((learner.n, learner.m))
        squares, draws, count = np.zeros(learner.n), 0, 2  # of one draw there is no spread
        while True:
            orders = np.array([rng.permutation(learner.n) for _ in range(count)])
            gains = _gains(learner, orders, rate, total)
            if not np.isfinite(gains).all():
                raise AssayError("GShapley: the loss is not finite after some step; take a smaller rate.")
            squares, draws = squares + (gains**2).sum(axis=0), draws + count
            scores = total / draws
            mean = scores.mean(axis=1)
            spread = np.maximum(squares - draws * mean**2, 0)
            alike = spread.mean() / (draws - 1)  # an imagined draw of a row varies as those of all rows do
            stderr = np.sqrt(variance(spread, draws, alike) / draws)
            why = f"learning rate {rate:.2g}"
            room = yield Valuation(mean, stderr, scores, evals=draws, draws=draws, next_evals=1, why=why)
            count = BATCH if room is None else int(np.clip(room, 1, BATCH))


def _learner(problem: Problem, rng: np.random.Generator) -> Learner:
    gradients, seen = gradients_of(problem, "GShapley")
    if isinstance(gradients, LinearGradients):
        return Linear(gradients, seen)
    return Network(start_of(problem, "GShapley"), rng)


def _gains(learner: Learner, orders: np.ndarray, rate: float, total: Floats) -> Floats:
    """What each row takes off the mean loss in each order, (k, n); `total` (n, m) is added to."""
    gains, lines = np.empty(orders.shape), np.arange(len(orders))
    learner.start(len(orders))
    before = learner.losses()
    for rows in orders.T:
        learner.learn(rows, rate)
        now = learner.losses()
        np.add.at(total, rows, before - now)
        gains[lines, rows] = (before - now).mean(axis=1)
        before = now
    return gains


def _best_rate(learner: Learner, train: Data) -> float:
    """By orders that depend on neither the seed nor the order of the rows: values are of one rate then."""
    sorted_rows = np.lexsort((*train.dense.T, train.y))
    rng = np.random.default_rng(0)
    orders = np.array([sorted_rows[rng.permutation(learner.n)] for _ in range(2 * BATCH)])
    found = []
    for rate in RATES:
        learner.start(len(orders))
        with np.errstate(over="ignore", invalid="ignore"):  # such rates are not taken
            for rows in orders.T:
                learner.learn(rows, rate)
            loss = float(learner.losses().mean())
        found.append(loss if np.isfinite(loss) else np.inf)
    return RATES[int(np.argmin(found))]
