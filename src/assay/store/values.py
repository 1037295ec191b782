"""Values: what each row was worth in a round of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike

from .._errors import AssayError
from ._frame import to_frame
from .duckdb import Database

_TYPES = {
    "run": pa.int64(),
    "round": pa.int64(),
    "value": pa.float64(),
    "stderr": pa.float64(),
    "rank": pa.int64(),
}


def save(
    db: Database,
    run: int,
    number: int,
    keys: Sequence[str],
    values: ArrayLike,
    stderr: ArrayLike | None,
    method: str,
) -> None:
    """Record the (n,) values of a round in place of what was recorded for it before, inside a transaction."""
    worth = np.asarray(values, float)
    error = np.full(worth.shape, np.nan) if stderr is None else np.asarray(stderr, float)
    n = len(keys)
    if worth.shape != (n,) or error.shape != (n,):
        raise AssayError(
            f"Values of run {run}: {n} keys, values {worth.shape}, stderr {error.shape}; give one each."
        )
    rank = np.empty(n, np.int64)
    rank[np.argsort(worth, kind="stable")] = np.arange(1, n + 1)
    db.run("DELETE FROM assay_value WHERE run = ? AND round = ? AND method = ?", run, number, method)
    columns = {
        "run": [run] * n,
        "round": [number] * n,
        "method": [method] * n,
        "row_key": [str(key) for key in keys],
        "value": worth,
        "stderr": error,
        "rank": rank,
    }
    db.insert("assay_value", columns, _TYPES)


def listed(db: Database, run: int, number: int | None) -> pd.DataFrame:
    """Return row_key, value, stderr, rank (1 is the lowest) and method; of the last round by default."""
    if number is None:
        number = db.one("SELECT coalesce(max(round), 0) FROM assay_value WHERE run = ?", run)
    return to_frame(
        db.arrow(
            """SELECT row_key, value, stderr, rank, method FROM assay_value
               WHERE run = ? AND round = ? ORDER BY method, rank""",
            *(run, number),
        )
    )
