"""as_frame: any frame as a pandas frame with the types of its source."""

from __future__ import annotations

from typing import Any, cast

import narwhals as nw
import pandas as pd
import pyarrow as pa

from .._errors import AssayError

_WHOLE = {
    "int8": pd.Int8Dtype(),
    "int16": pd.Int16Dtype(),
    "int32": pd.Int32Dtype(),
    "int64": pd.Int64Dtype(),
    "uint8": pd.UInt8Dtype(),
    "uint16": pd.UInt16Dtype(),
    "uint32": pd.UInt32Dtype(),
    "uint64": pd.UInt64Dtype(),
}


def as_frame(source: Any) -> pd.DataFrame:
    """Return a pandas frame as it is, any other eager frame that narwhals knows by way of Arrow.

    Raises
    ------
    AssayError
        `source` is no such frame.
    """
    if isinstance(source, pd.DataFrame):
        return source
    try:
        return from_arrow(nw.from_native(source, eager_only=True).to_arrow())
    except TypeError as error:
        raise AssayError(
            f"cannot read a {type(source).__name__} as a table: give a pandas, polars or Arrow frame, or a"
            " path"
        ) from error


def from_arrow(table: pa.Table) -> pd.DataFrame:
    """Return the table as a frame on a RangeIndex; whole numbers stay whole where some are missing."""
    columns = dict(enumerate(_column(column) for column in table.columns))
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(table)))
    return frame.set_axis(table.column_names, axis=1)


def column_of(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return one column of a frame whose columns have different names."""
    return cast(pd.Series, frame[name])


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, to end a sentence with."""
    return str(error).strip().split("\n")[0].rstrip(".")


def _column(column: pa.ChunkedArray) -> pd.Series:
    whole = _WHOLE.get(str(column.type)) if column.null_count else None
    return column.to_pandas(types_mapper=None if whole is None else {column.type: whole}.get)
