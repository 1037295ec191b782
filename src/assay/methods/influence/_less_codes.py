"""Directions of rows in few bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._types import Floats

DTYPES = ("float32", "float16", "int8", "sign")


def unit(rows: Floats) -> Floats:
    """Rows by their lengths; 0 for a row without any."""
    scaled = by_largest(rows)
    lengths = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, None]
    return np.divide(scaled, lengths, out=np.zeros_like(scaled), where=lengths > 0)


def by_largest(rows: Floats) -> Floats:
    """Rows by their largest number, whose squares neither overflow nor vanish."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    return np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0)


def encode(rows: Floats, dtype: str | None) -> dict[str, NDArray[Any]]:
    """Directions of rows (n, k), as arrays of n lines.

    - None: as they are.
    - "float32", "float16": rounded.
    - "int8": in 255 steps of the row's largest number.
    - "sign": a bit a number.
    """
    if dtype == "sign":
        bits = np.packbits(rows > 0, axis=1)
        return {"numbers": bits, "some": (rows != 0).any(axis=1).astype(np.uint8)}
    if dtype == "int8":
        return {"numbers": np.rint(127 * by_largest(rows)).astype(np.int8)}
    if dtype == "float16":
        return {"numbers": by_largest(rows).astype(np.float16)}
    return {"numbers": rows if dtype is None else unit(rows).astype(dtype)}


def decode(arrays: dict[str, NDArray[Any]], dtype: str | None, size: int) -> Floats:
    """Rows of length 1 (n, size) from what `encode` made."""
    numbers: Any = np.asarray(arrays["numbers"])
    if dtype == "sign":
        signs = np.unpackbits(numbers, axis=1, count=size).astype(np.float32)
        signs *= 2
        signs -= 1
        numbers = signs * np.asarray(arrays["some"])[:, None]
    elif dtype in ("int8", "float16"):
        numbers = numbers.astype(np.float32)
    return unit(numbers)
