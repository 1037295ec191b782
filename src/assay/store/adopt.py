"""Adopt: a frame becomes a table of the database, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from .._errors import AssayError
from ._frame import to_arrow
from ._shape import QUARANTINE, REPAIRED, ROW_NUMBER, Shape, check_key, record_key, recorded_key, shape_of
from .duckdb import Database, quote
from .overlay import past_sql


def adopt_frame(db: Database, name: str, frame: Any, key: Sequence[str]) -> None:
    """Make the table, inside a transaction; do nothing where it is there already with the same rows.

    Raises
    ------
    AssayError
        Where another table has the name, or the key does not tell the rows apart.
    """
    _check_name(db, name)
    data = to_arrow(name, frame)
    if not key:
        data = data.append_column(ROW_NUMBER, pa.array(range(data.num_rows), pa.int64()))
        key = (ROW_NUMBER,)
    if name in db.tables():
        return _check_same(db, name, data, tuple(key))
    with db.staged(data) as staged:
        db.run(f"CREATE TABLE {quote(name)} AS SELECT * FROM {staged}")
    shape = shape_of(db, name, key)
    check_key(db, shape)
    record_key(db, shape)
    return None


def _check_name(db: Database, name: str) -> None:
    if not name.strip() or name.startswith("assay_") or name.endswith((QUARANTINE, REPAIRED)):
        raise AssayError(
            f"A table cannot be called '{name}'; names that start with assay_ or end like ours are taken."
        )
    alike = [
        known for known in [*db.tables(), *db.views()] if known.lower() == name.lower() and known != name
    ]
    if alike or name in db.views():
        raise AssayError(f"{db.path} already has '{(alike or [name])[0]}'; give the table another name.")


def _check_same(db: Database, name: str, data: pa.Table, key: tuple[str, ...]) -> None:
    """Refuse a frame that is not what the table was before it was repaired."""
    shape = shape_of(db, name, recorded_key(db, name) or key)
    with db.staged(data) as staged:
        db.run(f"CREATE OR REPLACE TEMP TABLE assay_given AS SELECT * FROM {staged}")
    names = ", ".join(f"c{i}" for i in range(len(shape.columns)))
    given = f"SELECT {names} FROM (SELECT {shape.cells_sql} FROM assay_given) AS given"
    held = f"SELECT {names} FROM ({past_sql(db, shape)}) AS held_first"
    kinds = [(column, kind) for column, kind, *_ in db.rows("DESCRIBE assay_given")]
    try:
        same = kinds == [(column.name, column.type) for column in shape.columns] and not db.one(
            f"SELECT (SELECT count(*) FROM ({given} EXCEPT ALL {held}) AS a)"
            f" + (SELECT count(*) FROM ({held} EXCEPT ALL {given}) AS b)",
            *(0, 0),
        )
    finally:
        db.run("DROP TABLE assay_given")
    if not same:
        raise AssayError(
            f"{db.path} already has a table '{name}' with other rows; use another database or name."
        )
    record_key(db, Shape(name, shape.columns, shape_of(db, name, key).key))
