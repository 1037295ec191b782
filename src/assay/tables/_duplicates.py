"""twins: rows that are the same but for spelling and rounding."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._arrow import column_of
from ._kinds import is_missing
from ._number import as_number
from ._table import Table

_DIGITS = 4  # significant digits that two numbers must share
_BY_CHANCE = 0.05  # twins that a row may have by chance before being the same says nothing
_DIFFERENT = 0.25  # the least share of different rows, for the same reason


def twins(table: Table) -> NDArray[np.int64]:
    """Number the sets of rows that are the same but for spelling and rounding.

    Two rows are twins when all their features are equal once strings are read in Unicode NFKC without
    regard to case and blanks around and between words, and numbers, alone or in a vector, are rounded to 4
    significant digits. Missing equals missing. The target plays no part.

    Where features are few and coarse, equal rows are a coincidence and no copy, and no rows are twins: if
    fewer than a quarter of the rows differ, or if a row would have more than 0.05 twins by chance, were the
    columns independent with values as frequent as they are among the rows that differ.

    Parameters
    ----------
    table : Table

    Returns
    -------
    (n,) ints
        Equal for twins; counted from 0 in order of first appearance.
    """
    n = len(table)
    if not table.roles.features or n < 2:
        return np.arange(n)
    same = {c: _normal(column_of(table.frame, c), table.roles.kinds[c]) for c in table.roles.features}
    rows = pd.DataFrame(same)
    sets = rows.groupby(list(same), sort=False).ngroup().to_numpy(np.int64)
    return np.arange(n) if _are_coarse(rows.drop_duplicates(), n) else sets


def _are_coarse(different: pd.DataFrame, n: int) -> bool:
    """Whether equal rows are to be expected; copies do not count, or many would excuse themselves."""
    rows = len(different)
    if rows < max(2, _DIFFERENT * n):
        return True
    counts = [column.value_counts().to_numpy(np.float64) for _, column in different.items()]
    agree = [(count * (count - 1)).sum() / (rows * (rows - 1)) for count in counts]
    return float((rows - 1) * np.prod(agree)) > _BY_CHANCE


def _normal(column: pd.Series, kind: str) -> pd.Series:
    if kind == "number":
        numbers = as_number(column)
        # What is no number is compared as text: "5' 4\"" is not the same height as "165cm".
        text = column.where(numbers.isna() & column.notna(), None)
        return _rounded(numbers).where(numbers.notna(), _text(text))
    return _text(column)


def _text(column: pd.Series) -> pd.Series:
    return pd.Series([_spelt(c) for c in column.tolist()], index=column.index, dtype=object)


def _spelt(cell: Any) -> str:
    if is_missing(cell):
        return "\0"
    if isinstance(cell, list | tuple | np.ndarray):
        return " ".join(f"{float(x):.{_DIGITS - 1}e}" if isinstance(x, float) else str(x) for x in cell)
    return " ".join(unicodedata.normalize("NFKC", str(cell)).casefold().split())


def _rounded(numbers: pd.Series) -> pd.Series:
    text = [f"{x:.{_DIGITS - 1}e}" for x in (numbers + 0.0).tolist()]
    return pd.Series(text, index=numbers.index, dtype=object)
