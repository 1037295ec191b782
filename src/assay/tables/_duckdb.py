"""read_duckdb: one table of a DuckDB file."""

from __future__ import annotations

import difflib
from pathlib import Path

import duckdb
import pandas as pd

from .._errors import AssayError, StoreLocked
from ._arrow import first_line, from_arrow

_OURS = "assay_"  # the store's own tables


def read_duckdb(path: Path, table: str | None) -> tuple[str, pd.DataFrame, tuple[str, ...]]:
    """Read one table of a DuckDB file, which is opened read-only.

    Parameters
    ----------
    path : Path
    table : str or None
        Its name, as `schema.name` outside the schema main. None takes the only table there is, not counting
        views and the store's own tables (`assay_...`).

    Returns
    -------
    name : str
    frame : pandas.DataFrame
    key : tuple of str
        The columns of its primary key, () without one.

    Raises
    ------
    AssayError
        Not a DuckDB file, no such table, or several and none named.
    StoreLocked
        Another process has the file open for writing.
    """
    with _connect(path) as connection:
        schema, name = _find(connection, path, table)
        rows = connection.sql(f"select * from {quoted(schema)}.{quoted(name)}").to_arrow_table()
        key = connection.execute(
            "select constraint_column_names from duckdb_constraints() where constraint_type = 'PRIMARY KEY'"
            " and database_name = current_database() and schema_name = ? and table_name = ?",
            [schema, name],
        ).fetchone()
    return _shown(schema, name), from_arrow(rows), tuple(key[0]) if key else ()


def quoted(name: str) -> str:
    """Return `name` as a quoted SQL identifier, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        why = first_line(error)
        if "lock on file" in why or "different configuration" in why:
            raise StoreLocked(
                f"database {str(path)!r} is open for writing in another program: close it there and try again"
            ) from error
        raise AssayError(f"file {str(path)!r} cannot be opened as a DuckDB database: {why}") from error


def _find(connection: duckdb.DuckDBPyConnection, path: Path, table: str | None) -> tuple[str, str]:
    listed = connection.execute(
        "select schema_name, table_name, true from duckdb_tables() where not internal"
        " and database_name = current_database() union all"
        " select schema_name, view_name, false from duckdb_views() where not internal"
        " and database_name = current_database() order by 1, 2"
    ).fetchall()
    known = {_shown(schema, name): (schema, name) for schema, name, _ in listed}
    own = [_shown(s, n) for s, n, is_table in listed if is_table and not n.startswith(_OURS)]
    if table is None and len(own) == 1:
        return known[own[0]]
    names = ", ".join(map(repr, own)) or "none"
    if table is None:
        fix = "name one with table=" if own else "import one first"
        raise AssayError(f"database {str(path)!r} holds {len(own)} tables ({names}): {fix}")
    if table in known:
        return known[table]
    near = difflib.get_close_matches(table, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"it holds {names}"
    raise AssayError(f"no table {table!r} in database {str(path)!r}: {hint}")


def _shown(schema: str, name: str) -> str:
    return name if schema == "main" else f"{schema}.{name}"
