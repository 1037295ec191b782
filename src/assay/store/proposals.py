"""Proposals: what the experts would change, what was decided, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa

from .._errors import AssayError
from . import _json
from ._cell import from_json, to_json
from .duckdb import Database
from .ledger import next_id
from .migrations import now

STATES = ("proposed", "queued", "refused", "applied", "reverted", "conflict")


@dataclass(frozen=True)
class Proposal:
    """One possible repair of one cell.

    Parameters
    ----------
    row, column : str
        The canonical row key and the column of the cell.
    kind, expert : str
        Which way of seeing an error found it, and whose.
    old, new : Any
        The cell as it is and as it would be.
    confidence, p_correct : float
        0..1: the expert's own score, and the calibrated probability that `new` is right.
    evidence : Mapping
        What speaks for it, fit for JSON.
    state, why : str
        One of proposed, queued, refused, applied, reverted, conflict; and the reason.
    """

    row: str
    column: str
    kind: str
    old: Any
    new: Any
    expert: str
    confidence: float
    p_correct: float
    evidence: Mapping[str, Any] = field(default_factory=dict)
    state: str = "proposed"
    why: str = ""


_TYPES = {
    "id": pa.int64(),
    "run": pa.int64(),
    "round": pa.int64(),
    "confidence": pa.float64(),
    "p_correct": pa.float64(),
}
_COLUMNS = ("id", "run", "round", "row", "column", "kind", "old", "new", "expert", "confidence", "p_correct")


def save(db: Database, run: int, number: int, proposals: Sequence[Proposal]) -> list[int]:
    """Append the proposals of a round, inside a transaction; return their numbers."""
    if not proposals:
        return []
    _check(proposal.state for proposal in proposals)
    first, n = next_id(db, "assay_proposal"), len(proposals)
    ids = list(range(first, first + n))
    columns: dict[str, list[Any]] = {
        "id": ids,
        "run": [run] * n,
        "round": [number] * n,
        "row_key": [proposal.row for proposal in proposals],
        "column_name": [proposal.column for proposal in proposals],
        "kind": [proposal.kind for proposal in proposals],
        "old_json": [to_json(proposal.old) for proposal in proposals],
        "new_json": [to_json(proposal.new) for proposal in proposals],
        "expert": [proposal.expert for proposal in proposals],
        "confidence": [float(proposal.confidence) for proposal in proposals],
        "p_correct": [float(proposal.p_correct) for proposal in proposals],
        "evidence_json": [_json.dumps(proposal.evidence) for proposal in proposals],
        "state": [proposal.state for proposal in proposals],
        "why": [proposal.why for proposal in proposals],
    }
    db.insert("assay_proposal", columns, _TYPES)
    return ids


def decide(db: Database, decisions: Sequence[tuple[int, str, str]], actor: str) -> None:
    """Record decisions (proposal, state, why) and make them the proposals' states, inside a transaction."""
    if not decisions:
        return
    _check(state for _, state, _ in decisions)
    last = {number: (state, why) for number, state, why in decisions}
    n = len(decisions)
    columns: dict[str, list[Any]] = {
        "proposal": [number for number, _, _ in decisions],
        "state": [state for _, state, _ in decisions],
        "why": [why for _, _, why in decisions],
        "actor": [actor] * n,
        "at_utc": [now()] * n,
    }
    db.insert("assay_decision", columns, {"proposal": pa.int64()})
    latest = {
        "id": list(last),
        "state": [state for state, _ in last.values()],
        "why": [why for _, why in last.values()],
    }
    with db.staged(latest, {"id": pa.int64()}) as staged:
        db.run(
            f"UPDATE assay_proposal SET state = {staged}.state, why = {staged}.why "
            f"FROM {staged} WHERE {staged}.id = assay_proposal.id"
        )


def listed(db: Database, run: int | None, row: str | None, state: str | None) -> pd.DataFrame:
    """Return the proposals that fit, in the order in which they were made."""
    wanted = {"run": run, "row_key": row, "state": state}
    given = {name: value for name, value in wanted.items() if value is not None}
    where = " AND ".join(f"{name} = ?" for name in given) or "1 = 1"
    rows = db.rows(
        f"""SELECT id, run, round, row_key, column_name, kind, old_json, new_json, expert, confidence,
            p_correct, evidence_json, state, why FROM assay_proposal WHERE {where} ORDER BY id""",
        *given.values(),
    )
    frame = pd.DataFrame(rows, columns=pd.Index([*_COLUMNS, "evidence", "state", "why"]), dtype=object)
    for name in ("old", "new"):
        frame[name] = pd.Series([from_json(text) for text in frame[name]], index=frame.index, dtype=object)
    frame["evidence"] = pd.Series(
        [_json.loads(text) for text in frame["evidence"]], index=frame.index, dtype=object
    )
    return frame.astype(
        {"id": "int64", "run": "int64", "round": "int64", "confidence": float, "p_correct": float}
    )


def _check(states: Any) -> None:
    for state in states:
        if state not in STATES:
            raise AssayError(f"'{state}' is no state of a proposal; it is one of {', '.join(STATES)}.")
