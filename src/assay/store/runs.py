"""Runs and their rounds: what was asked for, how far it came, why it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from .._errors import AssayError
from . import _json
from ._shape import Shape, check_key, record_key
from .duckdb import Database
from .ledger import next_id
from .migrations import now

_FIELDS = "id, table_name, key_json, config_json, seed, started, finished, status, stop_reason, summary_json"


@dataclass(frozen=True)
class Run:
    """One run of the repair loop.

    Parameters
    ----------
    id : int
        Its number, counted from 1.
    table, key : str, tuple of str
        What it works on.
    config, seed : dict, int
        What was asked for.
    started, finished : str
        UTC, ISO 8601; finished is None while it is under way or was interrupted.
    status, stop_reason : str
        "running" until it is finished; then what `finish_run` was told.
    summary : dict
        What the report and the command line show; None before it is finished.
    """

    id: int
    table: str
    key: tuple[str, ...]
    config: dict[str, Any]
    seed: int
    started: str
    finished: str | None
    status: str
    stop_reason: str | None
    summary: dict[str, Any] | None


def begin(db: Database, shape: Shape, config: Mapping[str, Any], seed: int) -> Run:
    """Record a new run, inside a transaction."""
    record_key(db, shape)
    check_key(db, shape)
    number, text = next_id(db, "assay_run"), _json.dumps(config)
    key = _json.dumps([column.name for column in shape.key])
    db.run(
        f"""INSERT INTO assay_run ({_FIELDS}, config_hash)
            VALUES (?, ?, ?, ?, ?, ?, NULL, 'running', NULL, NULL, ?)""",
        *(number, shape.name, key, text, seed, now(), _hash(text)),
    )
    return get(db, number)


def find(db: Database, table: str, config: Mapping[str, Any]) -> Run | None:
    """Return the newest unfinished run of this table and config."""
    where = "WHERE table_name = ? AND config_hash = ? AND finished IS NULL"
    found = listed(db, where, table, _hash(_json.dumps(config)))
    return found[-1] if found else None


def get(db: Database, run: int) -> Run:
    """Return a run.

    Raises
    ------
    AssayError
        Where there is none of that number.
    """
    found = listed(db, "WHERE id = ?", run)
    if not found:
        raise AssayError(f"{db.path} has no run {run}; `assay log` lists the runs.")
    return found[0]


def listed(db: Database, where: str, *parameters: Any) -> list[Run]:
    """Return the runs that fit, oldest first."""
    rows = db.rows(f"SELECT {_FIELDS} FROM assay_run {where} ORDER BY id", *parameters)
    return [
        Run(
            number, table, tuple(_json.loads(key)), _json.loads(config), seed, started, finished, status,
            reason, None if summary is None else _json.loads(summary),
        )
        for number, table, key, config, seed, started, finished, status, reason, summary in rows
    ]  # fmt: skip


def finish(db: Database, run: int, status: str, stop_reason: str, summary: Mapping[str, Any]) -> None:
    """Record how a run ended."""
    db.run(
        "UPDATE assay_run SET finished = ?, status = ?, stop_reason = ?, summary_json = ? WHERE id = ?",
        *(now(), status, stop_reason, _json.dumps(summary), run),
    )


def save_round(db: Database, run: int, number: int, state: Mapping[str, Any]) -> None:
    """Record the state of a round in place of what was recorded for it before, inside a transaction."""
    db.run("DELETE FROM assay_round WHERE run = ? AND round = ?", run, number)
    db.run("INSERT INTO assay_round VALUES (?, ?, ?, ?)", run, number, _json.dumps(state), now())


def rounds(db: Database, run: int) -> list[dict[str, Any]]:
    """Return the states of a run's rounds, in order."""
    found = db.rows("SELECT state_json FROM assay_round WHERE run = ? ORDER BY round", run)
    return [_json.loads(text) for (text,) in found]


def _hash(text: str) -> str:
    return "b2:" + blake2b(text.encode(), digest_size=32).hexdigest()
