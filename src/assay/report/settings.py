"""Settings: how a run was set up, so that a reader can judge it and run it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from . import story
from .words import WIDEST, cell, count, duration, is_number, moment, sentence

_PARTS = {
    "train": "may be repaired; the model learns from it",
    "value": "says what each training row is worth",
    "gate": "judges every batch of repairs",
    "final": "never used until the end; reported once",
}
_MODES = {
    "overlay": "overlay: the table itself is untouched, repairs live in a view beside it",
    "in_place": "in place: the table itself was edited, the ledger holds what was there",
}


def settings(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The parts, the columns with the roles they were given, and the choices of the run."""
    parts = summary.get("parts") or {}
    columns = [
        tuple(
            cell(entry.get(key) or "", 200) if entry.get(key) else ""
            for key in ("name", "role", "kind", "why")
        )
        for entry in summary.get("columns") or []
    ]
    return {
        "parts": [(name, count(parts[name]), what) for name, what in _PARTS.items() if name in parts],
        "columns": columns,
        "choices": list(_choices(summary)),
    }


def _choices(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    method = str(summary.get("method") or "")
    why = str(summary.get("method_why") or "")
    versions = summary.get("versions") or {}
    told = [
        ("Table", summary.get("table")),
        ("Database", summary.get("database")),
        ("Row key", ", ".join(map(str, summary.get("key") or []))),
        ("Target", summary.get("target")),
        ("Model", summary.get("model")),
        ("Score", story.score_name(summary) if summary.get("score") else None),
        ("Valuation", f"{method}: {why}" if why else method),
        ("Edits", _MODES.get(str(summary.get("mode")), summary.get("mode"))),
        ("Stopped because", sentence(summary.get("stop_reason"))),
        ("Seed", summary.get("seed")),
        ("Started", moment(summary.get("started"))),
        ("Took", duration(summary.get("seconds"))),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    return [(name, cell(text, 400)) for name, text in told if text not in (None, "")]


def masthead(summary: Mapping[str, Any]) -> list[str]:
    """The line above the headline: table, run, database, when, how long."""
    run = summary.get("run")
    database = summary.get("database")
    took = duration(summary.get("seconds"))
    parts = [
        cell(summary.get("table") or "table", WIDEST),
        f"run {run}" if is_number(run) else None,
        cell(PurePath(str(database)).name, WIDEST) if database else None,
        moment(summary.get("finished")),
        f"took {took}" if took else None,
    ]
    return [part for part in parts if part]
