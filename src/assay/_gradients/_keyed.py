"""Rows on a shelf, by their keys."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .._problem import Data
from .._types import Positions
from ._shelf import Shelf


def places_of(shelf: Shelf, data: Data) -> Positions:
    """Where each row is kept, -1 where it is not.

    Raises
    ------
    AssayError
        If a row is kept with other contents.
    """
    lines = keyed(data)
    if not shelf.rows:
        return np.full(len(data), -1)
    known = np.asarray(shelf.read("row"))
    order = np.argsort(known[:, 0], kind="stable")
    at = np.minimum(np.searchsorted(known[order, 0], lines[:, 0]), len(known) - 1)
    places = np.where(known[order[at], 0] == lines[:, 0], order[at], -1)
    changed = (places >= 0) & (known[places, 1] != lines[:, 1])
    if changed.any():
        raise AssayError(
            f"The row {data.ids[changed][0].item()!r} is kept in {str(shelf.folder.parent)!r} with other "
            f"contents ({changed.sum()} row(s) changed); give them new keys, or take another folder."
        )
    return places


def keyed(data: Data) -> NDArray[Any]:
    """The array "row" of a shelf, (n, 2): digests of each row's key, and of what it holds."""
    X, y = data.dense, data.y
    names = [_digest(str(key).encode()) for key in data.ids]
    contents = [
        _digest(X[i].tobytes() + (b"" if y is None else str(y[i]).encode())) for i in range(len(data))
    ]
    return np.column_stack([np.array(names, np.int64), np.array(contents, np.int64)])


def _digest(content: bytes) -> int:
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big", signed=True)
