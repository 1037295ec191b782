"""ParallelGame: a game asked by several workers at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._game import BLOCK, Game, incremental, noise, ordered, prefixes, rescored, without_each
from ._parallel import each, workers
from ._seeded import AnyCoalitions, AnyOrders, SeededCoalitions, SeededOrders
from ._shared import Shared, abroad, executor
from ._types import Coalitions, Score, Worths

AIM = 0.3  # seconds that a task should take: enough for its overhead to vanish, little for Ctrl-C to wait for
LEAST = 0.01, 0.001  # seconds below which a task is not worth sending: to a process, and to a thread


class ParallelGame:
    """A game asked by several workers at once; the worths are the same bits as from one.

    The game reaches each worker once, and its arrays are in memory once. Batches that are drawn from a seed
    (`assay._seeded`) travel as that seed, other coalitions as bits. A game that grows row by row in kernels
    (`incremental`) is asked by threads, any other by processes, and either by the executor that
    `joblib.parallel_config` names. How a batch is cut into tasks follows the time that evaluations took; no
    worth depends on it.

    Parameters
    ----------
    game : Game
        The game; it travels to the workers, so it must pickle, and be asked for a coalition alone as for one
        among others.
    n_jobs : int | None
        As in joblib: -1 is every core, None what `joblib.parallel_config` says (else 1).
    """

    def __init__(self, game: Game, n_jobs: int | None = None) -> None:
        self.game, self.n_jobs = game, n_jobs
        self._pace = _Pace(), _Pace()
        self._shared: dict[type, Shared] = {}

    @property
    def n(self) -> int:
        """How many rows play."""
        return self.game.n

    @property
    def incremental(self) -> bool:
        """Whether the game behind grows row by row cheaply; see `ModelGame.incremental`."""
        return incremental(self.game)

    @property
    def draws(self) -> bool:
        """Workers draw seeded batches for themselves; see `assay._game.drawn`."""
        return True

    def without_each(self) -> Worths | None:
        """See `ModelGame.without_each`."""
        return without_each(self.game)

    def noise(self) -> float:
        """The standard error of the worth of all rows; see `ModelGame.noise`."""
        return noise(self.game)

    def rescored(self, score: Score, key: bytes) -> ParallelGame:
        """See `ModelGame.rescored`."""
        return ParallelGame(rescored(self.game, score, key), self.n_jobs)

    def __call__(self, coalitions: AnyCoalitions, /) -> Worths:
        """Worths (batch,) of coalitions (batch, n)."""
        jobs = workers(self.n_jobs)
        if jobs == 1:
            return self.game(np.asarray(coalitions))
        seeded = isinstance(coalitions, SeededCoalitions)
        batch = coalitions if seeded else _Packed(np.packbits(coalitions, axis=1), self.n)
        return self._run(_ask, batch.__getitem__, len(batch), jobs, self._pace[0])

    def grow(self, orders: AnyOrders, /, *, tolerance: float = 0.0) -> Worths:
        """Worths (batch, n + 1) of the prefixes of `orders`; see `OrderedGame.grow`."""
        jobs, width = workers(self.n_jobs), self.n + 1
        batch = orders if isinstance(orders, SeededOrders) else np.asarray(orders)
        if jobs == 1:
            return ordered(self.game).grow(np.asarray(orders), tolerance=tolerance)
        if self.incremental or tolerance > 0:
            grow = partial(_grow, tolerance=tolerance)
            worths = self._run(grow, batch.__getitem__, len(batch), jobs, self._pace[1])
        else:  # a stretch of prefixes costs the same wherever it starts: an order may be cut anywhere
            cut = partial(_Stretch.cut, batch, width)
            worths = self._run(_ask_stretch, cut, len(batch) * width, jobs, self._pace[0])
        return worths.reshape(len(batch), width)

    def _run(
        self,
        work: Callable[[Game, Any], Worths],
        cut: Callable[[slice], Any],
        total: int,
        jobs: int,
        pace: _Pace,
    ) -> Worths:
        """Worths of `cut(slice(0, total))`, which `work` computes a piece at a time."""
        threads = self.incremental and not abroad()
        least = LEAST[threads]
        if total == 0 or total * pace.seconds < 2 * least:
            worths, seconds = _timed(partial(_itself, self.game), work, cut(slice(0, total)))
            pace.see(seconds, total)
            return worths
        if threads:
            read = partial(_itself, self.game)
        else:
            if (kind := executor()) not in self._shared:
                self._shared[kind] = Shared.of(self.game)
            read = self._shared[kind].read
        sizes = []

        def tasks() -> Iterator[tuple[Any, ...]]:
            start = 0
            while start < total:
                stop = start + pace.size(total - start, jobs, least)
                sizes.append(stop - start)
                yield read, work, cut(slice(start, stop))
                start = stop

        parts = []
        for worths, seconds in each(_timed, tasks(), jobs, threads=threads):
            pace.see(seconds, sizes[len(parts)])
            parts.append(worths)
        return np.concatenate(parts)


class _Pace:
    """What a unit of work takes, as far as it was seen; decides sizes of tasks, never a worth."""

    def __init__(self) -> None:
        self.seconds = np.inf

    def see(self, seconds: float, units: int) -> None:
        if units:
            now = seconds / units
            self.seconds = now if np.isinf(self.seconds) else (self.seconds + now) / 2

    def size(self, left: int, jobs: int, least: float) -> int:
        """Units of the next task: few while nothing was seen, fewer to the end, so that no worker waits."""
        aim = min(AIM / max(self.seconds, 1e-9), left / (2 * jobs))
        return min(left, max(1, int(aim), int(least / max(self.seconds, 1e-9))))


@dataclass(frozen=True)
class _Packed:
    """Coalitions as bits."""

    bits: NDArray[np.uint8]
    n: int

    def __len__(self) -> int:
        return len(self.bits)

    def __getitem__(self, lines: slice) -> _Packed:
        return _Packed(self.bits[lines], self.n)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Coalitions:
        return np.unpackbits(self.bits, axis=1, count=self.n).view(bool)


@dataclass(frozen=True)
class _Stretch:
    """Prefixes `start`, ..., `stop - 1` of some orders whose prefixes are counted through."""

    orders: AnyOrders
    start: int
    stop: int

    @classmethod
    def cut(cls, orders: AnyOrders, width: int, part: slice) -> _Stretch:
        """The prefixes in `part`, with the orders that they belong to only."""
        first = part.start // width
        some = orders[first : -(-part.stop // width)]
        return cls(some, part.start - first * width, part.stop - first * width)


def _itself(game: Game) -> Game:
    return game


def _timed(read: Callable[[], Game], work: Callable[[Game, Any], Worths], piece: Any) -> tuple[Worths, float]:
    game = read()
    start = time.perf_counter()
    worths = work(game, piece)
    return worths, time.perf_counter() - start


def _ask(game: Game, piece: AnyCoalitions) -> Worths:
    return game(np.asarray(piece))


def _grow(game: Game, piece: AnyOrders, tolerance: float) -> Worths:
    return ordered(game).grow(np.asarray(piece), tolerance=tolerance)


def _ask_stretch(game: Game, piece: _Stretch) -> Worths:
    worths, width = np.empty(piece.stop - piece.start), game.n + 1
    for number, order in enumerate(np.asarray(piece.orders)):
        origin = number * width
        for start in range(max(piece.start - origin, 0), min(piece.stop - origin, width), BLOCK):
            stop = min(start + BLOCK, piece.stop - origin, width)
            place = origin + start - piece.start
            worths[place : place + stop - start] = game(prefixes(order, start, stop))
    return worths
