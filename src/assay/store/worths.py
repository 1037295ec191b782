"""Worths: what a game has answered before, so that an interrupted valuation goes on to the same bits.

A worth is kept as the bytes of its 64-bit floats: what comes back is what went in, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from .._errors import AssayError
from .duckdb import Database

_TYPES = {"worth_key": pa.binary(), "worths": pa.binary(), "place": pa.int64()}


def recall(db: Database, keys: Sequence[bytes], width: int) -> NDArray[np.float64]:
    """Return the (len(keys), width) worths; nan where one is not known."""
    found = np.full((len(keys), width), np.nan)
    with db.staged({"worth_key": list(keys), "place": range(len(keys))}, _TYPES) as staged:
        rows = db.rows(
            f"""SELECT s.place, w.worths FROM {staged} s JOIN assay_worth w ON w.worth_key = s.worth_key
                WHERE w.width = ?""",
            width,
        )
    for place, held in rows:
        found[place] = np.frombuffer(held, "<f8")
    return found


def remember(db: Database, keys: Sequence[bytes], worths: ArrayLike) -> None:
    """Keep the (len(keys), width) worths, inside a transaction; what is known already stays as it is.

    Raises
    ------
    AssayError
        Where the shapes do not fit.
    """
    table = np.asarray(worths, "<f8")
    if table.ndim != 2 or len(table) != len(keys):
        raise AssayError(
            f"{len(keys)} keys cannot be kept with worths of shape {table.shape}; give one row a key."
        )
    width = table.shape[1]
    fresh = {key: row.tobytes() for key, row in zip(keys, table, strict=True)}
    with db.staged({"worth_key": list(fresh), "worths": list(fresh.values())}, _TYPES) as staged:
        db.run(
            f"""INSERT INTO assay_worth SELECT s.worth_key, ?, s.worths FROM {staged} s
                WHERE NOT EXISTS (SELECT 1 FROM assay_worth w
                                  WHERE w.worth_key = s.worth_key AND w.width = ?)""",
            *(width, width),
        )
