"""Writer: turns accepted edits into ledger entries and the one change of the database they amount to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import _json, ledger
from ._column import Column
from ._edits import Mode
from ._rows import Row, move_sql, touched
from ._shape import QUARANTINE, Shape
from .duckdb import Database, key_text, quote, value_of
from .ledger import Entry
from .migrations import now
from .overlay import guard, make_view
from .row_hash import RowHasher


@dataclass(frozen=True)
class Cell:
    """A value on its way into a cell: the database's text of it and its typed JSON."""

    text: str | None
    json: str


class Writer:
    """One batch while it is written; lives inside one transaction.

    Parameters
    ----------
    db, shape : Database, Shape
        The table.
    keys : iterable of str
        The rows that the batch may touch.
    about : dict
        Fields of the batch's record: run, round, kind, mode, about_json, actor.
    """

    def __init__(self, db: Database, shape: Shape, keys: Iterable[str], about: dict[str, Any]) -> None:
        self._db = db
        self._shape = shape
        self._hasher = RowHasher(shape.columns)
        self._next = ledger.next_id(db, "assay_edit")
        self._about = about
        self.id = ledger.next_id(db, "assay_batch")
        self.rows = touched(db, shape, keys)
        self.entries: list[Entry] = []
        self._at = now()

    def hash(self, row: Row) -> str:
        """Return the hash of a row as it is at this point of the batch."""
        return self._hasher.hash(row.texts)

    def set(self, key: str, i: int, cell: Cell, mode: Mode, **about: Any) -> None:
        """Change one cell of a row that is in the table."""
        row = self.rows[key]
        before, old = self.hash(row), Cell(row.texts[i], row.json(i, self._shape.columns[i]))
        base = row.base[i]
        row.texts[i], row.jsons[i] = cell.text, cell.json
        if mode == "in_place":
            row.base[i] = cell.text
        hashes = (before, self.hash(row))
        self._enter(key, self._shape.columns[i].name, "set", mode, old, cell, base, hashes, about)

    def drop(self, key: str, mode: Mode, **about: Any) -> None:
        """Take a row out of the repaired table."""
        row = self.rows[key]
        row.where = "quarantine" if mode == "in_place" else "hidden"
        old = Cell(None, self._row_json(row))
        self._enter(
            key, None, "drop", mode, old, Cell(None, "null"), guard(row.base), (self.hash(row), None), about
        )

    def restore(self, key: str, mode: Mode, **about: Any) -> None:
        """Bring a row back into the repaired table."""
        row = self.rows[key]
        row.where = "table"
        new = Cell(None, self._row_json(row))
        self._enter(key, None, "restore", mode, Cell(None, "null"), new, None, (None, self.hash(row)), about)

    def finish(self) -> None:
        """Write the entries, their batch, and what they change in the database."""
        ledger.append(
            self._db,
            {"id": self.id, "table_name": self._shape.name, "at_utc": self._at, **self._about},
            self.entries,
        )
        if any(entry.mode == "in_place" for entry in self.entries):
            self._change_base()
        if any(entry.mode == "overlay" for entry in self.entries):
            make_view(self._db, self._shape)

    def _enter(
        self,
        key: str,
        column: str | None,
        op: str,
        mode: Mode,
        old: Cell,
        new: Cell,
        base: str | None,
        hashes: tuple[str | None, str | None],
        about: dict[str, Any],
    ) -> None:
        self.entries.append(
            Entry(
                id=self._next + len(self.entries),
                batch=self.id,
                run=self._about["run"],
                table_name=self._shape.name,
                row_key=key,
                column_name=column,
                op=op,
                mode=mode,
                old_json=old.json,
                new_json=new.json,
                old_text=old.text,
                new_text=new.text,
                base_text=base,
                proposal=about.get("proposal"),
                row_hash_before=hashes[0],
                row_hash_after=hashes[1],
                reverts=about.get("reverts"),
                why=about["why"],
                actor=self._about["actor"],
                at_utc=self._at,
            )
        )

    def _row_json(self, row: Row) -> str:
        cells = ",".join(
            f"{_json.dumps(column.name)}:{row.json(i, column)}"
            for i, column in enumerate(self._shape.columns)
        )
        return f'{{"row":{{{cells}}}}}'

    def _change_base(self) -> None:
        """Bring the table to where the rows have ended: rows back first, then cells, then rows away."""
        self._remember_order()
        ended = [
            (key, row) for key, row in self.rows.items() if row.where != "hidden" and row.was != "hidden"
        ]
        self._move([key for key, row in ended if row.was == "quarantine" != row.where], back=True)
        for i, column in enumerate(self._shape.columns):
            changed = {key: row.base[i] for key, row in ended if row.base[i] != row.base_was[i]}
            if changed:
                self._update(column, changed)
        self._move([key for key, row in ended if row.where == "quarantine" != row.was], back=False)

    def _update(self, column: Column, texts: Mapping[str, str | None]) -> None:
        table = quote(self._shape.name)
        with self._db.staged({"row_key": list(texts), "new_text": list(texts.values())}) as staged:
            self._db.run(
                f"UPDATE {table} SET {quote(column.name)} = {value_of(f'{staged}.new_text', column)} "
                f"FROM {staged} WHERE {staged}.row_key = {key_text(self._shape.key, table + '.')}"
            )

    def _move(self, keys: list[str], *, back: bool) -> None:
        """Move rows to the quarantine table, which is made when first needed, or back from it."""
        if not keys:
            return
        table, away = self._shape.name, self._shape.name + QUARANTINE
        self._db.run(f"CREATE TABLE IF NOT EXISTS {quote(away)} AS SELECT * FROM {quote(table)} WHERE 1 = 0")
        with self._db.staged({"row_key": keys}) as staged:
            for statement in move_sql(self._shape, away if back else table, table if back else away, staged):
                self._db.run(statement)

    def _remember_order(self) -> None:
        """Write down the order of the rows once: a row that is moved away and back would come last."""
        if self._db.one("SELECT count(*) FROM assay_order WHERE table_name = ?", self._shape.name):
            return
        self._db.run(
            f"""INSERT INTO assay_order
                SELECT ?, {self._shape.key_sql}, row_number() OVER () FROM {quote(self._shape.name)}""",
            self._shape.name,
        )
