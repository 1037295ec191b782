"""Coalitions: whole coalitions are asked for, and each informs every row, in or out (sample reuse).

Memory is O(n): only sums are kept. Which sizes are asked for is the design's law; `readings` says what a
worth then counts for.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import numpy as np

from ..._game import Game, drawn, incremental
from ..._seeded import SeededCoalitions
from ..._spread import Range, variance
from ..._types import Coalitions, Floats, Worths
from ..._valuation import Valuation
from ._weights import banzhaf, readings

BATCH = 64
QUICK_CELLS = 1 << 22  # cells of a batch where the model need not be refitted


def coin_law(n: int, p: float) -> Floats:
    """Log law (n + 1,) of the size of a coalition that every row joins with probability `p`."""
    return banzhaf(n + 1, p)


def owen_law(n: int) -> Floats:
    """Log law (n + 1,) of the size where first p is drawn evenly from 0..1, then every row joins by p."""
    return np.full(n + 1, -np.log(n + 1))


def by_coins(
    game: Game, masses: Sequence[Floats], rng: np.random.Generator, p: float = 0.5
) -> Generator[Valuation, int | None, None]:
    """Maximum sample reuse: every row is in with probability `p` (Wang and Jia 2023, Section 4.3)."""
    seed, first = int(rng.integers(2**63)), 0

    def ask(count: int) -> SeededCoalitions:
        nonlocal first
        first += count
        return SeededCoalitions(game.n, seed, first - count, count, p)

    return _reuse(game, masses[0], coin_law(game.n, p), ask, 1)


def by_owen(
    game: Game, masses: Sequence[Floats], rng: np.random.Generator
) -> Generator[Valuation, int | None, None]:
    """Owen sampling: p is drawn evenly, every row joins by p, and the complement is asked for too.

    The Shapley value is the integral over p of a row's mean gain where the others join by p (Owen 1972;
    Okhrati and Lipani 2021, whose antithetic pairs these are). A coalition informs all rows.
    """

    def ask(count: int) -> Coalitions:
        half = rng.random((count // 2, game.n)) < rng.random((count // 2, 1))
        return np.stack([half, ~half], axis=1).reshape(-1, game.n)

    return _reuse(game, masses[0], owen_law(game.n), ask, 2)


def _reuse(
    game: Game,
    log_mass: Floats,
    log_law: Floats,
    ask: Callable[[int], Coalitions | SeededCoalitions],
    lines: int,
) -> Generator[Valuation, int | None, None]:
    """Yield an estimate after every batch; `lines` coalitions in a row are one draw."""
    sums = Sums(log_mass, log_law, lines)
    ends = game(np.array([[False], [True]]).repeat(game.n, axis=1))  # what none and all are worth
    sums.see(ends)
    usual = int(np.clip(QUICK_CELLS // game.n, BATCH, 16 * BATCH)) if incremental(game) else BATCH
    count = 2 * lines  # the first estimate costs little: nobody has said yet what there is room for
    while True:
        batch = ask(count)
        room = yield sums.absorb(np.asarray(batch), game(drawn(game, batch)))
        count = usual if room is None else lines * int(np.clip(room // lines, 1, usual // lines))


class Sums:
    """The mean of the draws so far, row by row, and their spread.

    Parameters
    ----------
    log_mass : array of shape (n,)
        The semivalue.
    log_law : array of shape (n + 1,)
        The design: how probable a coalition of each size is.
    lines : int
        How many coalitions in a row are one draw.
    """

    def __init__(self, log_mass: Floats, log_law: Floats, lines: int) -> None:
        n = len(log_mass)
        self._read, self._lines, self._span = readings(log_mass, log_law), lines, Range()
        joined, (inside, outside) = np.arange(n + 1) / n, self._read
        # mean square of what a worth is multiplied by, for the prior
        self._scale = float(np.exp(log_law) @ (joined * inside**2 + (1 - joined) * outside**2))
        self._sums, self._done, self._evals, self._centre = np.zeros((2, n)), 0, 0, 0.0
        self._shares_out, self._whole = bool(np.ptp(log_mass) < 1e-12), 0.0  # Shapley values do

    def see(self, worths: Worths) -> None:
        """Take note of what none and all are worth (2,): these are no draws."""
        self._span.see(worths)
        self._evals += len(worths)
        self._centre, self._whole = float(worths.mean()), float(worths[1] - worths[0])

    def absorb(self, members: Coalitions, worths: Worths) -> Valuation:
        """Add coalitions and their worths; return the estimate now."""
        width, lines = self._span.see(worths), self._lines
        for start in range(0, len(worths), BATCH):
            self._add(members[start : start + BATCH], worths[start : start + BATCH])
        mean = self._sums[0] / self._done
        spread = np.maximum(self._sums[1] - self._done * mean**2, 0)
        stderr = np.sqrt(variance(spread, self._done, width**2 / 4 * self._scale / lines) / self._done)
        values = mean + self._whole / len(mean) if self._shares_out else mean
        return Valuation(values, stderr, evals=self._evals, draws=self._done, next_evals=lines)

    def _add(self, members: Coalitions, worths: Worths) -> None:
        from ._kernels import add_coalitions  # numba is loaded by whoever computes

        # any centre is unbiased, as readings have the mean 0, if these worths did not move it
        around = worths - self._centre
        sizes = np.array([np.count_nonzero(line) for line in members])  # much quicker than over an axis
        into, out = (part[sizes] * around for part in self._read)
        if self._shares_out:  # what a draw gives to all rows alike is noise: their sum is known
            alike = out + (into - out) * sizes / members.shape[1]
            into, out = into - alike, out - alike
        add_coalitions(members.view(np.uint8), into, out, self._sums, self._lines)
        self._evals, self._done = self._evals + len(worths), self._done + len(worths) // self._lines
        self._centre += (worths.mean() - self._centre) * len(worths) / self._evals
