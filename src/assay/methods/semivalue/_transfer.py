"""What one sampling chain does: Shapley values of a few rows, among themselves, for a proxy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge

from ..._frozen import frozen
from ..._game import noise, ordered
from ..._model_game import ModelGame
from ..._problem import Problem, is_booster, is_torch
from ..._seeded import SeededOrders
from ..._types import Floats, Orders, Positions
from ._kernels import add_orders
from ._orders import paid_for


def proxied(problem: Problem, components: int | None) -> Problem:
    """The problem of the proxy: principal components of the training rows, and a model that can be refitted.

    Parameters
    ----------
    problem : Problem
        Its model is the proxy; logistic regression (of numbers, ridge) if it is none that refits.
    components : int, optional
        How many are kept of more columns, scaled by one factor to a mean variance of 1, so that the penalty
        of the proxy does not hang on the units; the columns as they are if not given, or of no more rows.
    """
    model = problem.model
    if model is None or is_torch(model) or is_booster(model):
        problem = replace(problem, model=LogisticRegression() if problem.target_kind == "class" else Ridge())
    problem = frozen(replace(problem, gradients=None))
    train, valid = problem.train, problem.valid
    if components is None or train.X.shape[1] <= components or len(train) <= components:
        return problem
    space = PCA(components, svd_solver="full").fit(train.dense)
    unit = float(np.sqrt(space.explained_variance_.mean())) or 1.0
    parts = [part and replace(part, X=space.transform(part.dense) / unit) for part in (train, valid)]
    return replace(problem, train=parts[0], valid=parts[1])


@dataclass(frozen=True, eq=False)
class Chain:
    """Some rows in random orders.

    Parameters
    ----------
    problem : Problem
        Of the proxy, with all rows.
    orders : int
        How many orders; even, each followed by its reverse.
    tolerance : float | "bootstrap"
        See `Shapley`.
    """

    problem: Problem
    orders: int
    tolerance: Any

    def __call__(self, rows: Positions, seed: int) -> tuple[Floats, int]:
        """The values (s,) of `rows` (s,), and how many evaluations were paid."""
        return self.along(rows, SeededOrders(len(rows), seed, 0, self.orders, antithetic=True), seed)

    def along(self, rows: Positions, orders: Any, seed: int) -> tuple[Floats, int]:
        """The same for `orders` (b, s) of the places in `rows`."""
        part = replace(self.problem, train=self.problem.train.take(rows))
        if part.target_kind == "class" and len(np.unique(part.train.y)) == 1:
            judge, y = part.judge, part.train.y
            assert y is not None
            gain = judge.of_constant(y[0]) - judge.of_guess(y)  # of whichever row comes first
            return np.full(len(rows), gain / len(rows)), 2
        game = ModelGame(part, seed)
        tolerance = noise(game) if self.tolerance == "bootstrap" else float(self.tolerance)
        drawn: Orders = np.asarray(orders)
        worths = ordered(game).grow(drawn, tolerance=tolerance)
        sums = np.zeros((2, len(rows)))
        add_orders(drawn, worths, np.ones(len(rows)), sums, 0, 1)
        return sums[0], paid_for(worths, tolerance)


def subsets(n: int, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Subsets (k, size) of n rows that hold each row at least once; every subset is as likely as any other.

    A random order is cut; what the last piece lacks is drawn from the rows before it.
    """
    order = rng.permutation(n)
    rest = n % size
    if rest:
        filler = rng.choice(order[: n - rest], size - rest, replace=False)
        order = np.concatenate([order, filler])
    return np.sort(order.reshape(-1, size), axis=1)
