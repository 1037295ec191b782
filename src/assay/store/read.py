"""Read: a table as it is, as it is repaired, and as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from .._errors import AssayError
from ._cell import from_json
from ._frame import to_frame
from ._rows import touched
from ._shape import Shape, recorded_key, shape_of
from .duckdb import Database, quote, text_of
from .overlay import base_sql, folded_sql, past_sql
from .revert import in_force
from .row_hash import RowHasher


def frame(db: Database, table: str, *, raw: bool, as_of: int | None) -> pd.DataFrame:
    """Return a table as `Store.read` says."""
    if not recorded_key(db, table):
        return _unknown(db, table, as_of)
    shape = shape_of(db, table)
    names = ", ".join(f"f.c{i} AS {quote(column.name)}" for i, column in enumerate(shape.columns))
    parameters: list[Any] = []
    if raw:
        source = f"SELECT *, 0 AS gone FROM ({base_sql(shape)}) AS b"
    elif as_of is None:
        source = folded_sql(db, shape, base_sql(shape))
    else:
        _check_batch(db, as_of)
        source, parameters = folded_sql(db, shape, past_sql(db, shape), upto=True), [as_of, as_of]
    # Rows that were there when the order was first written down come first and in that order.
    sql = f"""SELECT {names} FROM ({source}) f
              LEFT JOIN assay_order o ON o.table_name = ? AND o.row_key = f.row_key
              WHERE f.gone = 0 ORDER BY o.position NULLS LAST, f.position"""
    return to_frame(db.arrow(sql, *parameters, table))


def row_hashes(db: Database, shape: Shape, rows: Sequence[str] | None) -> dict[str, str]:
    """Return row key -> hash of the row as it reads now."""
    hasher = RowHasher(shape.columns)
    if rows is not None:
        return {
            key: hasher.hash(row.texts)
            for key, row in touched(db, shape, rows).items()
            if row.where == "table"
        }
    cells = ", ".join(text_of(f"f.c{i}", column) for i, column in enumerate(shape.columns))
    sql = f"SELECT f.row_key, {cells} FROM ({folded_sql(db, shape, base_sql(shape))}) f WHERE f.gone = 0"
    return {key: hasher.hash(texts) for chunk in db.chunks(sql) for key, *texts in chunk}


def stale(db: Database, shape: Shape) -> pd.DataFrame:
    """Return the edits in force that the table does not show."""
    latest = {(entry.row_key, entry.column_name): entry for entry in in_force(db, shape.name)}
    rows = touched(db, shape, [key for key, _ in latest])
    found = []
    for (key, name), entry in latest.items():
        row = rows.get(key)
        if entry.op == "set":
            i = shape.index(name or "")
            if row is None or (row.where == "table" and row.texts[i] != entry.new_text):
                now = None if row is None else from_json(row.json(i, shape.columns[i]))
                found.append((key, name, now, from_json(entry.new_json), entry.batch))
        elif (row is not None and row.where == "table") != (entry.op == "restore"):
            found.append((key, None, None, None, entry.batch))
    return pd.DataFrame(found, columns=pd.Index(["row", "column", "now", "new", "batch"]), dtype=object)


def _unknown(db: Database, table: str, as_of: int | None) -> pd.DataFrame:
    """A table that was never worked on has no repairs to fold and no key to fold them by."""
    shape = shape_of(db, table, [column.name for column in db.columns(table)][:1])
    if as_of is not None:
        _check_batch(db, as_of)
    return to_frame(db.arrow(f"SELECT * FROM {quote(shape.name)}"))


def _check_batch(db: Database, batch: int) -> None:
    last = db.one("SELECT coalesce(max(id), 0) FROM assay_batch")
    if not 0 <= batch <= last:
        raise AssayError(f"{db.path} has no batch {batch}; the last is {last}, and 0 is before any repair.")
