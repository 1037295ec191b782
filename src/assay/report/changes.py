"""Changes: the repairs with their evidence, the ledger they were written to, and the ways back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .facts import CHANGED, Facts
from .words import DASH, WIDEST, cell, count, is_missing, is_number, moment, plural, sentence

SHOWN = 200
ASIDE = 100
_OPS = {"set": "set", "drop": "set aside", "restore": "restored"}


@dataclass(frozen=True)
class Repair:
    """One proposed repair as shown; a cell of None is missing."""

    row: str
    column: str
    old: str | None
    new: str | None
    why: str | None
    expert: str
    probability: str
    order: float
    state: str


@dataclass(frozen=True)
class Repairs:
    """Repairs of some states: those shown, how many there are in all, and the columns they touch."""

    shown: list[Repair]
    total: int
    columns: list[str]

    @property
    def count(self) -> str:
        """How many there are in all, as people read it."""
        return count(self.total)

    @property
    def more(self) -> str | None:
        """How many are not shown; None where all are."""
        return count(self.total - len(self.shown)) if self.total > len(self.shown) else None

    @property
    def mixed(self) -> bool:
        """Whether some are no longer as they were applied, so that their state must be told."""
        return any(repair.state != "applied" for repair in self.shown)


def repairs(facts: Facts, states: tuple[str, ...] = CHANGED, shown: int = SHOWN) -> Repairs:
    """The proposals in one of these states, likeliest first, at most `shown` of them."""
    frame: Any = facts.proposals
    kept = frame[frame["state"].isin(states)] if len(frame) else frame
    if not len(kept):
        return Repairs([], 0, [])
    kept = kept.sort_values("p_correct", ascending=False, kind="stable", na_position="last")
    listed = [_repair(record) for record in kept.head(shown).to_dict("records")]
    return Repairs(listed, len(kept), sorted({repair.column for repair in listed}))


def _repair(record: Mapping[str, Any]) -> Repair:
    old, new = _pair(record["old"], record["new"])
    evidence = record.get("evidence")
    why = evidence.get("why") if isinstance(evidence, Mapping) else None
    reason = record.get("why")
    if record["state"] not in ("applied", "proposed") and isinstance(reason, str) and reason:
        why = f"{why} ({reason})" if why else reason
    probability = record["p_correct"]
    return Repair(
        row=cell(record["row"], WIDEST),
        column=cell(record["column"], WIDEST),
        old=old,
        new=new,
        why=sentence(why),
        expert=cell(record["expert"], WIDEST),
        probability=_likely(probability),
        order=float(probability) if is_number(probability) else -1.0,
        state=str(record["state"]),
    )


def _likely(probability: Any) -> str:
    """Two decimals; what rounds to certainty is shown as less than that."""
    if not is_number(probability):
        return DASH
    return ">0.99" if probability > 0.99 else f"{probability:.2f}"


def _pair(old: Any, new: Any) -> tuple[str | None, str | None]:
    """Both cells as shown; where they look alike but differ in type, the type is told."""
    shown = tuple(None if is_missing(value) else cell(value) for value in (old, new))
    if shown[0] is not None and shown[0] == shown[1] and isinstance(old, str) != isinstance(new, str):
        shown = tuple(
            f"{text} ({'text' if isinstance(value, str) else 'number'})"
            for text, value in zip(shown, (old, new), strict=True)
        )
    return shown[0], shown[1]


def ledger(facts: Facts) -> dict[str, Any]:
    """The batches of the ledger in order, its last hash, and the commands that list and take back."""
    frame: Any = facts.ledger
    batches = []
    for number, edits in frame.groupby("batch", sort=False):
        kinds = edits["op"].value_counts(sort=False)
        batches.append(
            {
                "number": cell(number),
                "when": moment(edits["at"].iloc[-1]),
                "what": ", ".join(
                    f"{count(many)} {_OPS.get(str(op), str(op))}" for op, many in kinds.items()
                ),
                "rows": count(edits["row"].nunique()),
                "undone": count(int(edits["undone"].astype(bool).sum())),
            }
        )
    return {
        "batches": batches,
        "entries": count(len(frame)),
        "head": str(frame["hash"].iloc[-1]) if len(frame) and "hash" in frame else None,
        "verified": None if facts.verified is None else plural(facts.verified, "entry", "entries"),
        "broken": facts.broken,
        "undo": facts.undo,
        "ways": _ways_back(facts) if len(frame) else [],
        "log": facts.command("log", "--edits"),
        "undone": _undone(facts),
    }


def _undone(facts: Facts) -> str | None:
    """How many of the run's edits have been taken back since; None where all stand."""
    gone: Any = facts.ledger["undone"]
    back = int(gone.astype(bool).sum())
    if back and back == len(facts.ledger):
        return "All of this run has been taken back since."
    what = f"{count(back)} of the {plural(len(facts.ledger), 'edit')} of this run"
    return f"{what} {'has' if back == 1 else 'have'} been taken back since." if back else None


def _ways_back(facts: Facts) -> list[tuple[str, str]]:
    """A command to take back each kind of part, with a batch, row and column that the ledger holds."""
    last = facts.ledger.iloc[-1]
    ways = [("the whole run", facts.undo), ("one batch", ("--batch", str(last["batch"])))]
    ways.append(("one row", ("--row", str(last["row"]))))
    columns = [column for column in facts.ledger["column"] if not is_missing(column)]
    if columns:
        ways.append(("one column", ("--column", str(columns[-1]))))
    return [(what, how if isinstance(how, str) else facts.command("revert", *how)) for what, how in ways]
