"""Values on their way into a table: each becomes the text that the database makes of it, or is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import AssayError
from ._cell import is_missing
from ._column import NATIVE, Column
from ._writer import Cell
from .duckdb import Database, text_of, try_value_of


def cells(db: Database, column: Column, values: Sequence[Any]) -> list[Cell | AssayError]:
    """Return each value as a cell of the column, or the error that says why it cannot be one."""
    if column.family == "other":
        error = AssayError(
            f"Column '{column.name}' holds {column.type}, which cannot be edited; leave it out."
        )
        return [error for _ in values]
    if column.family in NATIVE:
        return [_native(db, column, value) for value in values]
    fitted = [_fitted(column, value) for value in values]
    given = [None if isinstance(text, AssayError) else text for text in fitted]
    stored = _stored(db, column, given)
    return [
        text if isinstance(text, AssayError) else _cell(column, value, text, result)
        for value, text, result in zip(values, fitted, stored, strict=True)
    ]


def _fitted(column: Column, value: Any) -> str | AssayError | None:
    try:
        return column.fit(value)
    except AssayError as error:
        return error


def _stored(db: Database, column: Column, texts: Sequence[str | None]) -> list[str | None]:
    """Return what the database makes of each text in a column of this type."""
    with db.staged({"n": [str(n) for n in range(len(texts))], "given": list(texts)}) as staged:
        sql = f"SELECT n, {text_of(try_value_of('given', column), column)} FROM {staged}"
        found = dict(db.rows(sql))
    return [found[str(n)] for n in range(len(texts))]


def _cell(column: Column, value: Any, text: str | None, stored: str | None) -> Cell | AssayError:
    if not column.holds(text, stored):
        return AssayError(f"Column '{column.name}' holds {column.type}, which cannot keep {value!r} exactly.")
    return Cell(stored, column.json(stored))


def _native(db: Database, column: Column, value: Any) -> Cell | AssayError:
    if value is None:
        return Cell(None, "null")
    if not isinstance(value, bytes | list | tuple | np.ndarray):
        return AssayError(f"Column '{column.name}' holds {column.type}; {value!r} is not one.")
    plain = (
        value.tolist()
        if isinstance(value, np.ndarray)
        else value
        if isinstance(value, bytes)
        else list(value)
    )
    cast = f"SELECT {try_value_of('?', column)} AS x"
    text, native = db.rows(f"SELECT {text_of('x', column)}, x FROM ({cast}) AS cast_one", plain)[0]
    if text is None or not _same(plain, native, column):
        return AssayError(f"Column '{column.name}' holds {column.type}, which cannot keep {value!r}.")
    return Cell(text, column.json(text, native))


def _same(given: Any, stored: Any, column: Column) -> bool:
    """The database makes a list's element NULL where it cannot cast it."""
    if isinstance(given, list) and isinstance(stored, list | tuple):
        return len(given) == len(stored) and all(
            _same(a, b, column) for a, b in zip(given, stored, strict=True)
        )
    if is_missing(given) or is_missing(stored):
        return (given is None) == (stored is None)
    if column.family == "vector" and isinstance(given, int | float):
        return bool(np.float32(given) == stored)
    return given == stored
