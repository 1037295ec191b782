"""The game: what a coalition of rows is worth; all that a sampling method knows of the world."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ._errors import AssayError
from ._seeded import AnyCoalitions, AnyOrders
from ._types import Coalitions, Floats, Orders, Score, Worths

BLOCK = 64  # prefixes of an order are asked this many at a time, never as one (n + 1, n) mask
MOST_WORTH = 1e150  # squares of worths have to be finite too
FLUSH_SECONDS = 0.5  # work that a killed process may lose


@runtime_checkable
class Game(Protocol):
    """A set function over `n` rows, asked in batches."""

    @property
    def n(self) -> int:
        """How many rows play."""
        ...

    def __call__(self, coalitions: Coalitions, /) -> Worths:
        """Worths (batch,) of coalitions (batch, n)."""
        ...


@runtime_checkable
class OrderedGame(Game, Protocol):
    """A game that can grow a coalition row by row, perhaps cheaper than from scratch."""

    def grow(self, orders: Orders, /, *, tolerance: float = 0.0) -> Worths:
        """Worths (batch, n + 1) of the prefixes of `orders` (batch, n), the empty one first.

        With a `tolerance` above 0 an order is cut short at the first prefix whose worth is that close to
        the worth of all rows; the rest of its line repeats that prefix's worth.
        """
        ...


class Memory(Protocol):
    """Where worths outlive the process: a database, or a dictionary."""

    def recall(self, keys: Sequence[bytes], width: int) -> Floats:
        """What is known of `keys`, (len(keys), width); lines of nan where nothing is."""
        ...

    def remember(self, keys: Sequence[bytes], worths: Floats) -> None:
        """Keep one line of `worths` (len(keys), width) for each key."""
        ...


def prefixes(order: NDArray[np.intp], start: int, stop: int) -> Coalitions:
    """Coalitions (stop - start, n): the first `start`, ..., `stop - 1` rows of `order`."""
    place = np.empty(len(order), np.intp)
    place[order] = np.arange(len(order))
    return place < np.arange(start, stop)[:, None]


def grow_by_asking(game: Game, orders: AnyOrders, tolerance: float = 0.0) -> Worths:
    """Grow `orders` in a game that can only be asked about coalitions."""
    n, orders = game.n, np.asarray(orders)
    worths = np.empty((len(orders), n + 1))
    if tolerance > 0:
        return _grow_until(game, orders, tolerance, worths)
    for line, order in zip(worths, orders, strict=True):
        for start in range(0, n + 1, BLOCK):
            stop = min(start + BLOCK, n + 1)
            line[start:stop] = game(prefixes(order, start, stop))
    return worths


def _grow_until(game: Game, orders: Orders, tolerance: float, worths: Worths) -> Worths:
    """Grow all orders in step, a prefix of each at a time, and stop where one is as good as all rows."""
    whole = float(game(np.ones((1, game.n), bool))[0]) if len(orders) else 0.0
    going, members = np.arange(len(orders)), np.zeros(orders.shape, bool)
    for size in range(game.n + 1):
        if not len(going):
            break
        worths[going, size] = game(members[going])
        near = np.abs(whole - worths[going, size]) < tolerance
        worths[going[near], size:] = worths[going[near], size][:, None]
        going = going[~near]
        if size < game.n:
            members[going, orders[going, size]] = True
    return worths


def ordered(game: Game) -> OrderedGame:
    """Return `game` itself if it grows, else `game` grown by asking it about every prefix."""
    return game if isinstance(game, OrderedGame) else _Asked(game)


def incremental(game: Game) -> bool:
    """Whether `game` grows a coalition row by row for less than asking about every prefix costs."""
    return bool(getattr(game, "incremental", False))


def drawn(game: Game, batch: Any) -> Any:
    """A seeded batch as `game` takes it: drawn already, unless its workers draw for themselves."""
    return batch if getattr(game, "draws", False) else np.asarray(batch)


def rescored(game: Game, score: Score, key: bytes) -> Game:
    """The same refits judged by another `score`, which `key` names to a memory.

    Raises
    ------
    AssayError
        If the game is the user's own, which cannot be judged otherwise.
    """
    judge: Callable[[Score, bytes], Game] | None = getattr(game, "rescored", None)
    if judge is None:
        raise AssayError(
            f"{type(game).__name__} cannot be judged by another score; pass Problem(train, valid, model)."
        )
    return judge(score, key)


def without_each(game: Game) -> Worths | None:
    """Worths (n,) of all rows but one, for each; None where `game` knows no shorter way than to ask."""
    known: Callable[[], Worths | None] | None = getattr(game, "without_each", None)
    return None if known is None else known()


def noise(game: Game) -> float:
    """The standard error of the worth of all rows over resampled judges.

    Raises
    ------
    AssayError
        If the game cannot say.
    """
    ask: Callable[[], float] | None = getattr(game, "noise", None)
    if ask is None:
        raise AssayError(
            f"tolerance='bootstrap' resamples validation rows, and {type(game).__name__} has none that it "
            "knows of; pass a number."
        )
    return ask()


@dataclass(frozen=True)
class _Asked:
    game: Game

    @property
    def n(self) -> int:
        return self.game.n

    def __call__(self, coalitions: AnyCoalitions, /) -> Worths:
        return self.game(np.asarray(coalitions))

    def grow(self, orders: AnyOrders, /, *, tolerance: float = 0.0) -> Worths:
        return grow_by_asking(self.game, orders, tolerance)


@dataclass(frozen=True, eq=False)
class CheckedGame:
    """A game of somebody's own, whose answers are checked before anybody reckons with them.

    Raises
    ------
    AssayError
        When it answers with another number of worths than it was asked for, or with what is no finite number.
    """

    game: Game

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
        """Whether its workers draw seeded batches for themselves."""
        return bool(getattr(self.game, "draws", False))

    def without_each(self) -> Worths | None:
        """See `ModelGame.without_each`."""
        return without_each(self.game)

    def noise(self) -> float:
        """See `ModelGame.noise`."""
        return noise(self.game)

    def __call__(self, coalitions: AnyCoalitions, /) -> Worths:
        """Worths (batch,) of coalitions (batch, n)."""
        return self._checked(self.game(_locked(coalitions)), (len(coalitions),))

    def grow(self, orders: AnyOrders, /, *, tolerance: float = 0.0) -> Worths:
        """Worths (batch, n + 1) of the prefixes of `orders`; see `OrderedGame.grow`."""
        if not isinstance(self.game, OrderedGame):
            return grow_by_asking(self, orders, tolerance)
        grown = self.game.grow(_locked(orders), tolerance=tolerance)
        return self._checked(grown, (len(orders), self.n + 1))

    def _checked(self, given: Any, shape: tuple[int, ...]) -> Worths:
        name = type(self.game).__name__
        try:
            worths = np.asarray(given, float)
        except (TypeError, ValueError) as error:
            raise AssayError(f"The game {name} answers with what are no numbers: {error}.") from error
        if worths.shape != shape:
            raise AssayError(f"The game {name} answers with shape {worths.shape}; it was asked for {shape}.")
        if not (np.abs(worths) < MOST_WORTH).all():
            bad = worths[~(np.abs(worths) < MOST_WORTH)][0]
            raise AssayError(
                f"The game {name} says that a coalition is worth {bad}; worths need to be finite."
            )
        return worths


def _locked(batch: Any) -> Any:
    """A batch that whoever reads it cannot change; a seeded one is drawn anew by everybody."""
    if isinstance(batch, np.ndarray):
        batch = batch.view()
        batch.flags.writeable = False
    return batch


@dataclass(frozen=True, eq=False)
class TableGame:
    """A game given in full: exact truth for tests, and for small games of one's own.

    Parameters
    ----------
    worths : array of shape (2**n,)
        `worths[b]` is the worth of the coalition that holds row i where bit i of `b` is set; finite.

    Raises
    ------
    AssayError
        If the number of worths is not a power of two, or one of them is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> game = TableGame(np.array([0.0, 1.0, 2.0, 5.0]))
    >>> game(np.array([[True, False], [True, True]]))
    array([1., 5.])
    >>> game.grow(np.array([[1, 0]]))
    array([[0., 2., 5.]])
    """

    worths: Worths

    def __post_init__(self) -> None:
        worths = np.asarray(self.worths, float)
        if worths.ndim != 1 or len(worths) < 2 or len(worths) & (len(worths) - 1):
            raise AssayError(f"TableGame.worths has shape {worths.shape}; it needs 2**n numbers in one row.")
        if not np.isfinite(worths).all():
            raise AssayError("TableGame.worths holds nan or infinity; every coalition needs a finite worth.")
        object.__setattr__(self, "worths", worths)

    @property
    def n(self) -> int:
        """How many rows play."""
        return len(self.worths).bit_length() - 1

    def __call__(self, coalitions: AnyCoalitions, /) -> Worths:
        """Worths (batch,) of coalitions (batch, n)."""
        return self.worths[np.asarray(coalitions) @ (1 << np.arange(self.n))]

    def grow(self, orders: AnyOrders, /, *, tolerance: float = 0.0) -> Worths:
        """Worths (batch, n + 1) of the prefixes of `orders`; see `OrderedGame.grow`."""
        if tolerance > 0:
            return grow_by_asking(self, orders, tolerance)
        bits = np.zeros((len(orders), self.n + 1), np.int64)
        np.cumsum(1 << np.asarray(orders), axis=1, out=bits[:, 1:])
        return self.worths[bits]


class CachedGame:
    """A game that asks another only what `memory` does not know, and has it remembered.

    What was answered before an interrupt (Ctrl-C or an error) is remembered too, so that the same run
    carries on where it stopped.

    Parameters
    ----------
    game : Game
        The game to ask.
    memory : Memory
        Where the worths are kept.
    key : bytes
        What names the game: the same key must mean the same worths for ever. See `game_key`.
    block : int
        How many coalitions (or orders) are asked at a time, at first; more where they are quickly answered.
    """

    def __init__(self, game: Game, memory: Memory, key: bytes, *, block: int = 1) -> None:
        self._game, self._memory, self._key, self._block = ordered(game), memory, key, block

    @property
    def n(self) -> int:
        """How many rows play."""
        return self._game.n

    @property
    def incremental(self) -> bool:
        """Whether the game behind grows row by row cheaply; see `ModelGame.incremental`."""
        return incremental(self._game)

    def without_each(self) -> Worths | None:
        """See `ModelGame.without_each`; it is quicker than to remember."""
        return without_each(self._game)

    def noise(self) -> float:
        """The standard error of the worth of all rows; see `ModelGame.noise`."""
        return noise(self._game)

    def rescored(self, score: Score, key: bytes) -> CachedGame:
        """See `ModelGame.rescored`; worths are remembered under a name of their own."""
        game = rescored(self._game, score, key)
        return CachedGame(game, self._memory, self._name(b"score", key), block=self._block)

    def __call__(self, coalitions: AnyCoalitions, /) -> Worths:
        """Worths (batch,) of coalitions (batch, n)."""
        coalitions = np.asarray(coalitions)
        keys = [self._name(b"coalition", bits.tobytes()) for bits in np.packbits(coalitions, axis=1)]
        return self._fill(keys, 1, lambda todo: self._game(coalitions[todo])[:, None])[:, 0]

    def grow(self, orders: AnyOrders, /, *, tolerance: float = 0.0) -> Worths:
        """Worths (batch, n + 1) of the prefixes of `orders`.

        Where the game is `incremental` an order is remembered whole, else each of its prefixes: whatever asks
        for the same coalition again finds it.
        """
        orders = np.asarray(orders)
        if not self.incremental:
            return grow_by_asking(self, orders, tolerance)
        how = b"order" + np.float64(tolerance).tobytes()
        keys = [self._name(how, order.tobytes()) for order in orders.astype("<i8")]
        ask = self._game.grow
        return self._fill(keys, self.n + 1, lambda todo: ask(orders[todo], tolerance=tolerance))

    def _name(self, how: bytes, what: bytes) -> bytes:
        return blake2b(self._key + how + what, digest_size=32).digest()

    def _fill(self, keys: list[bytes], width: int, ask: Callable[[NDArray[np.intp]], Floats]) -> Floats:
        worths = np.array(self._memory.recall(keys, width), dtype=float)
        first: dict[bytes, int] = {}
        for i in np.flatnonzero(np.isnan(worths).any(axis=1)).tolist():
            first.setdefault(keys[i], i)  # a coalition asked for twice in one batch is evaluated once
        todo, block, since = np.array(list(first.values()), np.intp), self._block, time.monotonic()
        kept = done = 0
        try:
            while done < len(todo):
                now, start = todo[done : done + block], time.monotonic()
                worths[now] = ask(now)
                done += len(now)
                if (block > 1 or self.incremental) and time.monotonic() - start < FLUSH_SECONDS / 2:
                    block *= 2  # so that workers have enough to do, and quick kernels no overhead
                if time.monotonic() - since > FLUSH_SECONDS:
                    self._keep(keys, worths, todo[kept:done])
                    kept, since = done, time.monotonic()
        finally:
            self._keep(keys, worths, todo[kept:done])
        return worths[[first.get(key, i) for i, key in enumerate(keys)]] if len(todo) else worths

    def _keep(self, keys: list[bytes], worths: Floats, rows: NDArray[np.intp]) -> None:
        if len(rows):
            self._memory.remember([keys[i] for i in rows.tolist()], worths[rows])
