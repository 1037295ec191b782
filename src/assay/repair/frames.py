"""Frames: tables with other cells, in the types that they had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..tables import Table


def served(rows: Table, edits: Sequence[Sequence[Any]]) -> Table:
    """The rows with the edits (row key, column, new value) that are for them."""
    place = {key: i for i, key in enumerate(rows.keys.tolist())}
    frame = rows.frame.copy()
    for column in dict.fromkeys(column for _, column, _ in edits):
        cells = frame[column].astype(object).to_numpy(copy=True)
        for key, where, new in edits:
            if where == column and key in place:
                cells[place[key]] = new
        frame[column] = retyped(cells, frame[column])
    return rows.with_frame(frame)


def retyped(cells: NDArray[Any], column: Any) -> pd.Series:
    """The cells as a column of the old type, or of the nearest one that holds them."""
    series = pd.Series(cells, dtype=object)  # on a RangeIndex, as the frames of tables are
    try:
        return series.astype(column.dtype)
    except (TypeError, ValueError):  # a whole-number column that now misses a value
        return series.infer_objects()


def stacked(first: Table, second: Table) -> Table:
    """The rows of both, in this order, in the columns and types of the first."""
    parts = [table.frame.astype(object) for table in (first, second)]
    frame = pd.concat(parts, ignore_index=True)
    typed = {column: retyped(frame[column].to_numpy(), first.frame[column]) for column in first.frame}
    return replace(first, frame=pd.DataFrame(typed), numbers=None)


def group_codes(table: Table) -> NDArray[np.intp] | None:
    """Codes (n,) of the rows' groups, None without; a row whose group is missing is one of its own."""
    if table.roles.group is None:
        return None
    codes, names = pd.factorize(table.frame[table.roles.group].astype(object))
    return np.where(codes < 0, len(names) + np.arange(len(codes)), codes)
