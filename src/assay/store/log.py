"""Log: the ledger as frames for people and reports."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from . import _json
from ._cell import from_json
from .duckdb import Database
from .revert import undone

_ENTRY = (
    "id",
    "batch",
    "run",
    "table",
    "row",
    "column",
    "op",
    "mode",
    "old",
    "new",
    "proposal",
    "reverts",
    "undone",
)
_BATCH = ("id", "run", "round", "table", "kind", "mode", "edits", "undone", "about", "actor", "at")


def entries(db: Database, table: str | None, row: str | None) -> pd.DataFrame:
    """Return the entries of the ledger that fit, oldest first."""
    wanted = {"table_name": table, "row_key": row}
    given = {name: value for name, value in wanted.items() if value is not None}
    where = " AND ".join(f"{name} = ?" for name in given) or "1 = 1"
    found = db.rows(
        f"""SELECT id, batch, run, table_name, row_key, column_name, op, mode, old_json, new_json, proposal,
            reverts, why, actor, at_utc, hash FROM assay_edit WHERE {where} ORDER BY id""",
        *given.values(),
    )
    gone = {name: undone(db, name) for name in {entry[3] for entry in found}}
    rows = [
        (
            *entry[:8],
            from_json(entry[8]),
            from_json(entry[9]),
            *entry[10:12],
            entry[0] in gone[entry[3]],
            *entry[12:],
        )
        for entry in found
    ]
    return pd.DataFrame(rows, columns=pd.Index([*_ENTRY, "why", "actor", "at", "hash"]), dtype=object)


def batches(db: Database, table: str | None) -> pd.DataFrame:
    """Return the batches of a table, or of all, oldest first."""
    where, given = ("table_name = ?", [table]) if table is not None else ("1 = 1", [])
    found = db.rows(
        f"""SELECT id, run, round, table_name, kind, mode, n_edits, about_json, actor, at_utc FROM assay_batch
            WHERE {where} ORDER BY id""",
        *given,
    )
    gone = set().union(*(undone(db, name) for name in {batch[3] for batch in found}))
    counts = Counter(batch for number, batch in db.rows("SELECT id, batch FROM assay_edit") if number in gone)
    rows = [(*b[:7], counts[b[0]], _json.loads(b[7]), *b[8:]) for b in found]
    return pd.DataFrame(rows, columns=pd.Index(_BATCH), dtype=object)
