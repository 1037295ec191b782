"""Orders: rows join one by one in random order, and each is credited with what it added.

A row joins s others with probability 1 / n for every s. So its gain times n w[s] is an unbiased draw of the
semivalue with mass w, and for Shapley values, where n w[s] = 1, the gains of one order share out the whole.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from ..._game import Game, drawn, incremental, ordered
from ..._seeded import SeededOrders
from ..._spread import Range, variance
from ..._types import Floats, Orders, Worths
from ..._valuation import Valuation

MOST_EVALS = 500, 8192  # a batch costs about this where coalitions are asked one by one, and where they grow
MOST_ORDERS = 16, 64


def by_orders(
    game: Game,
    masses: Sequence[Floats],
    rng: np.random.Generator,
    *,
    antithetic: bool = False,
    tolerance: float = 0.0,
) -> Generator[Valuation, int | None, None]:
    """Yield an estimate after every batch of orders; memory O(n).

    Parameters
    ----------
    masses : sequence of arrays of shape (n,)
        The log mass of the semivalue to estimate; orders serve any others that follow as they are.
    antithetic : bool
        Each order is followed by its reverse, and the two count as one draw: a row that joined early joins
        late (Mitchell, Cooper, Frank and Holmes 2022).
    tolerance : float
        See `OrderedGame.grow`.
    """
    grown, n = ordered(game), game.n
    draws = draws_of(masses[0], 2 if antithetic else 1)
    seed, first, count = int(rng.integers(2**63)), 0, draws.batch(grows=False, room=0)
    while True:
        batch = SeededOrders(n, seed, first, count * draws.lines, antithetic)
        worths = grown.grow(drawn(game, batch), tolerance=tolerance)
        first += len(batch)
        room = yield draws.absorb(np.asarray(batch), worths, paid_for(worths, tolerance))
        count = draws.batch(incremental(game), room)


def draws_of(log_mass: Floats, lines: int) -> Draws:
    """No draws yet, of the semivalue with `log_mass`; `lines` orders in a row are one."""
    return Draws(len(log_mass) * np.exp(log_mass), lines)


class Draws:
    """The mean of the draws so far, row by row, and their spread.

    Parameters
    ----------
    weights : array of shape (n,)
        What a gain counts for, by the number of rows that it was added to.
    lines : int
        How many orders in a row are one draw.
    """

    def __init__(self, weights: Floats, lines: int) -> None:
        self.lines = lines
        self._weights, self._cost = weights, lines * (len(weights) + 1)
        self._sums = np.zeros((2, len(weights)))  # the mean, and the sum of squared deviations
        self._span, self._done, self._evals = Range(), 0, 0

    def batch(self, grows: bool, room: int | None) -> int:
        """How many draws to ask for next: few where each is dear, no more than there is room for."""
        usual = int(np.clip(MOST_EVALS[grows] // self._cost, 2, MOST_ORDERS[grows]))
        return usual if room is None else int(np.clip(room // self._cost, 1, usual))

    def absorb(self, orders: Orders, worths: Worths, paid: int | None = None) -> Valuation:
        """Add orders and the worths of their prefixes; return the estimate now."""
        width, n = self._span.see(worths), orders.shape[1]
        from ._kernels import add_orders  # numba is loaded by whoever computes

        add_orders(orders, worths, self._weights, self._sums, self._done, self.lines)
        self._done += len(orders) // self.lines
        self._evals += worths.size if paid is None else paid
        # knowing nothing of a row, it varies as all rows and draws together do
        overall = self._sums[1].mean() / self._done + self._sums[0].var()
        each = variance(self._sums[1], self._done, max(float(overall), (width / n) ** 2))
        stderr = np.sqrt(each / self._done)
        evals, draws = self._evals, self._done
        return Valuation(self._sums[0].copy(), stderr, evals=evals, draws=draws, next_evals=self._cost)


def paid_for(worths: Worths, tolerance: float) -> int:
    """Evaluations behind `worths`: after a cut, a line repeats its last worth."""
    if tolerance == 0:
        return worths.size
    changes = np.diff(worths, axis=1) != 0
    last = np.where(changes.any(axis=1), changes.shape[1] - changes[:, ::-1].argmax(axis=1), 0)
    return int((last + 1).sum()) + 1
