"""Overlay: the repaired table as SQL over the base table and the ledger; the base table is never touched.

Invariant: an edit shows only while the base cell still is what it was when the edit was made, and a row stays
out only while its whole base row is; else someone else has changed it, and the base wins.

All relations built here have the columns `row_key`, `c0, c1, ..` (the cells) and what else each one says.
"""

from __future__ import annotations

from collections.abc import Sequence

from .._errors import AssayError
from ._column import Column
from ._shape import QUARANTINE, REPAIRED, Shape
from .duckdb import Database, literal, quote, text_of, value_of


def guard(texts: Sequence[str | None]) -> str:
    """Return one text for a whole row, the same that `_guard_sql` makes in the database."""
    return "".join("-" if text is None else f"{len(text)}:{text}" for text in texts)


def base_sql(shape: Shape, relation: str | None = None, *, live: int = 1) -> str:
    """Return SQL for the rows of the table itself (or of its quarantine) and their `position` in it."""
    # A window with no order numbers the rows as they are scanned: in the order in which they were inserted.
    return (
        f"SELECT {shape.key_sql} AS row_key, {shape.cells_sql}, row_number() OVER () AS position, "
        f"{live} AS live FROM {quote(relation or shape.name)}"
    )


def past_sql(db: Database, shape: Shape) -> str:
    """Return SQL for the base rows as they were after batch `?`: edits made in place since are taken back."""
    edited = edited_columns(db, shape, "in_place")
    cells = ", ".join(
        f"CASE WHEN u.h{i} = 1 THEN {value_of(f'u.o{i}', column)} ELSE r.c{i} END AS c{i}"
        if i in edited
        else f"r.c{i}"
        for i, column in enumerate(shape.columns)
    )
    first = "".join(
        f", max(CASE WHEN column_name = {literal(shape.columns[i].name)} THEN 1 END) AS h{i}"
        f", max(CASE WHEN column_name = {literal(shape.columns[i].name)} THEN old_text END) AS o{i}"
        for i in edited
    )
    return f"""
        WITH held AS ({_all_rows(db, shape)}), undo AS (
            SELECT row_key, max(CASE WHEN column_name IS NULL THEN op END) AS row_op{first} FROM assay_edit
            WHERE id IN (SELECT min(id) FROM assay_edit WHERE table_name = {literal(shape.name)}
                         AND mode = 'in_place' AND batch > ? GROUP BY row_key, column_name)
            GROUP BY row_key)
        SELECT r.row_key, {cells}, r.position FROM held r LEFT JOIN undo u ON u.row_key = r.row_key
        WHERE (u.row_op IS NULL AND r.live = 1) OR (u.row_op = 'drop' AND r.live = r.kept)"""


def folded_sql(db: Database, shape: Shape, source: str, *, upto: bool = False) -> str:
    """Return SQL for the rows of `source` with the ledger's edits in them; up to batch `?` with `upto`.

    The columns are `row_key, c0, .., b0, ..` (the cell of the base), `position`, and `gone`: 1 for a row in
    quarantine.
    """
    edited = edited_columns(db, shape, "overlay")
    limit = "AND batch <= ?" if upto else ""
    cells = ", ".join(
        f"{_cell(column, i) if i in edited else f'b.c{i}'} AS c{i}, b.c{i} AS b{i}"
        for i, column in enumerate(shape.columns)
    )
    pivot = "".join(
        f", max(CASE WHEN column_name = {literal(shape.columns[i].name)} THEN 1 END) AS h{i}"
        f", max(CASE WHEN column_name = {literal(shape.columns[i].name)} THEN base_text END) AS o{i}"
        f", max(CASE WHEN column_name = {literal(shape.columns[i].name)} THEN new_text END) AS n{i}"
        for i in edited
    )
    return f"""
        WITH edits AS (
            SELECT row_key,
                max(CASE WHEN column_name IS NULL AND op = 'drop' THEN base_text END) AS dropped{pivot}
            FROM assay_edit
            WHERE id IN (SELECT max(id) FROM assay_edit WHERE table_name = {literal(shape.name)}
                         AND mode = 'overlay' {limit} GROUP BY row_key, column_name)
            GROUP BY row_key)
        SELECT b.row_key, {cells}, b.position,
            CASE WHEN e.dropped IS NOT NULL AND e.dropped = {_guard_sql(shape)} THEN 1 ELSE 0 END AS gone
        FROM ({source}) b LEFT JOIN edits e ON e.row_key = b.row_key"""


def make_view(db: Database, shape: Shape) -> None:
    """Make or renew the view `<table>__repaired`, inside a transaction."""
    columns = ", ".join(f"c{i} AS {quote(column.name)}" for i, column in enumerate(shape.columns))
    source = f"SELECT {shape.key_sql} AS row_key, {shape.cells_sql}, 0 AS position FROM {quote(shape.name)}"
    folded = folded_sql(db, shape, source)
    db.run(
        f"CREATE OR REPLACE VIEW {quote(shape.name + REPAIRED)} AS "
        f"SELECT {columns} FROM ({folded}) AS folded WHERE gone = 0"
    )


def check_view(db: Database, shape: Shape) -> None:
    """Refuse to write over a table or view of the user's that has the name of ours.

    Raises
    ------
    AssayError
        Where the name is taken.
    """
    name = shape.name + REPAIRED
    ours = db.one("SELECT count(*) FROM assay_edit WHERE table_name = ? AND mode = 'overlay'", shape.name)
    if name in db.tables() or (name in db.views() and not ours):
        raise AssayError(
            f"'{name}' exists in {db.path} and is not ours; rename it, for the repaired table goes there."
        )


def edited_columns(db: Database, shape: Shape, mode: str) -> list[int]:
    """Return the places of the columns that were ever edited in this mode."""
    sql = "SELECT DISTINCT column_name FROM assay_edit WHERE table_name = ? AND mode = ?"
    names = {name for (name,) in db.rows(sql, shape.name, mode)}
    return [i for i, column in enumerate(shape.columns) if column.name in names]


def _cell(column: Column, i: int) -> str:
    unchanged = f"b.c{i} IS NOT DISTINCT FROM {value_of(f'e.o{i}', column)}"
    return f"CASE WHEN e.h{i} = 1 AND {unchanged} THEN {value_of(f'e.n{i}', column)} ELSE b.c{i} END"


def _guard_sql(shape: Shape) -> str:
    parts = []
    for i, column in enumerate(shape.columns):
        text = f"({text_of(f'b.c{i}', column)})"
        parts.append(f"CASE WHEN b.c{i} IS NULL THEN '-' ELSE length({text}) || ':' || {text} END")
    return " || ".join(parts)


def _all_rows(db: Database, shape: Shape) -> str:
    """SQL for the rows in the table and in quarantine; `kept` is 0 for keys that are in quarantine."""
    if shape.name + QUARANTINE not in db.tables():
        return f"SELECT *, 1 AS kept FROM ({base_sql(shape)}) AS held_now"
    quarantine = base_sql(shape, shape.name + QUARANTINE, live=0)
    keys = f"SELECT {shape.key_sql} FROM {quote(shape.name + QUARANTINE)}"
    return f"""SELECT *, CASE WHEN row_key IN ({keys}) THEN 0 ELSE 1 END AS kept
               FROM ({base_sql(shape)} UNION ALL {quarantine}) AS held_now"""
