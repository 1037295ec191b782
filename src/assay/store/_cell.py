"""Cells as typed JSON: what a cell holds, in a text that loses nothing.

Invariant: `from_json(to_json(value))` is `value` again, for every value named below; and a text has one form
only, so equal texts mean equal cells.

| cell | JSON |
| --- | --- |
| missing | `null` |
| truth, text | `true`, `"text"` |
| whole number | `{"int":"9007199254740993"}` |
| float | `{"float":"0.1"}`, `"nan"` and `"inf"` among them |
| decimal | `{"decimal":"1.50"}`, its zeros kept |
| time | `{"date":..}`, `{"time":..}`, `{"timestamp":"2020-01-31 10:00:00.5"}`, `{"timestamptz":..}` in UTC |
| bytes, UUID | `{"bytes":"base64"}`, `{"uuid":..}` |
| vector of 32-bit floats | `{"f32":"base64 of the little-endian floats"}` |
| list | `[cell, cell]` |
| whole row | `{"row":{"column":cell}}` |
| anything else that a database shows as text | `{"other":"text"}` |
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd

from .._errors import AssayError
from . import _json


@dataclass(frozen=True)
class Other:
    """A cell of a type that is kept as the text its database shows (a struct, a map, an interval)."""

    text: str


def is_missing(value: Any) -> bool:
    """Return whether `value` stands for no value: None, NaN, NaT or NA."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    if isinstance(value, np.datetime64):
        return bool(np.isnat(value))
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def to_json(value: Any) -> str:
    """Return the typed JSON of a Python, numpy or pandas value.

    Raises
    ------
    AssayError
        Where the value is of a type with no exact form here.

    >>> to_json(2**53 + 1), to_json(None), to_json(float("nan")), to_json("5")
    ('{"int":"9007199254740993"}', 'null', '{"float":"nan"}', '"5"')
    """
    return _json.dumps(_tagged(value))


def from_json(text: str | None) -> Any:
    """Return the value of a typed JSON text; None is read as missing.

    >>> from_json('{"decimal":"1.50"}'), from_json('[{"int":"1"},null]')
    (Decimal('1.50'), [1, None])
    """
    return None if text is None else _value(_json.loads(text))


def timestamp_text(value: dt.datetime | pd.Timestamp) -> str:
    """Return a naive timestamp as `YYYY-MM-DD HH:MM:SS[.fraction]`, the fraction without trailing zeros."""
    text = value.isoformat(sep=" ")
    return text.rstrip("0") if "." in text else text


def utc_text(value: dt.datetime | pd.Timestamp) -> str:
    """Return an aware timestamp as the text of its moment in UTC, with `+00` at its end."""
    return timestamp_text(value.astimezone(dt.UTC).replace(tzinfo=None)) + "+00"


def _tagged(value: Any) -> Any:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, np.datetime64):
        return _tagged(pd.Timestamp(value))
    if isinstance(value, np.generic):
        value = value.item()
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    raise AssayError(
        f"A cell cannot be a {type(value).__name__}; give a number, text, time, bytes or a list."
    )


def _array(value: np.ndarray) -> Any:
    if value.ndim == 1 and value.dtype == np.float32:
        return {"f32": base64.b64encode(value.astype("<f4").tobytes()).decode()}
    return [_tagged(item) for item in value]


def _float(value: float) -> dict[str, str]:
    return {"float": repr(value)}


def _datetime(value: dt.datetime) -> dict[str, str]:
    if value.tzinfo is None:
        return {"timestamp": timestamp_text(value)}
    return {"timestamptz": utc_text(value)}


def _row(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"row": {column: _tagged(cell) for column, cell in value.items()}}


# The first kind that fits is taken: bool is an int, a datetime is a date.
_WRITERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (bool, bool),
    (str, str),
    (int, lambda value: {"int": str(value)}),
    (float, _float),
    (Decimal, lambda value: {"decimal": str(value)}),
    (dt.datetime, _datetime),
    (dt.date, lambda value: {"date": value.isoformat()}),
    (dt.time, lambda value: {"time": value.isoformat()}),
    (bytes, lambda value: {"bytes": base64.b64encode(value).decode()}),
    (UUID, lambda value: {"uuid": str(value)}),
    (Other, lambda value: {"other": value.text}),
    (Mapping, _row),
    (Sequence, lambda value: [_tagged(item) for item in value]),
)


def _value(node: Any) -> Any:
    if isinstance(node, list):
        return [_value(item) for item in node]
    if not isinstance(node, dict):
        return node
    ((tag, held),) = node.items()
    return _READERS[tag](held)


def _read_timestamp(text: str) -> Any:
    """Return a datetime; a Timestamp if there are nanoseconds; the text if Python has no such year."""
    zone = text.endswith("+00")
    plain = text.removesuffix("+00")
    try:
        if re.search(r"\.\d{7,}$", plain):
            return pd.Timestamp(plain, tz="UTC" if zone else None)
        value = dt.datetime.fromisoformat(plain)
    except ValueError:
        return text
    return value.replace(tzinfo=dt.UTC) if zone else value


def _read_date(text: str) -> Any:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return text


def _read_time(text: str) -> Any:
    try:
        return dt.time.fromisoformat(text)
    except ValueError:
        return text


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "int": int,
    "float": float,
    "decimal": Decimal,
    "timestamp": _read_timestamp,
    "timestamptz": _read_timestamp,
    "date": _read_date,
    "time": _read_time,
    "bytes": lambda text: base64.b64decode(text),
    "uuid": UUID,
    "f32": lambda text: np.frombuffer(base64.b64decode(text), "<f4").astype(np.float32),
    "other": Other,
    "row": lambda cells: {column: _value(cell) for column, cell in cells.items()},
}
