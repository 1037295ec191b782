"""Rows: a table on disk, read in blocks, always in the same order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from .._errors import AssayError
from ..tables._arrow import first_line
from ..tables._duckdb import _connect, _find, quoted
from ..tables._load import _PARQUET, _located

BUFFER = 2**17  # bytes of a column read at a time: a row group need not fit into memory
DATABASE = "512MB"  # what DuckDB may hold


@dataclass(frozen=True)
class Rows:
    """A table of Parquet files, or of a DuckDB file.

    Parameters
    ----------
    files : tuple of str
        The Parquet files, in the order of their names; or the one database.
    table : str
        The table of a database, as SQL; "" for Parquet.
    schema : pyarrow.Schema
    n : int
        How many rows there are.
    """

    files: tuple[str, ...]
    table: str
    schema: pa.Schema
    n: int

    @classmethod
    def of(cls, source: Any, table: str | None = None) -> Rows:
        """Find a Parquet file, a folder or a pattern of them, or a table of a DuckDB file.

        Raises
        ------
        AssayError
            Nothing there, of another kind, of several schemas, or empty.
        """
        if not isinstance(source, str | Path):
            raise AssayError(
                f"Stream reads a path, not a {type(source).__name__}; pass assay.Problem its rows."
            )
        files = _files(str(source))
        rows = cls._database(str(source), table) if files is None else cls._parquet(files)
        if files is not None and table is not None:
            raise AssayError(f"table {table!r} was named, but {str(source)!r} is no database; leave it out.")
        if not rows.n:
            raise AssayError(f"{str(source)!r} has no rows.")
        return rows

    @classmethod
    def _parquet(cls, files: Sequence[Path]) -> Rows:
        schema, n = pa.schema([]), 0
        for place, path in enumerate(files):
            with _opened(path) as file:
                n += file.metadata.num_rows
                here = file.schema_arrow.remove_metadata()
            if place and not here.equals(schema):
                raise AssayError(
                    f"{str(files[0])!r} and {str(path)!r} have different columns; make them alike."
                )
            schema = here
        return cls(tuple(map(str, files)), "", schema, n)

    @classmethod
    def _database(cls, source: str, table: str | None) -> Rows:
        path, table, is_database = _located(source, table)
        if not is_database:
            raise AssayError(f"{source!r} is neither Parquet nor DuckDB; convert it, or use assay.value.")
        with _connect(path) as connection:
            name = ".".join(quoted(part) for part in _find(connection, path, table))
            try:
                connection.execute(f"select rowid from {name} limit 0").fetchall()
            except duckdb.Error as error:
                raise AssayError(f"{name} is a view, whose rows have no order; name a table.") from error
            ((n,),) = connection.execute(f"select count(*) from {name}").fetchall()
            schema = connection.sql(f"select * from {name} limit 0").to_arrow_table().schema
        return cls((str(path),), name, schema, n)

    @property
    def stamp(self) -> list[list[Any]]:
        """What changes when a file does: names, sizes and times."""
        found = [(name, Path(name).stat()) for name in self.files]
        return [[Path(name).name, stat.st_size, stat.st_mtime_ns] for name, stat in found]

    def blocks(
        self, columns: Sequence[str], size: int, start: int = 0, stop: int | None = None
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        """The rows `start:stop` of some columns, with the place of the first, at most `size` at a time."""
        stop = self.n if stop is None else stop
        read = self._read_database if self.table else self._read_parquet
        for batch in read(list(columns), size, start, stop):
            if len(batch):
                yield start, batch
                start += len(batch)
        if start != stop:
            raise AssayError(
                f"{self.files[0]!r} ended after {start} of {stop} rows: it was changed meanwhile."
            )

    def _read_parquet(self, columns: list[str], size: int, start: int, stop: int) -> Iterator[Any]:
        first = 0  # row of the next row group
        for path in self.files:
            with _opened(Path(path)) as file:
                for group in range(file.num_row_groups):
                    after = first + file.metadata.row_group(group).num_rows
                    if after > start and first < stop:
                        here = first
                        for batch in file.iter_batches(size, [group], columns):
                            low, high = max(start - here, 0), min(stop - here, len(batch))
                            here += len(batch)
                            if low < high:
                                yield batch.slice(low, high - low)
                    first = after

    def _read_database(self, columns: list[str], size: int, start: int, stop: int) -> Iterator[Any]:
        names = ", ".join(map(quoted, columns))
        with _connect(Path(self.files[0])) as connection:
            connection.execute(f"set memory_limit = '{DATABASE}'").fetchall()
            connection.execute("set preserve_insertion_order = true").fetchall()
            yield from connection.sql(
                f"select {names} from {self.table} limit {stop - start} offset {start}"
            ).to_arrow_reader(size)


def _files(source: str) -> list[Path] | None:
    """Parquet files that a path names; None where it names something else."""
    path = Path(source)
    if "://" in source:
        return None
    if path.is_dir():
        found = sorted(each for suffix in _PARQUET for each in path.rglob(f"*{suffix}"))
    elif any(c in source for c in "*?[") and not path.exists():
        found = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    else:
        return [path] if path.suffix.lower() in _PARQUET and path.exists() else None
    if not found:
        raise AssayError(f"{source!r} holds no Parquet files: check the path.")
    return found


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with pq.ParquetFile(path, buffer_size=BUFFER) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise AssayError(f"file {str(path)!r} cannot be read as Parquet: {first_line(error)}") from error
