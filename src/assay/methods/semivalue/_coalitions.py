"""Coalitions: whole coalitions are asked for, and each informs every row, in or out (sample reuse).

Memory is O(n): only sums are kept. Which sizes are asked for is the design's law; `readings` says what a worth
then counts for.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import numpy as np
from numba import njit

from ..._game import Game, drawn
from ..._seeded import SeededCoalitions
from ..._types import Coalitions, Floats
from ..._valuation import Valuation
from ._spread import Range, variance
from ._weights import banzhaf, readings

BATCH = 64


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
    Okhrati and Lipani 2021, whose antithetic pairs these are). With sample reuse a coalition informs all rows.
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
    span, read = Range(), readings(log_mass, log_law)
    joined = np.arange(game.n + 1) / game.n
    scale = float(np.exp(log_law) @ (joined * read[0] ** 2 + (1 - joined) * read[1] ** 2))
    ends = game(np.array([[False], [True]]).repeat(game.n, axis=1))  # what none and all are worth
    span.see(ends)
    centre, evals, done = float(ends.mean()), len(ends), 0
    sums = np.zeros((2, game.n))
    count = BATCH
    while True:
        batch = ask(count)
        worths = game(drawn(game, batch))
        evals, done = evals + len(worths), done + len(worths) // lines
        width = span.see(worths)
        # any centre is unbiased, as readings have the mean 0; one that this batch did not move is independent
        members = np.asarray(batch)
        _absorb(members, members.sum(axis=1), worths - centre, *read, sums, lines)
        centre += (worths.mean() - centre) * len(worths) / evals
        mean = sums[0] / done
        each = variance(np.maximum(sums[1] - done * mean**2, 0), done, width**2 / 4 * scale / lines)
        stderr = np.sqrt(each / done)
        room = yield Valuation(mean, stderr, evals=evals, draws=done, next_evals=lines)
        count = BATCH if room is None else lines * int(np.clip(room // lines, 1, BATCH // lines))


@njit(cache=True, nogil=True)
def _absorb(members, sizes, worths, inside, outside, sums, lines):
    """Add the draws, and their squares, to `sums` (2, n)."""
    n = members.shape[1]
    for first in range(0, len(members), lines):
        for i in range(n):
            draw = 0.0
            for line in range(first, first + lines):
                t = sizes[line]
                draw += worths[line] * (inside[t] if members[line, i] else outside[t])
            draw /= lines
            sums[0, i] += draw
            sums[1, i] += draw * draw
