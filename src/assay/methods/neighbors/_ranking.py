"""Ranking: the rows as one judge meets them, nearest first; and the loop over judges."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._parallel import each
from ..._problem import Problem
from ..._shared import Shared, abroad
from ..._types import Floats, Positions
from ..._valuation import Status, Valuation
from ._space import Space

Block = Callable[[int, int], Floats]  # values to the judges start:stop, (n, judges), or (n, 1) summed
PAIRS = 2**25  # distances held at a time by one thread: 256 MB
SECONDS = 0.5  # between two estimates
MOST_JUDGES, FEWEST_JUDGES = 64, 16  # of a block: matrix products are slow for fewer


@dataclass
class Ranking:
    """Rows by their distance to one judge, ties in row order; its arrays are used again for the next judge.

    Parameters
    ----------
    judge : int
        Which of the validation rows.
    words : array of shape (n,), uint64
        See `_sort`; the last bit is the row's hit.
    shift : int
        Low bits of a word that are not its key.
    distances : array of shape (n,)
        Of all rows, in their own order and up to rounding, as `Space` has them.
    """

    judge: int
    words: NDArray[np.uint64]
    shift: int
    distances: Floats

    def order(self) -> Positions:
        """All rows, nearest first (n,)."""
        from ._sort import rows_of

        out = np.empty(len(self.words), np.int64)
        rows_of(self.words, self.shift, out)
        return out

    @property
    def farthest(self) -> int:
        """The last of the rows."""
        return int(self.words[-1] & np.uint64((1 << self.shift) - 1)) >> 1


class Rule(ABC):
    """Abstract: what one judge's ranking says of the rows."""

    @abstractmethod
    def hits(self, judge: int) -> NDArray[np.bool_]:
        """Which rows (n,) the judge agrees with: the last bit of their words."""

    @abstractmethod
    def add(self, ranking: Ranking, out: Floats) -> None:
        """Add the rows' values to the judge to `out` (n,)."""


def rankings(space: Space, rule: Rule, start: int, stop: int) -> Iterator[Ranking]:
    """The rankings of the judges `start:stop`, one after another."""
    from ._sort import close_runs, sort_rows, sort_runs

    table, n = space.table(start, stop), space.n
    words, spare = np.empty(n, np.uint64), np.empty(n, np.uint64)
    for judge, keys in enumerate(table, start):
        hits = rule.hits(judge)
        words, spare, shift, scale = sort_rows(
            keys, space.offset, space.factor, space.whole, hits, words, spare
        )
        if not (space.whole and scale >= 1):
            error = space.tolerance[judge] * scale
            units = int(min(np.ceil(error) + 2 * (error > 0), 2**62))
            starts, stops = close_runs(words, shift, units)
            if len(starts):
                close = Ranking(judge, _those(words, starts, stops), shift, keys).order()
                sort_runs(words, shift, starts, stops, space.exact(judge, close, keys))
        yield Ranking(judge, words, shift, keys)


def _those(words: NDArray[np.uint64], starts: Positions, stops: Positions) -> NDArray[np.uint64]:
    """The words of all runs, one run after another."""
    lengths = stops - starts
    return words[np.repeat(starts - np.r_[0, lengths.cumsum()[:-1]], lengths) + np.arange(lengths.sum())]


@dataclass(frozen=True)
class _Block:
    """What a worker needs to value rows by some judges."""

    space: Space
    rule: Rule
    apart: bool

    def __call__(self, start: int, stop: int) -> Floats:
        """Values to the judges `start:stop`, (n, judges) if `apart`, else summed, (n, 1)."""
        out = np.zeros((stop - start if self.apart else 1, self.space.n))
        for place, ranking in enumerate(rankings(self.space, self.rule, start, stop)):
            self.rule.add(ranking, out[place if self.apart else 0])
        return out.T


def _on_worker(read: Callable[[], Block], start: int, stop: int) -> Floats:
    return read()(start, stop)


def judged(problem: Problem, space: Space, rule: Rule, per_valid: bool) -> Iterator[Valuation]:
    """Yield the mean over the judges of what their rankings say; see `in_blocks`."""
    return in_blocks(_Block(space, rule, per_valid), problem.n, len(space.points), per_valid)


def in_blocks(block: Block, n: int, judges: int, per_valid: bool) -> Iterator[Valuation]:
    """Yield the mean over the judges of what `block(start, stop)` adds up; blocks are spread over workers.

    Every `SECONDS` it yields the mean over the judges so far, as who watches or runs out of time needs it.
    """
    rows = min(MOST_JUDGES, max(FEWEST_JUDGES, PAIRS // n))
    blocks = ((start, min(start + rows, judges)) for start in range(0, judges, rows))
    run: Any = block
    if abroad():
        shared = Shared.of(block)
        run = partial(_on_worker, shared.read)
    parts = each(run, blocks, threads=not abroad())
    total, kept, last = np.zeros(n), [], time.monotonic()
    for number, part in enumerate(parts, 1):  # in their order
        total += part.sum(axis=1)
        if per_valid:
            kept.append(part)
        done = min(number * rows, judges)
        if done < judges and time.monotonic() - last > SECONDS:
            last, why = (
                time.monotonic(),
                f"Only the first {done:,} of {judges:,} validation rows have judged.",
            )
            yield Valuation(total / done, why=why, share=done / judges)
    yield Valuation(total / judges, None, np.hstack(kept) if per_valid else None, status=Status.exact)
