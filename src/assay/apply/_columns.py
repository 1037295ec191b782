"""Columns that a rule can speak of: numbers by their order, categories by their values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .._types import Floats
from ..tables import Table, as_number, is_missing
from ..tables._arrow import column_of

MISSING = "missing"
DAY = 86_400.0
MOST_DIGITS = 17  # of a double


@dataclass(frozen=True, eq=False)
class Ordered:
    """A column of numbers or dates; only their order decides splits.

    Parameters
    ----------
    name : str
    steps : array of shape (u,)
        The different values, sorted.
    ranks : array of shape (n,)
        The place of each row's value among them; -1 where it is missing.
    kind : "number" | "whole" | "date"
        Dates are seconds since 1970.
    """

    name: str
    steps: Floats
    ranks: NDArray[np.intp]
    kind: Literal["number", "whole", "date"]

    @property
    def holes(self) -> bool:
        """Whether a value is missing."""
        return bool((self.ranks < 0).any())

    def bound(self, rank: int) -> str:
        """The shortest text of a number at least the value of this rank and below the next one."""
        low, high = self.steps[rank], self.steps[rank + 1]
        if self.kind == "whole":
            return f"{int(low):,}" if abs(low) >= 10_000 else str(int(low))
        if self.kind == "date":
            return _moment(low, high)
        for digits in range(1, MOST_DIGITS):
            for text in (f"{(low + high) / 2:.{digits}g}", f"{low:.{digits}g}"):
                if low <= float(text) < high:
                    return text
        return repr(float(low))


@dataclass(frozen=True, eq=False)
class Valued:
    """Whether a column has one of its values.

    Parameters
    ----------
    name, value : str
    values : tuple of str
        All values of the column.
    ranks : array of shape (n,)
        1 where the row has this value, else 0.
    """

    name: str
    value: str
    values: tuple[str, ...]
    ranks: NDArray[np.intp]


Column = Ordered | Valued


def columns_of(table: Table, least: int) -> tuple[list[Column], tuple[str, ...]]:
    """The columns of a table that tell rows apart, and the names of those that no rule can speak of.

    Parameters
    ----------
    table : Table
    least : int
        Values of fewer rows are no rule of their own.
    """
    roles, found, left = table.roles, [], []
    names = [*roles.features, *(name for name in (roles.target, roles.group) if name)]
    for name in dict.fromkeys(names):
        kind, column = roles.kinds[name], column_of(table.frame, name)
        if kind == "date":
            found.append(ordered(name, _seconds(column), "date"))
        elif kind == "number":
            found += numbers(name, as_number(column).to_numpy(np.float64), least)
        elif kind in ("category", "boolean"):
            found += valued(name, column.tolist(), least)
        else:
            left.append(name)
    return found, tuple(left)


def numbers(name: str, cells: Floats, least: int) -> list[Column]:
    """A column of numbers; one of two different ones is a category."""
    known = cells[~np.isnan(cells)]
    whole = bool((known % 1 == 0).all())
    if len(np.unique(known)) > 2:
        return [ordered(name, cells, "whole" if whole else "number")]
    texts = (np.nan if np.isnan(v) else int(v) if whole else float(v) for v in cells)
    return valued(name, texts, least)


def ordered(name: str, cells: Floats, kind: Literal["number", "whole", "date"]) -> Ordered:
    """A column by the order of its cells."""
    there = ~np.isnan(cells)
    ranks = np.full(len(cells), -1, np.intp)
    steps, ranks[there] = np.unique(cells[there], return_inverse=True)
    return Ordered(name, steps, ranks, kind)


def valued(name: str, cells: Iterable[Any], least: int) -> list[Column]:
    """One column for each value that `least` rows have and `least` have not."""
    texts = np.array([MISSING if is_missing(cell) else str(cell) for cell in cells])
    values, codes, counts = np.unique(texts, return_inverse=True, return_counts=True)
    if len(values) == 2:
        values_used = [0] if counts.min() >= least else []
    else:
        values_used = [k for k in range(len(values)) if least <= counts[k] <= len(texts) - least]
    every = tuple(values.tolist())
    return [Valued(name, every[k], every, (codes == k).astype(np.intp)) for k in values_used]


def _seconds(column: pd.Series) -> Floats:
    shape = "ISO8601" if any(isinstance(cell, str) for cell in column.tolist()) else None
    moments = pd.DatetimeIndex(pd.to_datetime(column, errors="coerce", utc=True, format=shape)).as_unit("us")
    return np.where(moments.isna(), np.nan, moments.asi8 / 1e6)


def _moment(low: float, high: float) -> str:
    day = np.floor(low / DAY) * DAY
    if day >= low:
        return pd.Timestamp(day, unit="s").date().isoformat()
    if day + DAY < high:  # the midnight that follows parts the two as well
        return pd.Timestamp(day + DAY, unit="s").date().isoformat()
    return pd.Timestamp(low, unit="s").isoformat(sep=" ")
