"""as_number: the numbers in a column, however they are stored."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

PLAIN = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")


def as_number(series: pd.Series) -> pd.Series:
    """Read every cell as a plain finite number; what is not one becomes NaN.

    Parameters
    ----------
    series : pandas.Series of any type

    Returns
    -------
    pandas.Series of float64
        Same index and name. A string counts when it is digits with at most a sign, a decimal point, an
        exponent and blanks around it: `"70"`, `" 5.5 "`, `"-1e3"`; not `"5' 4"`, `"1,000"`, `"nan"` or
        `"inf"`. Booleans are 0 and 1, durations are seconds; dates and infinite numbers are NaN.

    Examples
    --------
    >>> as_number(pd.Series(["70", " 5.5 ", "165cm", None])).tolist()
    [70.0, 5.5, nan, nan]
    """
    if pd.api.types.is_timedelta64_dtype(series.dtype):
        numbers = series.dt.total_seconds().to_numpy(np.float64)
    elif _is_numeric(series.dtype):
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
    elif pd.api.types.is_datetime64_any_dtype(series.dtype):
        numbers = np.full(len(series), np.nan)
    else:
        numbers = np.fromiter((_number(cell) for cell in series.tolist()), np.float64, len(series))
    return pd.Series(np.where(np.isfinite(numbers), numbers, np.nan), index=series.index, name=series.name)


def _is_numeric(dtype: Any) -> bool:
    numeric = pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)
    return numeric and not isinstance(dtype, pd.CategoricalDtype) and not pd.api.types.is_complex_dtype(dtype)


def _number(cell: Any) -> float:
    if isinstance(cell, str):
        return float(cell) if PLAIN.fullmatch(cell) else np.nan
    try:
        return float(cell)  # int, Decimal, bool, numpy scalars
    except (TypeError, ValueError, OverflowError):
        return np.nan
