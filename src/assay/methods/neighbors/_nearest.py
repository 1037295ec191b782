"""Nearest: the `count` rows nearest to each judge, by selection, in the order in which sorting has them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ..._problem import Data
from ..._types import Floats, Positions
from ._space import Metric, Space

TILE = 2048  # rows whose keys to a block of judges stay in the cache
STRIDE = 0.618  # tiles are visited far apart: rows that come sorted would each be the nearest so far
UNIT = 2.0**-24  # rounding of float32
LEAST = 1e-36  # above what float32 loses to zero, where the largest number is 1


class Nearest(ABC):
    """Abstract: who finds the nearest rows."""

    @abstractmethod
    def rows(self, start: int, stop: int, count: int) -> Positions:
        """Nearest rows (judges, count) of the judges `start:stop`, nearest first, ties in row order.

        What was not found is -1, after all that was.
        """


def nearest(train: Data, valid: Data, metric: Metric) -> Nearest:
    """Who finds the nearest rows of `train` to those of `valid`, without a miss."""
    if metric == "manhattan" or issparse(train.X):
        return Tabled(Space.of(train, valid, metric))
    return Screened.of(train, valid, metric)


@final
@dataclass(frozen=True)
class Tabled(Nearest):
    """By a table of all distances of a block of judges."""

    space: Space

    def rows(self, start: int, stop: int, count: int) -> Positions:
        """The rows within the rounding of the `count`-th key, put in order by exact distances."""
        out = np.empty((stop - start, count), np.int64)
        for place, judge in enumerate(range(start, stop)):
            (keys,) = self.space.table(judge, judge + 1)
            keys = self.space.offset + self.space.factor * keys
            most = np.partition(keys, count - 1)[count - 1] + 2 * self.space.tolerance[judge]
            close = np.flatnonzero(keys <= most)
            out[place] = close[np.argsort(self.space.exact(judge, close, keys), kind="stable")[:count]]
        return out


@final
@dataclass(frozen=True)
class Screened(Nearest):
    """By float32 matrix products, whose rounding is bounded; exact distances only where they could matter.

    With unit roundoff u and rows and judges centred, a float32 key |x|² - 2 x·p is off by at most c (|x|² +
    |p|²), c = (d + 8) u: taken off the keys, that lets no row pass unseen whose distance is below the top of
    the heap.

    Parameters
    ----------
    given : array of shape (n, d)
        Rows as exact distances take them.
    points : array of shape (m, d)
        Judges, alike.
    screen : array of shape (n, d), float32
        Rows centred and scaled to at most 1.
    factors : array of shape (m, d), float32
        Judges, alike, times the factor of a product.
    offset : array of shape (n,), float32
        What is added to a product.
    scale : float
        From exact distances to keys.
    base : array of shape (m,)
        What is then taken off.
    product : bool
        Whether exact distances are products.
    """

    given: NDArray[Any]
    points: Floats
    screen: NDArray[np.float32]
    factors: NDArray[np.float32]
    offset: NDArray[np.float32]
    scale: float
    base: Floats
    product: bool

    @classmethod
    def of(cls, train: Data, valid: Data, metric: Metric) -> Screened:
        """Make ready what selection needs; O(n d)."""
        slack = (train.X.shape[1] + 8) * UNIT
        if metric == "cosine":
            X, points = Space.of(train, valid, metric).given
            offset = np.full(len(X), -3 * slack, np.float32)
            screen, factors = X.astype(np.float32), (-points).astype(np.float32)
            return cls(X, points, screen, factors, offset, 1.0, np.zeros(len(points)), True)
        X, points = train.X, np.ascontiguousarray(valid.dense)
        middle = X.mean(axis=0, dtype=float)
        judges = points - middle
        screen, offset = np.empty(X.shape, np.float32), np.empty(len(X), np.float32)
        scale = 2.0 ** -np.ceil(np.log2(max(_reach(X, middle), np.abs(judges).max(), 1e-140)))
        for start in range(0, len(X), TILE):
            part = (X[start : start + TILE] - middle) * scale
            screen[start : start + TILE] = part
            offset[start : start + TILE] = np.einsum("ij,ij->i", part, part) * (1 - slack) - LEAST
        judges *= scale
        squares = np.einsum("ij,ij->i", judges, judges) * (1 - slack)
        return cls(X, points, screen, (-2 * judges).astype(np.float32), offset, scale**2, squares, False)

    def rows(self, start: int, stop: int, count: int) -> Positions:
        """Tile by tile; the judges' heaps stay between tiles."""
        from ._sift import sift

        n, points = len(self.screen), self.points[start:stop]
        factors, base = self.factors[start:stop], self.base[start:stop]
        limits = np.full(len(points), np.inf, np.float32)
        far, rows = np.full((len(points), count), np.inf), np.full((len(points), count), n)
        for tile in _far_apart(-(-n // TILE)):
            first = tile * TILE
            part = self.screen[first : first + TILE]
            offset, keys = self.offset[first : first + TILE], factors @ part.T
            sift(keys, offset, first, limits, far, rows, self.given, points, self.scale, base, self.product)
        return in_order(rows, far)

    @property
    def judges(self) -> NDArray[np.float32]:
        """Judges (m, d) as `screen` has the rows."""
        return self.factors * np.float32(-1 if self.product else -0.5)


def in_order(rows: Positions, far: Floats) -> Positions:
    """Rows (judges, count) nearest first, ties in row order; what is infinitely far comes last and is -1."""
    order = np.lexsort((rows, far), axis=1)
    found = np.isfinite(np.take_along_axis(far, order, axis=1))
    return np.where(found, np.take_along_axis(rows, order, axis=1), -1)


def _reach(X: NDArray[Any], middle: Floats) -> float:
    """The largest distance of a number to its column's middle."""
    return float(np.maximum(X.max(axis=0) - middle, middle - X.min(axis=0)).max())


def _far_apart(tiles: int) -> list[int]:
    """All tiles, in steps of about `STRIDE` of their number."""
    step = next(s for s in range(max(1, int(STRIDE * tiles)), 2 * tiles + 2) if np.gcd(s, tiles) == 1)
    return [tile * step % tiles for tile in range(tiles)]
