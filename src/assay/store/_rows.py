"""Rows that a batch touches: as they are now, and as the batch leaves them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ._column import NATIVE, Column
from ._shape import QUARANTINE, Shape
from .duckdb import Database, quote, text_of
from .overlay import base_sql, folded_sql


@dataclass
class Row:
    """One row while a batch works on it.

    Parameters
    ----------
    texts : list of str or None
        Its cells as the repaired table shows them.
    base : list of str or None
        Its cells as the base table holds them.
    jsons : dict
        Typed JSON of the cells whose JSON cannot be made from the text.
    where : {"table", "hidden", "quarantine"}
        In the repaired table; left out of it by the overlay; moved to the quarantine table.
    unique : bool
        False where two rows bear the key.
    """

    texts: list[str | None]
    base: list[str | None]
    jsons: dict[int, str]
    where: str
    unique: bool = True
    was: str = field(init=False)
    base_was: tuple[str | None, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.was = self.where
        self.base_was = tuple(self.base)

    def json(self, i: int, column: Column) -> str:
        """Return the typed JSON of one cell."""
        return self.jsons[i] if i in self.jsons else column.json(self.texts[i])


def touched(db: Database, shape: Shape, keys: Iterable[str]) -> dict[str, Row]:
    """Return the rows of these keys, in the table and in quarantine; keys that are nowhere are left out."""
    rows: dict[str, Row] = {}
    with db.staged({"row_key": sorted(set(keys))}) as staged:
        _collect(rows, shape, db.rows(_select(shape, folded_sql(db, shape, base_sql(shape)), staged)))
        if shape.name + QUARANTINE in db.tables():
            away: dict[str, Row] = {}
            cells = ", ".join(f"c{i} AS b{i}" for i in range(len(shape.columns)))
            source = f"SELECT *, {cells}, 2 AS gone FROM ({base_sql(shape, shape.name + QUARANTINE)}) AS q"
            _collect(away, shape, db.rows(_select(shape, source, staged)))
            rows = away | rows
    return rows


def _select(shape: Shape, source: str, staged: str) -> str:
    columns = list(enumerate(shape.columns))
    cells = [text_of(f"f.c{i}", column) for i, column in columns]
    cells += [text_of(f"f.b{i}", column) for i, column in columns]
    cells += [f"f.c{i}" for i, column in columns if column.family in NATIVE]
    return f"""SELECT f.row_key, f.gone, {", ".join(cells)} FROM ({source}) f
               JOIN {staged} s ON s.row_key = f.row_key"""


def _collect(rows: dict[str, Row], shape: Shape, found: list[tuple[Any, ...]]) -> None:
    n = len(shape.columns)
    native = [i for i, column in enumerate(shape.columns) if column.family in NATIVE]
    for key, gone, *cells in found:
        texts, base, values = cells[:n], cells[n : 2 * n], cells[2 * n :]
        jsons = {i: shape.columns[i].json(texts[i], value) for i, value in zip(native, values, strict=True)}
        where = ("table", "hidden", "quarantine")[gone]
        rows[key] = Row(texts, base, jsons, where, unique=key not in rows)


def move_sql(shape: Shape, source: str, target: str, staged: str) -> tuple[str, str]:
    """Return the two statements that move the staged rows to another table, all columns, types kept."""
    names = ", ".join(quote(column.name) for column in shape.columns)
    chosen = f"{shape.key_sql} IN (SELECT row_key FROM {staged})"
    return (
        f"INSERT INTO {quote(target)} ({names}) SELECT {names} FROM {quote(source)} WHERE {chosen}",
        f"DELETE FROM {quote(source)} WHERE {chosen}",
    )
