"""Forecast: what a streamed run would cost, from a pilot."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from .._parallel import workers
from .._plan import _time
from .._shared import abroad
from .._types import Floats
from ..methods.neighbors.knn_shapley import ShapleyRule
from ._exact import AT_ONCE, GROUP, Exact
from ._spill import Spill, most_judges

ROWS = 2**18  # whose distances the pilot measures, to a few judges and to more
FEW, MORE = 4, 16
SORTED = 2**22  # rows that the pilot sorts
BASE = 3 * 2**24  # bytes that Arrow and the allocator hold, about
FIXED = 28  # bytes a row: two sums, ranks, the label
SORTING, NUMBERS = 27, 20  # bytes a row of a judge under way; what labels that are numbers add


@final
@dataclass(frozen=True)
class StreamForecast:
    """What a streamed run is expected to cost.

    Parameters
    ----------
    method : str
    rows, judges : int
    seconds : float
        Time, on this machine, or on the cluster in use if all of it is like this machine.
    bytes : int
        Memory beyond that of the process as it is, at its peak.
    scratch : int
        Bytes on the disk at a time, beside what is written.
    passes : int
        How often the rows are read in full.
    """

    method: str
    rows: int
    judges: int
    seconds: float
    bytes: int
    scratch: int
    passes: int

    def __str__(self) -> str:
        return (
            f"{self.method}: {self.rows:,} rows, {self.judges:,} judges, about {_time(self.seconds)}, "
            f"{self.bytes / 2**20:,.0f} MiB of memory, {self.scratch / 2**30:,.1f} GiB of scratch, "
            f"{self.passes} pass(es) over the rows."
        )


def forecast(method: str, work: Exact) -> StreamForecast:
    """Time the parts of `work` on some of the rows, and carry them on to all."""
    n, m = work.rows.n, len(work.measure.points)
    read, pair = _distances(work, min(n, ROWS), m)
    judge = _judge(work, min(n, SORTED), m) * n / min(n, SORTED)
    room = min(m, max(GROUP, most_judges(n, work.folder) // GROUP * GROUP))
    passes, rounds = -(-m // room), 1.0
    if abroad():
        passes, room = -(-m // GROUP), min(m, GROUP)
        rounds = 1 / min(passes, workers())
    seconds = rounds * (passes * read * n + m * (pair * n + judge))
    return StreamForecast(method, n, m, seconds, memory(work), 8 * n * room, passes)


def memory(work: Exact) -> int:
    """Bytes at the peak: of blocks on their way, or of judges under way."""
    n, m, jobs = work.rows.n, len(work.measure.points), work.jobs
    rows, width = min(n, work.block), work.features.dtype.itemsize * work.measure.points.shape[1]
    waiting = 1 if jobs == 1 else 2 * jobs + 1  # see `each`
    blocks = rows * (waiting * width + jobs * (width + 8 * min(m, AT_ONCE)))
    return BASE + max(blocks + FIXED * n, needed(n, jobs, work.rule.labels.numbers))


def needed(n: int, jobs: int, numbers: bool) -> int:
    """Bytes that `jobs` judges under way take."""
    return (FIXED + jobs * (SORTING + NUMBERS * numbers)) * n


def _distances(work: Exact, rows: int, m: int) -> tuple[float, float]:
    """Seconds to read a row, and to measure and write a distance."""
    few, more = min(m, FEW), min(m, MORE)
    with Spill(rows, work.folder) as spill:

        def seconds(judges: int) -> float:
            return _clock(lambda: work.measured(spill, 0, judges, _nobody, rows))

        seconds(few)  # compiles
        low, high = seconds(few), seconds(more)
    pair = max(high - low, 0.0) / (more - few) if more > few else 0.0
    return max(low - few * pair, 0.0) / rows, pair / rows


def _judge(work: Exact, rows: int, m: int) -> float:
    """Seconds to sort and sum a judge over some of the rows, as many at a time as will be under way."""
    labels = replace(work.rule.labels, train=work.rule.labels.train[:rows])
    rule = ShapleyRule(labels, work.rule.k, work.rule.inverse[: rows + 1])
    part = replace(work, rows=replace(work.rows, n=rows), rule=rule)
    count = min(m, 2 * work.jobs)
    far = _Far(np.random.default_rng(0).chisquare(8, rows))
    part.ranked(far, 0, 1, _nothing, _nobody)  # compiles
    return _clock(lambda: part.ranked(far, 0, count, _nothing, _nobody)) / count


@dataclass(frozen=True)
class _Far:
    """In place of distances on disk: ones that are spread much as theirs are."""

    distances: Floats

    def read(self, judge: int, out: Floats) -> None:
        """The same for every judge."""
        del judge
        out[:] = self.distances


def _clock(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _nobody(rows: int, judges: int) -> None:
    del rows, judges


def _nothing(done: int, part: Floats) -> None:
    del done, part
