"""Values of rows that are streamed, from each judge's nearest rows alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from .._parallel import each
from .._shared import Shared, abroad
from .._types import Floats, Positions
from ..methods.neighbors._labels import Labels
from ._exact import BLOCK, LEAST, MOST, Tell
from ._features import Features
from ._measure import Measure
from ._rows import Rows

SPANS = 32  # stretches of rows that are tasks of a cluster
AT_ONCE = 64  # judges whose shares are held at a time


@dataclass(frozen=True)
class Near:
    """The values to all judges from their `count` nearest rows, by one pass over the rows.

    A judge's state is its nearest rows so far and how far they are, sorted. Stretches of rows may be looked
    at apart, and their states merged: what is nearest is the same.

    Parameters
    ----------
    rows : Rows
    features : Features
    measure : Measure
    labels : Labels
    k, count : int
    jobs : int
        Blocks under way at a time.
    """

    rows: Rows
    features: Features
    measure: Measure
    labels: Labels
    k: int
    count: int
    jobs: int

    def __call__(
        self, start: int, stop: int, tell: Tell = lambda rows, judges: None
    ) -> tuple[Floats, Positions]:
        """The state (m, count) of every judge after the rows `start:stop`; -1 where there are fewer."""

        def measured(first: int, batch: pa.RecordBatch) -> tuple[int, Floats]:
            ready = self.measure.rows(self.features.columns(batch, first))
            return first, self.measure.distances(ready, 0, len(self.measure.points))

        m, d = self.measure.points.shape
        size = min(MOST, max(LEAST, BLOCK // (8 * max(m, d))))
        far, near = np.full((m, self.count), np.inf), np.full((m, self.count), -1)
        blocks = self.rows.blocks(self.features.names, size, start, stop)
        for first, table in each(measured, blocks, self.jobs, threads=True):
            _merge(far, near, table, np.broadcast_to(np.arange(first, first + table.shape[1]), table.shape))
            tell(table.shape[1], 0)
        return far, near

    def sums(self, tell: Tell) -> Floats:
        """The values (n,), summed over the judges."""
        from ..methods.neighbors._near_shares import add_shares, near_hit_shares, near_number_shares

        near = self._everywhere(tell) if abroad() else self(0, self.rows.n, tell)[1]
        add: Callable[..., Any] = near_number_shares if self.labels.numbers else near_hit_shares
        total, y = np.zeros(self.rows.n), self.labels.train[:, None]
        for start in range(0, len(near), AT_ONCE):
            rows, judges = near[start : start + AT_ONCE], self.labels.valid[start : start + AT_ONCE]
            shares = np.zeros(rows.shape)
            add(rows, y, judges[:, None], self.k, shares)
            add_shares(rows, shares, total)
            tell(0, len(rows))
        return total

    def _everywhere(self, tell: Tell) -> Positions:
        """The nearest rows of all, by tasks of a cluster for stretches of rows, merged in their order."""
        ends = np.linspace(0, self.rows.n, min(SPANS, self.rows.n) + 1).astype(int).tolist()
        spans = list(pairwise(ends))
        shared = Shared.of(self)
        shape = (len(self.measure.points), self.count)
        far, near = np.full(shape, np.inf), np.full(shape, -1)
        parts = each(partial(_on_worker, shared.read), spans)
        for (start, stop), (also_far, also_near) in zip(spans, parts, strict=True):
            _merge(far, near, also_far, also_near)
            tell(stop - start, 0)
        return near


def _merge(far: Floats, near: Positions, also_far: Floats, also_near: Positions) -> None:
    """Put into the states what is nearer; at the same distance, who was there first stays first."""
    count = far.shape[1]
    for judge, (others, rows) in enumerate(zip(also_far, also_near, strict=True)):
        (closer,) = np.nonzero(others < far[judge, -1])
        if len(closer):
            both = np.concatenate([far[judge], others[closer]])
            first = np.argsort(both, kind="stable")[:count]
            near[judge] = np.concatenate([near[judge], rows[closer]])[first]
            far[judge] = both[first]


def _on_worker(read: Any, start: int, stop: int) -> tuple[Floats, Positions]:
    return read()(start, stop)
