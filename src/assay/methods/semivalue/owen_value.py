"""Owen values of rows in groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from ..._game import incremental, ordered
from ..._problem import Problem
from ..._types import Orders
from ..._valuation import Valuation
from ..._valuer import Axioms, Needs, Valuer
from ._orders import Draws


@final
@dataclass(eq=False, kw_only=True)
class OwenValue(Valuer):
    """Shapley among groups, and within a group among its rows: rows add up to what their group is worth.

    What a row adds where groups join in random order, each with its rows one after another in random order.
    In every draw the rows of a group add up to what the group added, so that their values add up to an
    estimate of its Shapley value among the groups (`assay.value(..., players="groups")`). Groups are
    `Data.groups`; a row without any is a group of its own, which makes it Shapley.

    Each draw is an order and its reverse, 2 (n + 1) evaluations.

    Source: Owen (1977), "Values of Games with a Priori Unions".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, OwenValue, Problem, TableGame, value
    >>> game = TableGame(np.array([0.0, 0, 0, 0, 0, 0, 0, 6]))  # worth 6 with all three rows
    >>> rows = Data(np.zeros((3, 1)), groups=["ann", "bob", "bob"])
    >>> value(Problem(rows, game=game), OwenValue()).values.sum()
    np.float64(6.0)
    """

    needs: ClassVar[Needs] = Needs.GAME
    axioms: ClassVar[Axioms] = Axioms.EFFICIENCY | Axioms.NULL_PLAYER | Axioms.ADDITIVITY

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every batch of orders."""
        game = problem.game
        assert game is not None
        groups = np.arange(game.n) if problem.train.groups is None else problem.train.groups
        sizes = np.unique(groups, return_counts=True)[1]
        parts = np.split(np.argsort(groups, kind="stable"), np.cumsum(sizes)[:-1])
        draws, room, grown = Draws(np.ones(game.n), 2), 0, ordered(game)
        while True:
            orders = _orders(parts, draws.batch(incremental(game), room), rng)
            now = draws.absorb(orders, grown.grow(orders))
            room = yield now


def _orders(parts: list[NDArray[np.intp]], count: int, rng: np.random.Generator) -> Orders:
    """Orders (2 count, n) in which groups stay together, each followed by its reverse."""
    drawn = [
        np.concatenate([rng.permutation(parts[g]) for g in rng.permutation(len(parts))]) for _ in range(count)
    ]
    return np.stack([drawn, np.array(drawn)[:, ::-1]], axis=1).reshape(2 * count, -1)
