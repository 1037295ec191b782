"""Frames in and out: no cell is rounded on its way."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from .._errors import AssayError

_NULLABLE = {
    "int8": pd.Int8Dtype(),
    "int16": pd.Int16Dtype(),
    "int32": pd.Int32Dtype(),
    "int64": pd.Int64Dtype(),
    "uint8": pd.UInt8Dtype(),
    "uint16": pd.UInt16Dtype(),
    "uint32": pd.UInt32Dtype(),
    "uint64": pd.UInt64Dtype(),
}


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a frame.

    Whole numbers with missing cells become pandas' nullable integers, decimals stay `Decimal`, dates
    `datetime.date`, vectors of floats arrays, other lists Python's.
    """
    columns = dict(enumerate(_series(column) for column in table.columns))
    return pd.DataFrame(columns, index=pd.RangeIndex(len(table))).set_axis(table.column_names, axis=1)


def to_arrow(name: str, frame: Any) -> pa.Table:
    """Return a frame as an Arrow table fit to become a database table called `name`.

    Raises
    ------
    AssayError
        Where a column has no name, two share one, or a column mixes types.
    """
    try:
        plain = (
            pa.Table.from_pandas(frame, preserve_index=False)
            if isinstance(frame, pd.DataFrame)
            else pa.table(frame)
        )
    except (pa.ArrowException, UnicodeError, TypeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise AssayError(
            f"Table '{name}' has a column of mixed types; make each column of one type. {first}"
        ) from error
    _check_names(name, plain.column_names)
    columns = [_plain(plain.column(i)) for i in range(plain.num_columns)]
    return pa.table(columns, names=plain.column_names)


def _check_names(name: str, columns: list[str]) -> None:
    if not columns:
        raise AssayError(f"Table '{name}' has no columns.")
    if not all(column.strip() for column in columns):
        raise AssayError(f"Table '{name}' has a column without a name; name every column.")
    seen: set[str] = set()
    for column in columns:
        # The database does not tell upper from lower case in names.
        if column.lower() in seen:
            raise AssayError(
                f"Table '{name}' has two columns called '{column}' (case does not count); rename one."
            )
        seen.add(column.lower())


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Categories become their values, or the database could take no new one; all-missing becomes text."""
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column.cast(pa.string()) if pa.types.is_null(column.type) else column


def _series(column: pa.ChunkedArray) -> pd.Series:
    if pa.types.is_decimal(column.type) and column.type.scale == 0:
        # Integers too wide for 64 bits reach Arrow as decimals.
        return pd.Series(
            [None if value is None else int(value) for value in column.to_pylist()], dtype=object
        )
    if pa.types.is_nested(column.type) and not _is_vector(column):
        # As an array a list of whole numbers with a missing one would turn into floats.
        return pd.Series(column.to_pylist(), dtype=object)
    nullable = _NULLABLE.get(str(column.type)) if column.null_count else None
    return column.to_pandas(types_mapper=None if nullable is None else {column.type: nullable}.get)


def _is_vector(column: pa.ChunkedArray) -> bool:
    listed = pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type)
    if not listed or not pa.types.is_floating(column.type.value_type):
        return False
    return all(chunk.flatten().null_count == 0 for chunk in column.chunks)
