"""Canonical JSON: one text for one value, so that texts can be hashed and compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._errors import AssayError


def dumps(value: Any) -> str:
    """Return the canonical JSON text of `value`: keys sorted, no spaces, numpy read as Python.

    Not-a-number and infinities are written as `NaN` and `Infinity`, as Python reads them back.

    Raises
    ------
    AssayError
        Where something in it has no JSON form.

    >>> dumps({"b": np.float64(0.5), "a": (1, None)})
    '{"a":[1,null],"b":0.5}'
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)
    except (TypeError, ValueError) as error:
        raise AssayError(
            f"This cannot be written as JSON ({error}); give plain numbers, text and lists."
        ) from error


def loads(text: str) -> Any:
    """Return the value of a JSON text."""
    return json.loads(text)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form")
