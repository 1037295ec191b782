"""The labels of a table that is streamed: one number a row is all of it that is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .._errors import AssayError
from ..methods.neighbors._labels import Labels
from ._features import is_number
from ._rows import Rows

SIZE = 2**18  # rows of one column at a time


def labels_of(rows: Rows, target: str, judges: NDArray[Any], numbers: bool | None) -> Labels:
    """The labels of rows and `judges` (m,), compared as `Problem` would; a class no judge has is code -1.

    Raises
    ------
    AssayError
        A label is missing, or of another type than those of the judges.
    """
    kind = rows.schema.field(target).type
    text = not is_number(kind)
    if text != (judges.dtype.kind == "U"):
        raise AssayError(
            f"{target!r} is {kind}, and the labels of Stream.valid are {judges.dtype}; use one type."
        )
    if text and numbers:
        raise AssayError(f"Stream.numbers is True, but {target!r} is text; leave it out.")
    floats = np.empty(rows.n) if numbers or pa.types.is_floating(kind) or pa.types.is_decimal(kind) else None
    distinct, valid = np.unique(judges, return_inverse=True)
    codes = None if floats is not None else np.empty(rows.n, np.int32)
    for start, column in _columns(rows, target):
        stop = start + len(column)
        if floats is not None:
            floats[start:stop] = _floats(column, target, start)
        elif codes is not None:
            codes[start:stop] = _codes(column if text else column.to_numpy(zero_copy_only=False), distinct)
    if floats is not None:
        if numbers or (numbers is None and _any_fraction(floats)):
            return Labels(floats, judges.astype(float), True)
        codes = np.empty(rows.n, np.int32)
        for start in range(0, rows.n, SIZE):
            codes[start : start + SIZE] = _codes(floats[start : start + SIZE], distinct)
    assert codes is not None
    return Labels(codes, valid.astype(np.int32), False)


def judges_labels(rows: Rows, target: str) -> NDArray[Any]:
    """The labels of rows that judge, as text or numbers (m,)."""
    text = not is_number(rows.schema.field(target).type)
    parts = [
        np.array(column.to_pylist()) if text else column.to_numpy(zero_copy_only=False)
        for _, column in _columns(rows, target)
    ]
    return np.concatenate(parts)


def _columns(rows: Rows, target: str) -> Iterator[tuple[int, Any]]:
    for start, batch in rows.blocks([target], SIZE):
        column: Any = batch.column(0)
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        if column.null_count:
            where = start + int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
            raise AssayError(f"label {target!r} is missing in row {where}; drop or fill such rows.")
        if not (
            is_number(column.type) or pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        ):
            raise AssayError(f"label {target!r} has type {column.type}; it needs text, numbers or booleans.")
        yield start, column


def _floats(column: Any, target: str, start: int) -> NDArray[Any]:
    found = column.to_numpy(zero_copy_only=False).astype(float)
    finite = np.isfinite(found)
    if not finite.all():
        where = start + int(np.argmin(finite))
        raise AssayError(f"label {target!r} is missing or infinite in row {where}; drop or fill such rows.")
    return found


def _any_fraction(floats: NDArray[Any]) -> bool:
    return any(bool((floats[i : i + SIZE] % 1 != 0).any()) for i in range(0, len(floats), SIZE))


def _codes(column: Any, distinct: NDArray[Any]) -> NDArray[Any]:
    if distinct.dtype.kind == "U":
        options = pc.SetLookupOptions(pa.array(distinct.tolist(), column.type))
        return pc.call_function("index_in", [column], options).fill_null(-1).to_numpy()
    places = np.minimum(np.searchsorted(distinct, column), len(distinct) - 1)
    return np.where(distinct[places] == column, places, -1)
