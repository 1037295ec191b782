"""What a key and a target must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pandas as pd

from .._errors import AssayError
from ._arrow import column_of
from ._kinds import distinct
from ._number import as_number
from ._table import row_keys


def check_key(frame: pd.DataFrame, key: tuple[str, ...]) -> None:
    """Refuse a key with floating-point, missing or repeated values.

    Raises
    ------
    AssayError
        Names the column, and the first value that repeats with the number of its rows.
    """
    for column in key:
        if pd.api.types.is_float_dtype(frame[column].dtype):
            raise AssayError(
                f"column {column!r} holds floating-point numbers, which are no key: make them integers"
            )
        missing = len(frame) - column_of(frame, column).count()
        if missing:
            raise AssayError(
                f"key column {column!r} has no value in {missing} of {len(frame)} rows: fill them in or"
                " choose another key"
            )
    if not key:
        return
    counts = Counter(row_keys(frame, key).tolist())
    repeated = [value for value, rows in counts.items() if rows > 1]
    if repeated:
        others = f", and {len(repeated) - 1} other values repeat" if len(repeated) > 1 else ""
        raise AssayError(
            f"key {' + '.join(map(repr, key))} is not unique: {repeated[0]!r} stands in"
            f" {counts[repeated[0]]} rows{others}; add a column to the key or remove the repeated rows"
        )


def check_target(frame: pd.DataFrame, target: str | None, kinds: Mapping[str, str]) -> None:
    """Refuse a target that no model can learn.

    Raises
    ------
    AssayError
        It has missing values or one value only, or holds dates or vectors.
    """
    if target is None:
        return
    if kinds[target] in ("date", "vector"):
        raise AssayError(f"target {target!r} holds {kinds[target]}s: a target must hold classes or numbers")
    column = column_of(frame, target)
    column = as_number(column) if kinds[target] == "number" else column
    missing = len(frame) - column.count()
    if missing:
        what = "value" if kinds[target] != "number" else "number"
        raise AssayError(
            f"target {target!r} has no {what} in {missing} of {len(frame)} rows, from which nothing can be"
            " learnt: fill them in or leave those rows out"
        )
    if distinct(column) < 2:
        raise AssayError(
            f"target {target!r} has one value only ({column.iloc[0]!r}): there is nothing to tell apart"
        )
