"""Shape: what a table of the database looks like, and which columns say which row is which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .._errors import AssayError
from . import _json
from ._column import Column
from .duckdb import Database, key_text, quote
from .migrations import now

QUARANTINE = "__quarantine"
REPAIRED = "__repaired"
ROW_NUMBER = "assay_row"


@dataclass(frozen=True)
class Shape:
    """A table's name, its columns in order, and those of them that make the row key."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[Column, ...]

    @property
    def key_sql(self) -> str:
        """SQL for the canonical row key of the table's rows."""
        return key_text(self.key)

    @property
    def cells_sql(self) -> str:
        """SQL that selects the columns as c0, c1, ..: names that no user's column can disturb."""
        return ", ".join(f"{quote(column.name)} AS c{i}" for i, column in enumerate(self.columns))

    def index(self, column: str) -> int:
        """Return the place of a column.

        Raises
        ------
        AssayError
            Where there is none of that name, or it is part of the key.
        """
        names = [known.name for known in self.columns]
        if column not in names:
            raise AssayError(f"Table '{self.name}' has no column '{column}'; it has {', '.join(names)}.")
        if column in [known.name for known in self.key]:
            raise AssayError(f"Column '{column}' is the key of table '{self.name}'; a key is never edited.")
        return names.index(column)


def user_tables(db: Database) -> list[str]:
    """Return the tables that are not ours."""
    names = db.tables()
    return [name for name in names if not name.startswith("assay_") and not _is_quarantine(name, names)]


def shape_of(db: Database, table: str, key: Sequence[str] | None = None) -> Shape:
    """Return the shape of a table: with the key given, else with the one that is recorded.

    Raises
    ------
    AssayError
        Where there is no such table or column, or no key is known.
    """
    known = user_tables(db)
    if table not in known:
        what = (
            "is a view; name the table behind it"
            if table in db.views()
            else f"is not in it; it holds {_list(known)}"
        )
        raise AssayError(f"{db.path}: '{table}' {what}.")
    columns = tuple(db.columns(table))
    by_name = {column.name: column for column in columns}
    names = recorded_key(db, table) if key is None else tuple(key)
    if not names:
        raise AssayError(f"Table '{table}' has no key; name the column or columns that tell its rows apart.")
    for name in names:
        if name not in by_name:
            raise AssayError(
                f"Table '{table}' has no column '{name}' to be its key; it has {_list(list(by_name))}."
            )
    return Shape(table, columns, tuple(by_name[name] for name in names))


def recorded_key(db: Database, table: str) -> tuple[str, ...]:
    """Return the key columns that are recorded for a table, () where none are."""
    found = db.rows("SELECT key_json FROM assay_table WHERE table_name = ?", table)
    return tuple(_json.loads(found[0][0])) if found else ()


def record_key(db: Database, shape: Shape) -> None:
    """Record the key of a table, inside a transaction.

    Raises
    ------
    AssayError
        Where the table has edits under another key: its ledger could not be followed any more.
    """
    names = tuple(column.name for column in shape.key)
    before = recorded_key(db, shape.name)
    if before == names:
        return
    if before and db.one("SELECT count(*) FROM assay_edit WHERE table_name = ?", shape.name):
        raise AssayError(
            f"Table '{shape.name}' was repaired under the key {_list(before)}; name that, not {_list(names)}."
        )
    db.run("DELETE FROM assay_table WHERE table_name = ?", shape.name)
    db.run("INSERT INTO assay_table VALUES (?, ?, ?)", shape.name, _json.dumps(names), now())


def check_key(db: Database, shape: Shape) -> None:
    """Refuse a key that is missing or twice the same somewhere.

    Raises
    ------
    AssayError
        Naming an example.
    """
    names = [column.name for column in shape.key]
    missing = " OR ".join(f"{quote(name)} IS NULL" for name in names)
    count = db.one(f"SELECT count(*) FROM {quote(shape.name)} WHERE {missing}")
    if count:
        raise AssayError(
            f"Key {_list(names)} of table '{shape.name}' is missing in {count} rows; fill it or name another."
        )
    twice = db.rows(
        f"""SELECT {shape.key_sql}, count(*) FROM {quote(shape.name)}
            GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1"""
    )
    if twice:
        value, count = twice[0]
        raise AssayError(
            f"Key {_list(names)} of table '{shape.name}' is not unique: {value} stands in {count} rows."
        )


def _is_quarantine(name: str, names: Sequence[str]) -> bool:
    return name.endswith(QUARANTINE) and name.removesuffix(QUARANTINE) in names


def _list(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "none"
