"""Hashed: nearest rows by locality-sensitive hashing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ..._parallel import each
from ..._problem import Data
from ..._types import Floats, Positions
from ._nearest import TILE, Nearest, Screened, in_order
from ._space import Metric

RECALL = 0.9  # expected share of the nearest rows that tables are sized for
TABLES = (1, 2, 4, 8, 16, 32, 64)
MOST_BYTES = 2**31  # of all tables: 8 bytes a row each
HASHES = range(2, 33)  # numbers that make up a hash
WIDTHS = np.geomspace(0.5, 8, 9)  # in distances of the K*-th nearest row
SAMPLED_JUDGES, SAMPLED_ROWS = 16, 512
DEAR = 100  # looking at a row out of order, measured in rows of a matrix product


@dataclass(frozen=True)
class Design:
    """How rows are hashed.

    Parameters
    ----------
    width : float
        Of the intervals that projections are cut into.
    hashes, tables : int
        Intervals that make up one hash; hashes of a row.
    """

    width: float
    hashes: int
    tables: int

    @classmethod
    def of(cls, near: Floats, all_: Floats, n: int, judges: int) -> Design:
        """The cheapest that is expected to find `RECALL` of the nearest; else the one that finds most.

        `near` are distances of sampled judges to their nearest rows, `all_` those to rows at random.
        """
        most, found, cheapest = 0.0, None, np.inf
        for width in WIDTHS * near.max(initial=1e-30):
            close, random = collision(near, width), collision(all_, width)
            for hashes in HASHES:
                met, share = close**hashes, float(np.mean(random**hashes))
                for tables in TABLES:
                    if 8 * n * tables > MOST_BYTES and tables > 1:
                        break
                    recall = float(np.mean(1 - (1 - met) ** tables))
                    looks = n * min(1.0, tables * share)
                    cost = DEAR * looks + tables * hashes * (1 + n / judges)
                    if (enough := recall >= RECALL) and (cost < cheapest or most < RECALL):
                        most, found, cheapest = recall, cls(width, hashes, tables), cost
                    elif not enough and recall > most:
                        most, found = recall, cls(width, hashes, tables)
        assert found is not None
        return found


def collision(distance: Floats, width: float) -> Floats:
    """How likely two rows at a distance fall into one interval of a normal projection (Datar et al. 2004)."""
    c = width / np.maximum(distance, 1e-30)
    return 1 - 2 * ndtr(-c) - 2 / (np.sqrt(2 * np.pi) * c) * (1 - np.exp(-(c**2) / 2))


@final
@dataclass(frozen=True)
class Hashed(Nearest):
    """Tables of rows sorted by their hash; a judge looks at all rows that share one of its hashes.

    Parameters
    ----------
    screened : Screened
        Rows and judges.
    hashes, order : array of shape (tables, n), uint32 and int32
        Sorted hashes, and their rows.
    own : array of shape (m, tables), uint32
        Hashes of the judges.
    """

    screened: Screened
    hashes: NDArray[np.uint32]
    order: NDArray[np.int32]
    own: NDArray[np.uint32]

    @classmethod
    def of(cls, train: Data, valid: Data, metric: Metric, count: int, rng: np.random.Generator) -> Hashed:
        """Size the tables by the distances of some judges, and fill them."""
        screened = Screened.of(train, valid, metric)
        (n, d), judges = screened.screen.shape, screened.judges
        some = rng.choice(len(judges), min(SAMPLED_JUDGES, len(judges)), replace=False)
        rows = rng.choice(n, min(SAMPLED_ROWS, n), replace=False)
        near = [screened.rows(judge, judge + 1, count)[0] for judge in some]
        far = [_lengths(screened.screen[rows] - judges[judge]) for judge in some]
        close = [_lengths(screened.screen[one] - judges[j]) for one, j in zip(near, some, strict=True)]
        design = Design.of(np.concatenate(close), np.concatenate(far), n, len(judges))
        tables = [_Table.drawn(design, d, rng) for _ in range(design.tables)]
        hashes = np.empty((design.tables, n), np.uint32)
        order = np.empty((design.tables, n), np.int32)

        def fill(place: int) -> None:
            codes = tables[place](screened.screen)
            order[place] = np.argsort(codes, kind="stable")
            hashes[place] = codes[order[place]]

        for _ in each(fill, ((place,) for place in range(design.tables)), threads=True):
            pass
        return cls(screened, hashes, order, np.stack([table(judges) for table in tables], axis=1))

    def rows(self, start: int, stop: int, count: int) -> Positions:
        """The nearest of the rows that share a hash with the judge."""
        from ._sift import look_up

        s, b = self.screened, stop - start
        far, rows = np.full((b, count), np.inf), np.full((b, count), len(s.screen))
        own, points = self.own[start:stop], s.points[start:stop]
        look_up(self.hashes, self.order, own, far, rows, s.given, points, s.product)
        return in_order(rows, far)


@dataclass(frozen=True)
class _Table:
    """One hash: intervals of normal projections, mixed into 32 bits."""

    normal: NDArray[np.float32]
    shift: NDArray[np.float32]
    mix: NDArray[np.uint64]

    @classmethod
    def drawn(cls, design: Design, d: int, rng: np.random.Generator) -> _Table:
        normal = (rng.standard_normal((d, design.hashes)) / design.width).astype(np.float32)
        mix = rng.integers(0, 2**63, design.hashes, np.uint64) * np.uint64(2) + np.uint64(1)
        return cls(normal, rng.random(design.hashes).astype(np.float32), mix)

    def __call__(self, X: NDArray[np.float32]) -> NDArray[np.uint32]:
        """Hashes (n,) of rows; tile by tile."""
        out = np.empty(len(X), np.uint32)
        for start in range(0, len(X), TILE):
            cells = np.floor(X[start : start + TILE] @ self.normal + self.shift).astype(np.int64)
            mixed = (cells.view(np.uint64) * self.mix).sum(axis=1)
            out[start : start + TILE] = mixed >> np.uint64(32)
        return out


def _lengths(X: NDArray[np.float32]) -> Floats:
    return np.sqrt(np.einsum("ij,ij->i", X, X, dtype=float))
