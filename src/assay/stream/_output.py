"""Output: values in row order, as a Parquet file that is there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .._errors import AssayError
from .._types import Floats
from ._rows import Rows

SIZE = 2**17  # rows written at a time


def checked(out: Any, rows: Rows) -> Path:
    """`out` as a path that can be written.

    Raises
    ------
    AssayError
        It is no Parquet file, one of the table's own, or in no folder.
    """
    if not isinstance(out, str | Path) or Path(out).suffix.lower() != ".parquet":
        raise AssayError(f"out is {out!r}; name a .parquet file.")
    path = Path(out)
    if path.resolve() in {Path(file).resolve() for file in rows.files}:
        raise AssayError(f"out {str(path)!r} is the table itself; name another file.")
    if not path.parent.is_dir():
        raise AssayError(f"out {str(path)!r} lies in no folder that exists; make {str(path.parent)!r} first.")
    return path


def write(path: Path, rows: Rows, key: str | None, values: Floats) -> None:
    """Write `id` (the row's key, or its place) and `value`."""
    writing = path.with_name(path.name + ".new")
    kind = pa.int64() if key is None else rows.schema.field(key).type
    schema = pa.schema([("id", kind), ("value", pa.float64())])
    try:
        with pq.ParquetWriter(writing, schema) as writer:
            for start in range(0, rows.n, SIZE) if key is None else ():
                part = values[start : start + SIZE]
                ids = pa.array(range(start, start + len(part)), kind)
                writer.write_table(pa.Table.from_arrays([ids, pa.array(part)], schema=schema))
            for start, batch in () if key is None else rows.blocks([key], SIZE):
                ids = batch.column(0)
                if ids.null_count:
                    raise AssayError(f"key {key!r} is missing in a row from {start}; give every row its own.")
                part = pa.array(values[start : start + len(batch)])
                writer.write_table(pa.Table.from_arrays([ids, part], schema=schema))
        os.replace(writing, path)
    finally:
        writing.unlink(missing_ok=True)
