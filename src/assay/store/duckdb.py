"""DuckDB: the connection, its errors in plain words, and the SQL that another database says otherwise.

Invariant: names enter SQL through `quote` (or `literal`, where a name is compared with one), values only as
parameters or as columns of a staged table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from .._errors import AssayError, StoreLocked
from ._column import Column, family_of

_REFUSED = (
    duckdb.ConstraintException,
    duckdb.ConversionException,
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.OutOfRangeException,
    duckdb.TransactionException,
)


def _check_magic(path: Path) -> None:
    """Refuse a file of another kind: DuckDB itself would open a CSV file as a database that holds it."""
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            head = file.read(12)
        if head[8:12] != b"DUCK":
            raise AssayError(f"{path} is no DuckDB database; give the path of one, or of a new file.")


class Database:
    """One open database file.

    Parameters
    ----------
    path : Path
        The file; made where it does not exist.

    Raises
    ------
    StoreLocked
        Where another process has the file open.
    AssayError
        Where the file is no DuckDB database, is of a newer DuckDB, or cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_magic(path)
        try:
            self._connection = duckdb.connect(str(path))
        except duckdb.Error as error:
            raise _explained(path, error) from None
        self.run("SET TimeZone = 'UTC'")

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        return self._connection.execute(sql, list(parameters)).fetchall()

    def one(self, sql: str, *parameters: Any) -> Any:
        """Return the first cell of a query's first row."""
        return self.rows(sql, *parameters)[0][0]

    def run(self, sql: str, *parameters: Any) -> None:
        """Run a statement that returns nothing."""
        self.rows(sql, *parameters)

    def chunks(self, sql: str, *parameters: Any, size: int = 20_000) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a query, at most `size` at a time, on a connection of their own."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(sql, list(parameters))
            while chunk := cursor.fetchmany(size):
                yield chunk
        finally:
            cursor.close()

    def arrow(self, sql: str, *parameters: Any) -> pa.Table:
        """Return the result of a query as an Arrow table."""
        return self._connection.sql(sql, params=list(parameters)).to_arrow_table()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all that is inside or nothing of it.

        Raises
        ------
        AssayError
            Where the database refuses: a constraint of the table, a full disk.
        """
        self._connection.begin()
        try:
            yield
            self._connection.commit()
        except BaseException as error:
            with suppress(duckdb.Error):
                self._connection.rollback()
            if isinstance(error, _REFUSED):
                raise AssayError(
                    f"{self.path} refused the change, nothing was written: {_first(error)}"
                ) from error
            raise

    @contextmanager
    def staged(
        self, columns: Mapping[str, Sequence[Any]] | pa.Table, types: Mapping[str, pa.DataType] | None = None
    ) -> Iterator[str]:
        """Show columns to SQL as a table for a while, and yield its name."""
        if not isinstance(columns, pa.Table):
            kinds = types or {}
            columns = pa.table(
                {name: pa.array(cells, kinds.get(name, pa.string())) for name, cells in columns.items()}
            )
        self._connection.register("assay_staged", columns)
        try:
            yield "assay_staged"
        finally:
            # A transaction that has failed takes nothing down; the next table takes this one's place.
            with suppress(duckdb.TransactionException):
                self._connection.unregister("assay_staged")

    def insert(
        self, table: str, columns: Mapping[str, Sequence[Any]], types: Mapping[str, pa.DataType] | None = None
    ) -> None:
        """Append rows, given as columns, to one of our own tables; texts unless `types` says otherwise."""
        names = ", ".join(quote(name) for name in columns)
        with self.staged(columns, types) as staged:
            self.run(f"INSERT INTO {quote(table)} ({names}) SELECT {names} FROM {staged}")

    def tables(self) -> list[str]:
        """Return the names of the tables, in order."""
        return [
            name for (name,) in self.rows(f"SELECT table_name FROM duckdb_tables() WHERE {_HERE} ORDER BY 1")
        ]

    def views(self) -> list[str]:
        """Return the names of the views, in order."""
        return [
            name for (name,) in self.rows(f"SELECT view_name FROM duckdb_views() WHERE {_HERE} ORDER BY 1")
        ]

    def columns(self, table: str) -> list[Column]:
        """Return the columns of a table, in order."""
        sql = f"""SELECT column_name, data_type FROM duckdb_columns()
                  WHERE {_HERE} AND table_name = ? ORDER BY column_index"""
        return [Column(name, kind, family_of(kind)) for name, kind in self.rows(sql, table)]


_HERE = "database_name = current_database() AND schema_name = current_schema() AND NOT internal"


def quote(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(name: str) -> str:
    """Return a name as an SQL text: for the view, where no parameter can stand."""
    return "'" + name.replace("'", "''") + "'"


def text_of(expression: str, column: Column) -> str:
    """Return SQL for the exact text of a cell, the same in every session."""
    if column.family == "timestamptz":
        return f"CAST({expression} AT TIME ZONE 'UTC' AS VARCHAR) || '+00'"
    if column.type == "FLOAT":
        return f"CAST(CAST({expression} AS DOUBLE) AS VARCHAR)"
    return f"CAST({expression} AS VARCHAR)"


def value_of(expression: str, column: Column) -> str:
    """Return SQL for the cell that a text of `text_of` stands for."""
    return f"CAST({expression} AS {column.type})"


def try_value_of(expression: str, column: Column) -> str:
    """Return SQL for the cell that a text stands for, NULL where it stands for none."""
    return f"TRY_CAST({expression} AS {column.type})"


def key_text(key: Sequence[Column], prefix: str = "") -> str:
    """Return SQL for the canonical row key, as `tables.Table.keys` writes it.

    Raises
    ------
    AssayError
        Where a key column is of a type that has no one text.
    """
    for column in key:
        if column.family not in _KEYS or column.type in ("FLOAT", "TIMESTAMP_NS"):
            raise AssayError(
                f"Key column '{column.name}' holds {column.type}; name a column of numbers, texts or dates."
            )
    if len(key) == 1:
        return _python_text(prefix + quote(key[0].name), key[0])
    parts = [_json_text(prefix + quote(column.name), column) for column in key]
    return "'[' || " + " || ', ' || ".join(parts) + " || ']'"


_KEYS = ("int", "float", "decimal", "bool", "text", "date", "timestamp", "uuid")


def _python_text(expression: str, column: Column) -> str:
    """SQL for Python's `str` of the value."""
    if column.family == "bool":
        return f"CASE WHEN {expression} THEN 'True' ELSE 'False' END"
    if column.family == "timestamp":
        fraction = f"date_part('microseconds', {expression}) % 1000000 = 0"
        plain, exact = (f"strftime({expression}, '%Y-%m-%d %H:%M:%S{digits}')" for digits in ("", ".%f"))
        return f"CASE WHEN {fraction} THEN {plain} ELSE {exact} END"
    return text_of(expression, column)


def _json_text(expression: str, column: Column) -> str:
    if column.family in ("int", "bool"):
        return text_of(expression, column)
    return f"CAST(to_json({_python_text(expression, column)}) AS VARCHAR)"


def _first(error: duckdb.Error) -> str:
    return str(error).splitlines()[0].rstrip(".") + "."


def _explained(path: Path, error: duckdb.Error) -> AssayError:
    """What a person can do about a database that does not open."""
    message = str(error)
    if "lock" in message:
        holder = re.search(r"held in (.*?) \(PID (\d+)\)", message)
        who = f"{Path(holder[1]).name}, process {holder[2]}" if holder else "another program"
        return StoreLocked(
            f"{path} is in use by {who}; close it there or wait for it to end, then try again."
        )
    if "version number" in message or "newer version" in message:
        return AssayError(
            f"{path} was made by another version of DuckDB than {duckdb.__version__}; upgrade duckdb."
        )
    if "not a valid DuckDB database" in message:
        return AssayError(
            f"{path} is no DuckDB database; give the path of one, or of a file that does not exist yet."
        )
    return AssayError(
        f"{path} cannot be opened for writing; check the path and its permissions. {_first(error)}"
    )
