"""Table: a frame, what its columns are for, and the keys of its rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ._roles import Roles


@dataclass(frozen=True)
class Table:
    """Rows with roles.

    Parameters
    ----------
    name : str
        Name of the table in its database, or the stem of its file, or "frame".
    frame : pandas.DataFrame
        All columns of the source in the source's own types and row order, on a RangeIndex.
    roles : Roles
        What each column is for.
    numbers : (n,) ints, optional
        The rows' numbers in the source, counted from 0: the keys of a table that has no key column. `take`
        keeps them, so that a value can still be joined to its row.
    """

    name: str
    frame: pd.DataFrame
    roles: Roles
    numbers: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def keys(self) -> NDArray[np.object_]:
        """The (n,) canonical row keys: text, unique, the same for a row wherever the table came from.

        `str(value)` for one key column, a JSON array for several, the row number where rows are numbered.
        """
        if self.roles.key:
            return row_keys(self.frame, self.roles.key)
        numbers = np.arange(len(self.frame)) if self.numbers is None else self.numbers
        return np.array([str(number) for number in numbers.tolist()], dtype=object)

    @property
    def target_kind(self) -> Literal["class", "number"]:
        """What a model of the target is: a classifier ("class") or a regression ("number").

        "number" when the target's kind is number; see `Roles` for the rule and `kinds` to override it.
        """
        return "number" if self.roles.kinds.get(self.roles.target or "") == "number" else "class"

    def take(self, positions: ArrayLike) -> Table:
        """Return the rows at `positions` (ints, or an (n,) mask), in that order, with the keys they had."""
        where = np.asarray(positions)
        where = np.flatnonzero(where) if where.dtype == bool else where.astype(np.int64)
        numbers = np.arange(len(self.frame)) if self.numbers is None else self.numbers
        frame = self.frame.iloc[where].reset_index(drop=True)
        return replace(self, frame=frame, numbers=None if self.roles.key else numbers[where])

    def with_frame(self, frame: pd.DataFrame) -> Table:
        """Return the same table with other cells: `frame` holds the same rows in the same order."""
        return replace(self, frame=frame.reset_index(drop=True))


def row_keys(frame: pd.DataFrame, key: tuple[str, ...]) -> NDArray[np.object_]:
    """Return the canonical key of each row of `frame`: see `Table.keys`."""
    columns = [frame[column].tolist() for column in key]
    if len(key) == 1:
        return np.array([str(value) for value in columns[0]], dtype=object)
    rows = zip(*columns, strict=True)
    return np.array([json.dumps([_plain(v) for v in row], ensure_ascii=False) for row in rows], dtype=object)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bool | int) else str(value)
