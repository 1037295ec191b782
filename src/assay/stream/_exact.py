"""Exact values of rows that are streamed, judge by judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from .._parallel import each
from .._types import Floats, Positions
from ..methods.neighbors._ranking import rankings
from ..methods.neighbors.knn_shapley import ShapleyRule
from ._features import Features
from ._measure import Measure
from ._rows import Rows
from ._spill import Spill

GROUP = 16  # judges that are summed apart, then added in their order: the bits do not depend on who summed
BLOCK = 2**25  # bytes of a block of features
MOST, LEAST = 2**16, 2**8  # rows of a block
AT_ONCE = 64  # judges of a block of distances

Keep = Callable[[int, Floats], None]
Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Exact:
    """The values to some judges, from one pass over the rows.

    A pass writes each judge's distances, block by block, to a file. Then each judge in turn, some at a time,
    is read, sorted and added to one vector. Distances are sums in one order, feature by feature, so that ties
    are settled by themselves. What is held in memory is O(rows) for each judge under way, and never rows x
    features nor rows x judges.

    Parameters
    ----------
    rows : Rows
    features : Features
    measure : Measure
    rule : ShapleyRule
    folder : str, optional
        Where distances are written.
    jobs : int
        Judges under way at a time.
    """

    rows: Rows
    features: Features
    measure: Measure
    rule: ShapleyRule
    folder: str | None
    jobs: int

    def __call__(self, start: int, stop: int) -> Floats:
        """What a worker of a cluster does: one group of judges, alone."""
        kept: list[Floats] = []
        self.run(start, stop, lambda done, part: kept.append(part.copy()))
        return kept[0]

    def run(self, start: int, stop: int, keep: Keep, tell: Tell = lambda rows, judges: None) -> None:
        """Sum the values to each group of the judges `start:stop`.

        `keep(judges done, sum)` gets them in order; `tell(rows, judges)` hears what was done.
        """
        with Spill(self.rows.n, self.folder) as spill:
            self.measured(spill, start, stop, tell)
            self.ranked(spill, start, stop, keep, tell)

    def measured(self, spill: Spill, start: int, stop: int, tell: Tell, upto: int | None = None) -> None:
        """Write the distances of the judges `start:stop` to the first `upto` rows, or all."""

        def put(first: int, batch: pa.RecordBatch) -> int:
            ready = self.measure.rows(self.features.columns(batch, first))
            for low in range(start, stop, AT_ONCE):
                far = self.measure.distances(ready, low, min(low + AT_ONCE, stop))
                for place, distances in enumerate(far, low - start):
                    spill.write(place, first, distances)
            return len(batch)

        blocks = self.rows.blocks(self.features.names, self.block, 0, upto)
        for read in each(put, blocks, self.jobs, threads=True):
            tell(read, 0)
        pa.default_memory_pool().release_unused()

    @property
    def block(self) -> int:
        """Rows of a block."""
        width = self.features.dtype.itemsize * self.measure.points.shape[1]
        return min(MOST, max(LEAST, BLOCK // width))

    def ranked(self, spill: Any, start: int, stop: int, keep: Keep, tell: Tell) -> None:
        """Sort and sum what a pass wrote."""
        n = self.rows.n
        space: Any = _Spilled(spill, start, n, np.broadcast_to(0.0, (n,)), np.zeros(stop))
        total = np.zeros(n)

        def add(judge: int, before: Future[None] | None) -> None:
            (ranking,) = rankings(space, self.rule, judge, judge + 1)
            if before is not None:
                before.result()  # judges are added in their order
            self.rule.add(ranking, total)
            done = judge + 1
            if (done - start) % GROUP == 0 or done == stop:
                keep(done, total)
                total[:] = 0.0

        pool, last = ThreadPoolExecutor(self.jobs), None
        try:
            under_way = [last := pool.submit(add, judge, last) for judge in range(start, stop)]
            for future in under_way:
                future.result()
                tell(0, 1)
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Spilled:
    """Distances on disk, as `rankings` asks a `Space` for them; they are exact as they are."""

    spill: Spill
    first: int
    n: int
    offset: Floats
    tolerance: Floats
    factor: float = 1.0
    whole: bool = False

    def table(self, start: int, stop: int) -> Floats:
        """Distances from `start:stop` of the judges to all rows."""
        out = np.empty((stop - start, self.n))
        for place, judge in enumerate(range(start, stop)):
            self.spill.read(judge - self.first, out[place])
        return out

    def exact(self, judge: int, rows: Positions, distances: Floats) -> Floats:
        """The distances themselves."""
        del judge
        return distances[rows]


def groups(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Judges, a group at a time."""
    return ((low, min(low + GROUP, stop)) for low in range(start, stop, GROUP))
