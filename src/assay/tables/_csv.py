"""read_csv: text in columns, with types that lose nothing."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import compute
from pyarrow import csv as pcsv

from .._errors import AssayError
from ._arrow import first_line, from_arrow

_pc: Any = compute  # its functions are made when it is imported, where no type checker sees them
_BLOCK = 1 << 30  # bytes that Arrow parses at once: a row may not straddle two blocks
_SEPARATORS = ",;\t|"
_NO_NUMBER = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]  # missing in a column of numbers, text elsewhere
_WHOLE = r"^-?(0|[1-9][0-9]{0,17})$"  # a leading zero makes a code; 18 digits always fit 64 bits
_REAL = r"^-?((0|[1-9][0-9]{0,17})(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$"
_BOOLEAN = r"^(true|false|True|False|TRUE|FALSE)$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?$"


def read_csv(path: Path, separator: str) -> pd.DataFrame:
    """Read a CSV with a header line, in UTF-8.

    A column becomes whole numbers, numbers, booleans, dates or times when every cell reads as one (where
    numbers stand, NA, N/A, NaN, nan, null and NULL are missing), else it stays text, character by
    character: so do codes with a leading zero and numbers of more than 18 digits. An empty cell is missing.
    Where the header does not hold `separator`, the one among comma, semicolon, tab and bar that it holds
    most is taken.

    Parameters
    ----------
    path : Path
        May end in .gz.
    separator : str

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    AssayError
        The file is empty, is not UTF-8 (says at which byte and line), or a row has more or fewer cells than
        the header (says which).
    """
    data = _read_bytes(path)
    text = _decode(path, data)
    first = text[: text.find("\n", 0) + 1] or text
    if separator not in first:
        separator = max(_SEPARATORS, key=first.count)
    header = _header(path, text, separator)
    body = _read_text(path, data, header, separator)
    return from_arrow(pa.table([_typed(column) for column in body.columns], names=header))


def _read_bytes(path: Path) -> bytes:
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix.lower() == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise AssayError(f"file {str(path)!r} cannot be read: {first_line(error)}") from error
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        raise AssayError(f"file {str(path)!r} is empty")
    return data


def _decode(path: Path, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise AssayError(
            f"file {str(path)!r} is not UTF-8: line {line} holds byte 0x{data[error.start]:02x} at position"
            f" {error.start}; convert it first, for example with: iconv -f WINDOWS-1252 -t UTF-8"
        ) from error


def _header(path: Path, text: str, separator: str) -> list[str]:
    names = next(row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row)
    names = [name.strip() or f"column_{i}" for i, name in enumerate(names, 1)]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise AssayError(
            f"file {str(path)!r} has several columns {repeated[0]!r}: give each a name of its own"
        )
    return names


def _read_text(path: Path, data: bytes, header: list[str], separator: str) -> pa.Table:
    ragged: list[pcsv.InvalidRow] = []

    def refuse(row: pcsv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    block = min(len(data) + 1, _BLOCK)
    try:
        return pcsv.read_csv(
            io.BytesIO(data),
            read_options=pcsv.ReadOptions(
                column_names=header,
                skip_rows_after_names=1,
                use_threads=False,
                block_size=block,
            ),
            parse_options=pcsv.ParseOptions(
                delimiter=separator, newlines_in_values=True, invalid_row_handler=refuse
            ),
            convert_options=pcsv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.large_string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowException as error:
        why = first_line(error)
        if ragged:
            row = ragged[0]
            why = f"row {row.number} has {row.actual_columns} cells, the header (row 1) has {len(header)}"
        raise AssayError(f"file {str(path)!r} cannot be read as a CSV: {why}") from error


def _typed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give a column of text the narrowest type that keeps every cell; see `read_csv`."""
    trimmed = _pc.utf8_trim_whitespace(column)
    no_number = _pc.is_in(trimmed, value_set=pa.array(_NO_NUMBER, pa.large_string()))
    number = _pc.if_else(no_number, None, trimmed)
    for pattern, kind, cells in (
        (_WHOLE, pa.int64(), number),
        (_REAL, pa.float64(), number),
        (_BOOLEAN, pa.bool_(), trimmed),
        (_DATE, pa.date32(), trimmed),
        (_TIME, pa.timestamp("us"), trimmed),
    ):
        present = cells.drop_null()
        if len(present) and _pc.all(_pc.match_substring_regex(present, pattern)).as_py():
            try:
                return cells.cast(kind)
            except pa.ArrowInvalid:  # such as the 30th of February
                return column
    return column
