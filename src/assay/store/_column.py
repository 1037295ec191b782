"""Column: one column of a table, how its cells become text and text becomes cells again.

A cell travels between Python and the database as the text that the database itself reads and writes for the
type: exact for every type below, and the same text serves the typed JSON of the ledger.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd

from .._errors import AssayError
from ._cell import is_missing, timestamp_text, to_json, utc_text
from ._json import dumps

NATIVE = ("list", "vector", "bytes")  # cells whose text is the database's own; their JSON is made from values


@dataclass(frozen=True)
class Column:
    """A column as the database declares it.

    Parameters
    ----------
    name, type : str
        The column's name and its declared type, as the database writes it.
    family : str
        How its cells are read and written: int float decimal bool text date time timestamp timestamptz bytes
        uuid vector list, or other (kept, compared, never edited).
    """

    name: str
    type: str
    family: str

    def json(self, text: str | None, native: Any = None) -> str:
        """Return the typed JSON of a cell: from its text; from the fetched value in `NATIVE` families."""
        if text is None:
            return "null"
        if self.family == "bytes":
            return to_json(native)
        if self.family == "vector" and not any(item is None for item in native):
            return to_json(np.asarray(native, np.float32))
        if self.family in NATIVE:
            return to_json(list(native))
        if self.family in ("text", "bool"):
            return to_json(text if self.family == "text" else text == "true")
        return dumps({self.family: repr(float(text)) if self.family == "float" else text})

    def fit(self, value: Any) -> str | None:
        """Return the text of a value meant for this column; None is missing, and so is NaN but among floats.

        Raises
        ------
        AssayError
            Where the value is of another type than the column's.
        """
        if value is None or (is_missing(value) and self.family != "float"):
            return None
        text = _TO_TEXT.get(self.family, _refuse)(_python(value))
        if text is None:
            raise AssayError(
                f"Column '{self.name}' holds {self.type}; {value!r} is not one. Give a value of that type."
            )
        return text

    def holds(self, given: str | None, stored: str | None) -> bool:
        """Return whether what the database made of `given` is still the same value, to the last digit."""
        if given is None or stored is None:
            return given is stored
        if self.family in ("int", "decimal") or (self.family == "float" and self.type == "DOUBLE"):
            return _same_number(given, stored)
        if self.family in ("timestamp", "timestamptz"):
            return stored == given
        return True


def family_of(declared: str) -> str:
    """Return the family of a declared type.

    >>> [family_of(t) for t in ("BIGINT", "DECIMAL(10,3)", "FLOAT[3]", "VARCHAR[]", "STRUCT(a INTEGER)")]
    ['int', 'decimal', 'vector', 'list', 'other']
    """
    if declared.endswith("]"):
        element = declared[: declared.rindex("[")]
        if element == "FLOAT":
            return "vector"
        listed = ("int", "float", "decimal", "bool", "text", "date", "uuid", "list", "vector")
        return "list" if family_of(element) in listed else "other"
    return _FAMILIES.get(re.sub(r"\(.*", "", declared, flags=re.DOTALL), "other")


_FAMILIES: Mapping[str, str] = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), "int"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), "int"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "float"),
    **dict.fromkeys(("VARCHAR", "ENUM", "JSON"), "text"),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "timestamp"),
    "DECIMAL": "decimal",
    "BOOLEAN": "bool",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "BLOB": "bytes",
    "UUID": "uuid",
}


def _refuse(value: Any) -> None:
    del value


def _python(value: Any) -> Any:
    if isinstance(value, np.datetime64):
        return pd.Timestamp(value)
    return value.item() if isinstance(value, np.generic) else value


def _same_number(given: str, stored: str) -> bool:
    try:
        a, b = Decimal(given), Decimal(stored)
    except InvalidOperation:
        return given == stored
    return a == b or (a.is_nan() and b.is_nan())


def _int_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    whole = isinstance(value, float | Decimal) and value == value // 1
    return str(int(value)) if whole else None


def _float_text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return "nan" if is_missing(value) and isinstance(value, float) else None
    return repr(value) if isinstance(value, float) else str(value)


def _decimal_text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return format(Decimal(repr(value)) if isinstance(value, float) else Decimal(value), "f")


def _bool_text(value: Any) -> str | None:
    return ("true" if value else "false") if isinstance(value, bool) else None


def _text_text(value: Any) -> str | None:
    """Numbers become the text a person would type: 64, not 64.0."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else str(value)


def _date_text(value: Any) -> str | None:
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() and value.tzinfo is None else None
    return value.isoformat() if isinstance(value, dt.date) else _as_text(value)


def _time_text(value: Any) -> str | None:
    return (
        timestamp_text(dt.datetime.combine(dt.date.min, value))[11:]
        if isinstance(value, dt.time)
        else _as_text(value)
    )


def _timestamp_text(value: Any) -> str | None:
    if isinstance(value, dt.datetime):
        return timestamp_text(value) if value.tzinfo is None else None
    return f"{value.isoformat()} 00:00:00" if isinstance(value, dt.date) else _as_text(value)


def _timestamptz_text(value: Any) -> str | None:
    if isinstance(value, dt.datetime):
        return None if value.tzinfo is None else utc_text(value)
    return _as_text(value)


def _as_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _bytes_text(value: Any) -> str | None:
    return "".join(f"\\x{byte:02X}" for byte in value) if isinstance(value, bytes) else None


def _uuid_text(value: Any) -> str | None:
    return str(value) if isinstance(value, UUID | str) else None


_TO_TEXT: Mapping[str, Callable[[Any], str | None]] = {
    "int": _int_text,
    "float": _float_text,
    "decimal": _decimal_text,
    "bool": _bool_text,
    "text": _text_text,
    "date": _date_text,
    "time": _time_text,
    "timestamp": _timestamp_text,
    "timestamptz": _timestamptz_text,
    "bytes": _bytes_text,
    "uuid": _uuid_text,
}
