"""The kind of a column: how its cells are to be read."""

from __future__ import annotations

import datetime
import re
import uuid
from typing import Any

import numpy as np
import pandas as pd

from ._number import PLAIN, as_number

KINDS = ("number", "category", "text", "date", "vector", "boolean")

_MOSTLY = 0.8  # the share of a text column's cells that must parse before it is read as numbers or dates
_PROSE = 3.0  # the mean words a cell above which differing strings are text rather than names
_DATE = re.compile(r"\s*\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?\s*")
_CODE = re.compile(r"\s*0[0-9]+\s*")


def guess_kind(column: pd.Series) -> tuple[str, str]:
    """Guess how a column is to be read.

    Parameters
    ----------
    column : pandas.Series

    Returns
    -------
    kind, why : str
        One of `KINDS`, and a short clause. Types decide first. A column of strings is "number" or "date"
        when at least 80% of its cells are plain numbers or ISO dates (digits with a leading zero are
        codes), "text" when most cells differ and hold more than three words on average, else "category".
    """
    if pd.api.types.is_bool_dtype(column.dtype):
        return "boolean", "stored as booleans"
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "category", "stored as categories"
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return "date", "stored as dates"
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_timedelta64_dtype(column.dtype):
        return "number", "stored as numbers"
    cells = column.dropna().tolist()
    return _of_objects(cells) if not all(isinstance(c, str) for c in cells) else _of_strings(cells)


def distinct(column: pd.Series) -> int:
    """Count the different values of a column, missing ones apart; lists are compared as text."""
    try:
        return int(column.nunique())
    except TypeError:
        return len({str(cell) for cell in column.tolist() if not is_missing(cell)})


def is_missing(cell: Any) -> bool:
    """Whether one cell is None, NaN, NaT or NA; a list or array never is."""
    missing = pd.isna(cell)
    return missing if isinstance(missing, bool) else False


def is_identifier(column: pd.Series) -> bool:
    """Whether every cell is a different single name: it says which row this is, not what the row is like."""
    is_names = pd.api.types.is_integer_dtype(column.dtype) or all(
        isinstance(cell, str | bytes | uuid.UUID) for cell in column.tolist()
    )
    return is_names and column.is_unique and column.count() == len(column)


def _of_objects(cells: list[Any]) -> tuple[str, str]:
    if all(isinstance(c, bool | np.bool_) for c in cells):
        return "boolean", "every value is true or false"
    if all(isinstance(c, datetime.date) for c in cells):  # datetime and Timestamp are dates too
        return "date", "every value is a date"
    if all(isinstance(c, list | tuple | np.ndarray) for c in cells):
        if len({np.shape(c) for c in cells}) == 1 and np.ndim(cells[0]) == 1 and _are_numbers(cells[0]):
            return "vector", f"every value is a list of {len(cells[0])} numbers"
        return "category", "lists that are not vectors of one length, compared as text"
    if np.isfinite(as_number(pd.Series(cells, dtype=object))).mean() >= _MOSTLY:
        return "number", "most values are numbers"
    return "category", "values of mixed types, compared as text"


def _are_numbers(cell: Any) -> bool:
    return np.asarray(cell).dtype.kind in "fiub"


def _of_strings(cells: list[str]) -> tuple[str, str]:
    if not cells:
        return "category", "no value"
    if not any(_CODE.fullmatch(c) for c in cells):
        parsed = sum(PLAIN.fullmatch(c) is not None for c in cells) / len(cells)
        if parsed >= _MOSTLY:
            return "number", f"stored as text, {parsed:.0%} of the values are numbers"
    dated = sum(_DATE.fullmatch(c) is not None for c in cells) / len(cells)
    if dated >= _MOSTLY:
        return "date", f"stored as text, {dated:.0%} of the values are dates"
    words = float(np.mean([len(c.split()) for c in cells]))
    if words > _PROSE and len(set(cells)) > len(cells) / 2:
        return "text", f"most values differ, {words:.0f} words on average"
    return "category", f"{len(set(cells))} different values"


def is_whole(column: pd.Series) -> bool:
    """Whether every value that is there is a whole number."""
    numbers = as_number(column).dropna()
    return bool((numbers == np.floor(numbers)).all())
