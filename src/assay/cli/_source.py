"""From the words on the command line to a table, and to the database where it is worked on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from .._errors import AssayError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..store import Run, Store
    from ..tables import Table


_DATABASES = {".duckdb", ".ddb", ".db"}


@dataclass(frozen=True)
class Place:
    """Where a table is worked on.

    Parameters
    ----------
    database : Path
        The DuckDB file.
    adopted : bool
        Whether the table comes from another file and is brought into the database first.
    """

    database: Path
    adopted: bool


def place(source: str, db: str | None) -> Place:
    """Return where `source` is worked on: in itself if it is a database, else in a file next to it.

    >>> place("data/people.csv", None)
    Place(database=PosixPath('data/people.assay.duckdb'), adopted=True)
    """
    is_url = source.startswith("duckdb://")
    path = Path(unquote(urlsplit(source).path)) if is_url else Path(source)
    if is_url or path.suffix.lower() in _DATABASES:
        if db is not None and Path(db) != path:
            raise AssayError(
                f"--db {db} says where to work, but {path} is a database already; leave out --db."
            )
        return Place(path, adopted=False)
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    return Place(Path(db) if db else plain.with_suffix(".assay.duckdb"), adopted=True)


def kinds(words: Sequence[str] | None) -> dict[str, str] | None:
    """Return `COLUMN=KIND` words as a mapping.

    >>> kinds(["height=number", "a=b=text"])
    {'height': 'number', 'a=b': 'text'}
    """
    if not words:
        return None
    pairs = [word.rpartition("=") for word in words]
    for word, (column, _, _) in zip(words, pairs, strict=True):
        if not column:
            raise AssayError(
                f"--kind {word} names no column; write COLUMN=KIND, such as --kind height=number."
            )
    return {column: kind for column, _, kind in pairs}


def loaded(
    source: str,
    *,
    table: str | None,
    key: Sequence[str] | None,
    kind: Sequence[str] | None,
    features: Sequence[str] | None,
    ignore: Sequence[str] | None,
    **roles: Any,
) -> Table:
    """Return the table of `source` with the roles that the options give; nothing is written.

    Raises
    ------
    AssayError
        Where it cannot be read or a role does not fit.
    """
    from .. import tables

    return tables.load(
        source,
        table=table,
        key=key or None,
        kinds=kinds(kind),
        features=features or None,
        ignore=tuple(ignore or ()),
        **roles,
    )


@contextmanager
def opened(database: str | Path) -> Iterator[Store]:
    """Open a database that Assay has worked on; nothing is made or added here.

    Raises
    ------
    AssayError
        Where there is no such file, or Assay has never worked on it.
    """
    path = Path(database)
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "does not exist"
        raise AssayError(f"{path} {what}; give the path of a DuckDB file that Assay has worked on.")
    from .. import store

    if not _is_ours(path):
        raise AssayError(f"{path} has no ledger: Assay has never worked on it; start with `assay improve`.")
    with store.open(path) as held:
        yield held


def _is_ours(path: Path) -> bool:
    """Return whether a database has a ledger; True where it cannot be read, for the store says best why."""
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            found = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'assay_migration'")
            return bool(found.fetchall())
    except duckdb.Error:
        return True


@contextmanager
def working(where: Place, table: Table) -> Iterator[Store]:
    """Open the database of a table, with the table in it; leave no new file after an error.

    Raises
    ------
    AssayError
        Where the database cannot be used or holds another table of this name.
    """
    from .. import store

    if not where.adopted and not table.roles.key:
        raise AssayError(
            f"Table '{table.name}' has no key, and rows in a database have no lasting number; give --key."
        )
    made = not where.database.exists()
    if made and not where.database.parent.is_dir():
        raise AssayError(f"{where.database.parent} is no folder; make it first or give another --db.")
    try:
        with store.open(where.database) as held:
            if where.adopted:
                held.adopt(table.name, table.frame, table.roles.key)
            yield held
    except AssayError:
        if made:
            for path in (where.database, where.database.with_name(where.database.name + ".wal")):
                path.unlink(missing_ok=True)
        raise


def as_it_stands(store: Store, table: Table, seed: int) -> tuple[Table, NDArray[np.object_]]:
    """Return the table with the repairs in force, and the part of each of its rows.

    The parts are those of the table before any repair: a repaired row must never come to judge repairs.

    Parameters
    ----------
    store : Store
        The database that holds the table.
    table : Table
        As it was loaded: for its name and roles.
    seed : int
        Of the split.
    """
    import numpy as np

    from .. import tables

    key = store.key(table.name) if not table.roles.key else table.roles.key
    roles = replace(
        table.roles,
        key=key,
        kinds=dict.fromkeys(key, "number") | dict(table.roles.kinds),
        why=dict.fromkeys(key, "the number of the row, since there is no key") | dict(table.roles.why),
    )
    before = replace(table, frame=store.read(table.name, as_of=0), roles=roles, numbers=None)
    parts = tables.split(before, seed=seed)
    part_of = dict(zip(before.keys, parts, strict=True))
    now = before.with_frame(store.read(table.name))
    return now, np.array([part_of[row] for row in now.keys.tolist()], dtype=object)


def table_of(store: Store, table: str | None) -> str:
    """Return the table meant: the one given, else the only one that Assay has worked on, else the only one.

    Raises
    ------
    AssayError
        Where the name is unknown or several tables could be meant.
    """
    known = list(store.tables())
    if table is not None:
        if table not in known:
            raise AssayError(f"{store.path} holds no table '{table}'; it holds {', '.join(known) or 'none'}.")
        return table
    worked_on = sorted({run.table for run in store.runs()})
    for names in (worked_on, known):
        if len(names) == 1:
            return names[0]
    if not known:
        raise AssayError(f"{store.path} holds no table.")
    raise AssayError(f"{store.path} holds {', '.join(known)}; say which with --table.")


def run_of(store: Store, run: int | None, table: str | None = None) -> Run:
    """Return the run meant: the one given, else the last one.

    Raises
    ------
    AssayError
        Where there is no such run.
    """
    runs = store.runs(table)
    if not runs:
        raise AssayError(f"{store.path} holds no run; start one with `assay improve`.")
    if run is None:
        return runs[-1]
    for candidate in runs:
        if candidate.id == run:
            return candidate
    raise AssayError(f"{store.path} has no run {run}; it has {', '.join(str(known.id) for known in runs)}.")
