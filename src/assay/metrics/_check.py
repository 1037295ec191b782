"""What every measure checks of its arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .._types import Coalitions, Floats


def numbers(owner: str, name: str, given: Any, ndim: int = 2) -> Floats:
    """Finite numbers of `ndim` dimensions, none of them empty.

    Raises
    ------
    AssayError
        If they are none.
    """
    try:
        array = np.asarray(given, float)
    except (TypeError, ValueError) as error:
        raise AssayError(f"{owner}: {name} does not hold numbers only ({error}).") from error
    if array.ndim != ndim or not array.size:
        raise AssayError(
            f"{owner}: {name} has shape {array.shape}; it needs {ndim} dimension(s), none empty."
        )
    if not np.isfinite(array).all():
        raise AssayError(f"{owner}: {name} has a missing or infinite value; leave such rows or queries out.")
    return array


def masks(owner: str, name: str, given: Any, rows: int, ndim: int = 2) -> Coalitions:
    """Booleans (or zeros and ones) whose last axis has `rows` entries.

    Raises
    ------
    AssayError
        If they are none.
    """
    array: NDArray[Any] = np.asarray(given)
    if array.ndim != ndim or not array.size or array.shape[-1] != rows:
        raise AssayError(
            f"{owner}: {name} has shape {array.shape}; it needs {ndim} dimension(s), the last of {rows} rows."
        )
    if array.dtype != bool and not (array.dtype.kind in "iuf" and np.isin(array, (0, 1)).all()):
        raise AssayError(f"{owner}: {name} has type {array.dtype}; it needs True or False for every row.")
    return array.astype(bool)


def whole(owner: str, name: str, given: Any, least: int) -> int:
    """A whole number of at least `least`.

    Raises
    ------
    AssayError
        If it is none.
    """
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or given < least:
        raise AssayError(f"{owner}: {name} is {given!r}; it needs a whole number of at least {least}.")
    return int(given)


def same(owner: str, name: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Raise `AssayError` if a shape is not the one that is wanted."""
    if shape != wanted:
        raise AssayError(f"{owner}: {name} has shape {shape}; it needs {wanted}.")
