"""load: a table from wherever it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .._errors import AssayError
from ._arrow import as_frame, first_line, from_arrow
from ._csv import read_csv
from ._duckdb import read_duckdb
from ._guess import guess_roles
from ._table import Table

_CSV = {".csv": ",", ".tsv": "\t"}
_PARQUET = (".parquet", ".pq")
_DUCKDB = (".duckdb", ".ddb", ".db")


def load(
    source: Any,
    *,
    table: str | None = None,
    key: str | Sequence[str] | None = None,
    target: str | None = None,
    features: Iterable[str] | None = None,
    group: str | None = None,
    part: str | None = None,
    kinds: Mapping[str, str] | None = None,
    ignore: Iterable[str] = (),
    number_rows: bool = False,
) -> Table:
    """Read a table and say what its columns are for.

    Parameters
    ----------
    source : frame, path or URL
        A pandas, polars, Arrow or any other eager frame that narwhals knows; the path of a .csv, .tsv
        (these may also end in .gz), .parquet or .duckdb file; or `"duckdb:///absolute/path?table=name"`.
    table : str, optional
        Which table of a database (`schema.name` outside the schema main). Not needed where there is one only.
    key, target, features, group, part, kinds, ignore, number_rows
        See `guess_roles`. The key of a DuckDB table is its primary key where one is declared.

    Returns
    -------
    Table
        Rows in source order, those of a DuckDB table in order of its key (a table in a database has no
        order of its own). Whole numbers stay whole where some are missing (pandas `Int64`). A named index
        of a pandas frame becomes a column. An unnamed first column of a CSV is called `column_1`. The types
        of a CSV's columns are the narrowest that keep every cell: see `tables/_csv.py`.

    Raises
    ------
    AssayError
        The source is not there, cannot be read, has no rows, or has columns of one name; roles do not fit.
    StoreLocked
        Another process has the database open for writing.
    """
    roles: dict[str, Any] = dict(
        target=target,
        features=features,
        group=group,
        part=part,
        kinds=kinds,
        ignore=ignore,
        number_rows=number_rows,
    )
    if isinstance(source, str | Path):
        path, table, is_database = _located(str(source), table)
        if is_database:
            name, frame, primary = read_duckdb(path, table)
            return _in_key_order(_table(name, frame, key=key or primary or None, **roles))
        name, frame = path.name.split(".")[0], _read_file(path)
    else:
        name, frame = "frame", _read_frame(source)
    if table is not None:
        raise AssayError(f"table {table!r} was named, but the source is no database: leave table out")
    return _table(name, frame, key=key, **roles)


def _located(source: str, table: str | None) -> tuple[Path, str | None, bool]:
    """Return the path of a file that is there, the table if a URL names one, and whether it is a database."""
    path = Path(source)
    is_database = path.suffix.lower() in _DUCKDB
    if "://" in source:
        url = urlsplit(source)
        if url.scheme != "duckdb" or url.netloc or not url.path:
            raise AssayError(f"cannot read {source!r}: a database URL is duckdb:///absolute/path?table=name")
        path, is_database = Path(unquote(url.path)), True
        table = table or next(iter(parse_qs(url.query).get("table", [])), None)
    if not path.exists():
        raise AssayError(f"file {str(path)!r} does not exist: check the path")
    if path.is_dir():
        raise AssayError(f"{str(path)!r} is a directory: name a file in it")
    return path, table, is_database


def _read_file(path: Path) -> pd.DataFrame:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    suffix = suffixes[-1] if suffixes else ""
    if suffix in _CSV:
        return read_csv(path, _CSV[suffix])
    if suffix in _PARQUET:
        try:
            return from_arrow(pq.ParquetFile(path).read())
        except (pa.ArrowException, OSError) as error:
            raise AssayError(f"file {str(path)!r} cannot be read as Parquet: {first_line(error)}") from error
    raise AssayError(f"file {str(path)!r} is of no known kind: give a .csv, .tsv, .parquet or .duckdb file")


def _read_frame(source: Any) -> pd.DataFrame:
    frame = as_frame(source)
    if isinstance(frame.columns, pd.MultiIndex):
        raise AssayError("the frame has several levels of column names: give each column one name")
    frame = frame.reset_index(drop=frame.index.names == [None])
    return frame.set_axis([str(column) for column in frame.columns], axis=1)


def _table(name: str, frame: pd.DataFrame, **roles: Any) -> Table:
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise AssayError(f"table {name!r} has several columns {repeated[0]!r}: give each a name of its own")
    if not len(frame):
        raise AssayError(f"table {name!r} has no rows")
    return Table(name, frame, guess_roles(frame, **roles))


def _in_key_order(table: Table) -> Table:
    if not table.roles.key:
        return table
    frame = table.frame.sort_values(list(table.roles.key), kind="stable", ignore_index=True)
    return table.with_frame(frame)
