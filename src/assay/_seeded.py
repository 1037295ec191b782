"""Seeded: batches of orders or coalitions that travel as a seed, and are drawn where they are read.

Line k depends on the seed and on k alone, so that a batch may be cut anywhere and read by anyone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._types import Coalitions, Orders

SHORT = 1024  # rows: up to here lines share a generator, as making one costs as much as drawing some lines


@dataclass(frozen=True)
class SeededOrders:
    """Random orders of `n` rows: lines `first`, ..., `first + count - 1` of an endless list.

    Parameters
    ----------
    n : int
        How many rows an order holds.
    seed : int
        Names the list; at least 0.
    first, count : int
        Which lines of it; at least 0.
    antithetic : bool
        Every odd line is the line before it, backwards.

    Examples
    --------
    >>> import numpy as np
    >>> orders = SeededOrders(5, 0, 0, 4)
    >>> np.asarray(orders).shape
    (4, 5)
    >>> bool((np.asarray(orders[2:]) == np.asarray(orders)[2:]).all())
    True
    """

    n: int
    seed: int
    first: int
    count: int
    antithetic: bool = False

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, lines: slice) -> Self:
        return _cut(self, lines)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self._drawn, dtype=dtype, copy=copy)

    @cached_property
    def _drawn(self) -> Orders:
        """The orders (count, n)."""
        lines = np.empty((self.count, self.n), np.intp)
        return _lines(self.first, _together(self.n), self._block, lines)

    def _block(self, number: int) -> Orders:
        rng, rows, lines = np.random.default_rng([self.seed, number]), np.arange(self.n), _together(self.n)
        if not self.antithetic:
            return rng.permuted(np.tile(rows, (lines, 1)), axis=1)
        ahead = rng.permuted(np.tile(rows, (lines // 2, 1)), axis=1)
        return np.stack([ahead, ahead[:, ::-1]], axis=1).reshape(lines, self.n)


@dataclass(frozen=True)
class SeededCoalitions:
    """Random coalitions of `n` rows, each row in with probability `p`: a stretch of an endless list.

    Parameters
    ----------
    n, seed, first, count : see `SeededOrders`
    p : float
        The probability, 0..1.

    Examples
    --------
    >>> import numpy as np
    >>> np.asarray(SeededCoalitions(5, 0, first=7, count=3)).shape
    (3, 5)
    """

    n: int
    seed: int
    first: int
    count: int
    p: float = 0.5

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, lines: slice) -> Self:
        return _cut(self, lines)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self._drawn, dtype=dtype, copy=copy)

    @cached_property
    def _drawn(self) -> Coalitions:
        """The coalitions (count, n)."""
        lines = np.empty((self.count, self.n), bool)
        return _lines(self.first, _together(self.n), self._block, lines)

    def _block(self, number: int) -> Coalitions:
        rng, lines = np.random.default_rng([self.seed, number]), _together(self.n)
        if self.p == 0.5:  # fair coins are bits
            coins = rng.integers(0, 256, (lines, -(-self.n // 8)), np.uint8)
            return np.unpackbits(coins, axis=1, count=self.n).view(bool)
        return rng.random((lines, self.n)) < self.p


AnyOrders: TypeAlias = Orders | SeededOrders
AnyCoalitions: TypeAlias = Coalitions | SeededCoalitions


def _cut(batch: Any, lines: slice) -> Any:
    start, stop, _ = lines.indices(batch.count)
    return replace(batch, first=batch.first + start, count=max(stop - start, 0))


def _together(n: int) -> int:
    """How many lines share a generator; even, as an order and its reverse do."""
    return 16 if n <= SHORT else 2


def _lines(first: int, together: int, block: Callable[[int], Any], lines: Any) -> Any:
    """Fill `lines` (count, n) with those from `first` on; a block of `together` is drawn at a time."""
    done = 0
    while done < len(lines):
        number, start = divmod(first + done, together)
        part = block(number)[start : start + len(lines) - done]
        lines[done : done + len(part)] = part
        done += len(part)
    return lines
