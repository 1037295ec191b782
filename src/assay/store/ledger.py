"""The ledger: every edit that was ever made, append-only, each entry sealed by the hash of the one before.

Invariant: the hash of an entry is taken over all its other fields, `prev_hash` among them; so is that of a
batch, which also holds the number of its entries and the hash of the last. `verify` re-proves all of it: a
changed field, a missing entry or a changed order is found. Only cutting off the newest whole batches leaves
no trace in the file itself; keep the last hash elsewhere to notice that too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from .._errors import AssayError
from ._json import dumps
from .duckdb import Database


@dataclass(frozen=True)
class Entry:
    """One edit of one cell, or of one row where `column_name` is None; fields in the order of the table's.

    Parameters
    ----------
    id, batch, run : int
        Its number, counted from 1 without a gap; its batch; the run that made it, None for a revert.
    table_name, row_key, column_name : str
        What was edited.
    op, mode : str
        "set", "drop" or "restore"; "overlay" or "in_place".
    old_json, new_json : str
        Typed JSON of the cell before and after; of the whole row for drop and restore.
    old_text, new_text, base_text : str
        The same as the database writes them; and what the base table held at the time.
    proposal, reverts : int
        The proposal that it carries out; the entry that it undoes.
    row_hash_before, row_hash_after : str
        The row's hashes, None where the row is not in the table.
    why, actor, at_utc : str
        A sentence, who, and when in UTC.
    """

    id: int
    batch: int
    run: int | None
    table_name: str
    row_key: str
    column_name: str | None
    op: str
    mode: str
    old_json: str | None
    new_json: str | None
    old_text: str | None
    new_text: str | None
    base_text: str | None
    proposal: int | None
    row_hash_before: str | None
    row_hash_after: str | None
    reverts: int | None
    why: str
    actor: str
    at_utc: str


ENTRY = tuple(Entry.__dataclass_fields__)
BATCH = (
    "id",
    "run",
    "round",
    "table_name",
    "kind",
    "mode",
    "about_json",
    "n_edits",
    "last_hash",
    "actor",
    "at_utc",
)
_NUMBERS = ("id", "batch", "run", "round", "proposal", "reverts", "n_edits")
_EDITS = f"SELECT {', '.join(ENTRY)}, prev_hash, hash FROM assay_edit ORDER BY id"
_BATCHES = f"SELECT {', '.join(BATCH)}, prev_hash, hash FROM assay_batch ORDER BY id"


def next_id(db: Database, table: str) -> int:
    """Return the number of the next row of one of our tables."""
    return db.one(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")


def append(db: Database, batch: dict[str, Any], entries: Sequence[Entry]) -> None:
    """Append a batch (fields of `BATCH` but `n_edits`, `last_hash`) and its entries, inside a transaction."""
    prev = last = _last_hash(db, "assay_edit")
    columns: dict[str, list[Any]] = {name: [] for name in (*ENTRY, "prev_hash", "hash")}
    for entry in entries:
        fields = astuple(entry)
        last = _seal(ENTRY, fields, prev)
        for name, value in zip(columns, (*fields, prev, last), strict=True):
            columns[name].append(value)
        prev = last
    if entries:
        _insert(db, "assay_edit", columns)
    batch = batch | {"n_edits": len(entries), "last_hash": last}
    fields = tuple(batch[name] for name in BATCH)
    before = _last_hash(db, "assay_batch")
    sealed = (*fields, before, _seal(BATCH, fields, before))
    _insert(
        db,
        "assay_batch",
        {name: [value] for name, value in zip((*BATCH, "prev_hash", "hash"), sealed, strict=True)},
    )


def verify(db: Database) -> int:
    """Re-prove every hash, and that batches and entries agree; return the number of entries.

    Raises
    ------
    AssayError
        Naming the first entry or batch that is not as it was written.
    """
    counts: dict[int, int] = {}
    last_of: dict[int, str] = {}
    total = _walk(db, "entry", _EDITS, ENTRY, lambda fields, digest: _count(fields, digest, counts, last_of))
    known: set[int] = set()
    last = ""

    def check(fields: tuple[Any, ...], _: str) -> None:
        nonlocal last
        batch = dict(zip(BATCH, fields, strict=True))
        known.add(batch["id"])
        last = last_of.get(batch["id"], last)
        if batch["n_edits"] != counts.get(batch["id"], 0) or batch["last_hash"] != last:
            raise _broken(
                db,
                f"batch {batch['id']} does not hold the {batch['n_edits']} entries that it was written with",
            )

    _walk(db, "batch", _BATCHES, BATCH, check)
    if orphans := sorted(counts.keys() - known):
        raise _broken(db, f"the record of batch {orphans[0]} is missing")
    return total


def _count(fields: tuple[Any, ...], digest: str, counts: dict[int, int], last_of: dict[int, str]) -> None:
    batch = fields[1]
    counts[batch] = counts.get(batch, 0) + 1
    last_of[batch] = digest


def _walk(db: Database, noun: str, sql: str, names: tuple[str, ...], check: Any) -> int:
    """Follow one chain from its start and hand every proven row to `check`."""
    prev, number = "", 0
    for chunk in db.chunks(sql):
        for *fields, prev_hash, digest in chunk:
            number += 1
            if fields[0] != number:
                raise _broken(db, f"{noun} {number} is missing")
            if prev_hash != prev or digest != _seal(names, tuple(fields), prev):
                raise _broken(db, f"{noun} {number} is not as it was written")
            check(tuple(fields), digest)
            prev = digest
    return number


def _broken(db: Database, what: str) -> AssayError:
    return AssayError(f"The ledger of {db.path} was altered: {what}. Restore the file from a copy.")


def _seal(names: Sequence[str], fields: Sequence[Any], prev: str) -> str:
    """Return the hash over all fields and the hash before."""
    body = dumps(dict(zip(names, fields, strict=True)) | {"prev_hash": prev})
    return "b2:" + blake2b(body.encode(), digest_size=32).hexdigest()


def _last_hash(db: Database, table: str) -> str:
    found = db.rows(f"SELECT hash FROM {table} ORDER BY id DESC LIMIT 1")
    return found[0][0] if found else ""


def _insert(db: Database, table: str, columns: dict[str, list[Any]]) -> None:
    db.insert(table, columns, dict.fromkeys(_NUMBERS, pa.int64()))
