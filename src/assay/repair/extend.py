"""Extend: once everything is judged, the rows that judged are repaired as the training rows were."""

from __future__ import annotations

from ..store import Edit
from .choice import plain
from .session import SLOTS, Session, served_edits

EXTENSION = 1_000_000 * SLOTS  # the step that comes after all rounds
WHY = "carried over from the training rows, after the last judgement"


def extend(session: Session) -> int:
    """Repair feature cells of the value, gate and final rows, and return how many.

    These are the repairs with which the rows were served to the model when the gate accepted the same
    expert's batch for the training rows. Labels are never touched. They are written last, as a batch of
    their own.
    """
    if EXTENSION not in session.records:
        original = session.original
        place = {key: i for i, key in enumerate(original.keys.tolist())}
        last: dict[tuple[str, str], object] = {}
        for _, record in sorted(session.records.items()):
            last |= {(key, column): new for key, column, new in served_edits(record)}
        edits = []
        for (key, column), new in last.items():
            old = original.frame[column].iat[place[key]]
            edits.append(Edit(key, column, plain(old), new, why=WHY))
        state = {"round": 0, "expert": "extension", "verdict": "repair", "why": WHY, "rows": 0, "queries": 0}
        if edits:
            session.write(EXTENSION, edits, state | {"accepted": len(edits)})
        else:
            session.record(EXTENSION, state | {"accepted": 0})
    return int(session.records[EXTENSION]["accepted"])
