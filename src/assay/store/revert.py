"""Revert: the inverses of chosen entries, newest first, as a batch of its own; nothing is ever erased.

An entry and the entries that undo it, redo it, .. form a chain by `reverts`. An entry is in force while an
even number of entries follows it in its chain; only those in force are undone.

Invariant: the edits in force of one cell form a stack from the cell's first value to its present one, and
only the top is ever taken off. So undoing all of them, in whatever portions, ends at the first value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._errors import AssayError
from ._cell import from_json
from ._edits import Batch, Edit, Mode, Op
from ._json import dumps
from ._rows import Row
from ._shape import Shape
from ._writer import Cell, Writer
from .duckdb import Database
from .ledger import ENTRY, Entry
from .overlay import check_view


@dataclass(frozen=True)
class Selection:
    """Which entries are meant: all that fit every field that is not None."""

    batch: int | None = None
    run: int | None = None
    row: str | None = None
    column: str | None = None

    def __str__(self) -> str:
        given = [f"{name} {value}" for name, value in vars(self).items() if value is not None]
        return ", ".join(given) or "everything"


@dataclass(frozen=True)
class Undoing:
    """An entry in force and the chain that it stands in, as the numbers of its entries."""

    entry: Entry
    chain: tuple[int, ...]

    @property
    def tail(self) -> int:
        """The last entry of the chain: the one that the inverse `reverts`."""
        return self.chain[-1]

    @property
    def redoes(self) -> bool:
        """Whether the inverse brings an undone edit back."""
        return len(self.chain) % 2 == 0


def revert_edits(
    db: Database, shape: Shape, chosen: Selection, actor: str
) -> tuple[Batch, list[tuple[int, str]]]:
    """Write the inverse batch, inside a transaction; return it and the new state of each proposal concerned.

    Raises
    ------
    AssayError
        Where nothing fits the selection, or all that does is undone already.
    """
    entries = _entries(db, shape.name)
    undoings = _chosen(entries, chosen)
    if undoings is None:
        raise AssayError(
            f"Nothing was done in table '{shape.name}' by {chosen}; `assay log` lists the batches."
        )
    if not undoings:
        raise AssayError(f"What was done in table '{shape.name}' by {chosen} is undone already.")
    if any(undoing.entry.mode == "overlay" for undoing in undoings):
        check_view(db, shape)
    about = {"run": None, "round": None, "kind": "revert", "mode": None, "actor": actor}
    about["about_json"] = dumps({name: value for name, value in vars(chosen).items() if value is not None})
    writer = Writer(db, shape, [undoing.entry.row_key for undoing in undoings], about)
    stacks = _stacks(entries)
    conflicts: list[Edit] = []
    states: list[tuple[int, str]] = []
    for undoing in undoings:
        reason = _covered(stacks, undoing) or _undo(writer, shape, undoing)
        if reason is not None:
            conflicts.append(_as_edit(undoing.entry, reason))
            continue
        _restack(stacks, undoing)
        if undoing.entry.proposal is not None:
            states.append((undoing.entry.proposal, "applied" if undoing.redoes else "reverted"))
    writer.finish()
    return Batch(writer.id, len(writer.entries), tuple(conflicts)), states


def undone(db: Database, table: str) -> set[int]:
    """Return the numbers of the entries of a table that are not in force."""
    lists = _chains(_entries(db, table)).values()
    return {number for chain in lists for place, number in enumerate(chain) if (len(chain) - 1 - place) % 2}


def in_force(db: Database, table: str) -> list[Entry]:
    """Return the edits of a table that are in force, the latest made or redone last."""
    found = _entries(db, table)
    by_id = {entry.id: entry for entry in found}
    return [by_id[chain[0]] for chain in _live(found)]


def _entries(db: Database, table: str) -> list[Entry]:
    sql = f"SELECT {', '.join(ENTRY)} FROM assay_edit WHERE table_name = ? ORDER BY id"
    return [Entry(*fields) for fields in db.rows(sql, table)]


def _chains(entries: list[Entry]) -> dict[int, list[int]]:
    """Return, for each first entry of a chain, the numbers of all its entries in order."""
    root_of: dict[int, int] = {}
    found: dict[int, list[int]] = {}
    for entry in entries:
        root = entry.id if entry.reverts is None else root_of[entry.reverts]
        root_of[entry.id] = root
        found.setdefault(root, []).append(entry.id)
    return found


def _live(entries: list[Entry]) -> list[list[int]]:
    """Return the chains whose edit is in force, by when it was last made or redone."""
    return sorted(
        (chain for chain in _chains(entries).values() if len(chain) % 2), key=lambda chain: chain[-1]
    )


def _chosen(entries: list[Entry], chosen: Selection) -> list[Undoing] | None:
    """Return what is to be undone, newest first; None where no entry fits."""
    by_id = {entry.id: entry for entry in entries}
    fitting, found = 0, []
    for chain in _chains(entries).values():
        for place, number in enumerate(chain):
            entry = by_id[number]
            # Only a batch is ever named to redo what a revert undid; all else means the edits themselves.
            if (entry.reverts is not None and chosen.batch is None) or not _fits(entry, chosen):
                continue
            fitting += 1
            if (len(chain) - 1 - place) % 2 == 0:
                found.append(Undoing(entry, tuple(chain)))
    if not fitting:
        return None
    return sorted(found, key=lambda undoing: undoing.tail, reverse=True)


def _stacks(entries: list[Entry]) -> dict[tuple[str, str | None], list[int]]:
    """Return, for each cell, the first entries of its edits in force, the latest made or redone last."""
    by_id = {entry.id: entry for entry in entries}
    stacks: dict[tuple[str, str | None], list[int]] = {}
    for root, *_ in _live(entries):
        stacks.setdefault((by_id[root].row_key, by_id[root].column_name), []).append(root)
    return stacks


def _covered(stacks: dict[tuple[str, str | None], list[int]], undoing: Undoing) -> str | None:
    """An edit with another on top of it stays, even where the values happen to be the same again."""
    entry = undoing.entry
    if undoing.redoes or stacks[entry.row_key, entry.column_name][-1] == undoing.chain[0]:
        return None
    return "A later batch changed the same cell; revert that one first."


def _restack(stacks: dict[tuple[str, str | None], list[int]], undoing: Undoing) -> None:
    stack = stacks.setdefault((undoing.entry.row_key, undoing.entry.column_name), [])
    if undoing.redoes:
        stack.append(undoing.chain[0])
    else:
        stack.pop()


def _fits(entry: Entry, chosen: Selection) -> bool:
    return (
        chosen.batch in (None, entry.batch)
        and chosen.run in (None, entry.run)
        and chosen.row in (None, entry.row_key)
        and chosen.column in (None, entry.column_name)
    )


def _undo(writer: Writer, shape: Shape, undoing: Undoing) -> str | None:
    """Write the inverse of an entry, or return what stands in its way."""
    entry = undoing.entry
    row = writer.rows.get(entry.row_key)
    if row is None:
        return "The row is no longer in the table."
    if not row.unique:
        return "Two rows now have this key."
    mode: Mode = "overlay" if entry.mode == "overlay" else "in_place"
    about: dict[str, Any] = {
        "proposal": entry.proposal,
        "reverts": undoing.tail,
        "why": f"Undoes batch {entry.batch}.",
    }
    if entry.op == "set":
        i = shape.index(entry.column_name or "")
        if (reason := _cell_changed(row, entry, i)) is None:
            writer.set(entry.row_key, i, Cell(entry.old_text, entry.old_json or "null"), mode, **about)
        return reason
    if entry.op == "drop":
        if (reason := _away_changed(writer, row, entry)) is None:
            writer.restore(entry.row_key, mode, **about)
        return reason
    if row.where != "table" or writer.hash(row) != entry.row_hash_after:
        return "The row was changed since."
    writer.drop(entry.row_key, mode, **about)
    return None


def _cell_changed(row: Row, entry: Entry, i: int) -> str | None:
    if row.where != "table":
        return "The row is in quarantine."
    if row.texts[i] != entry.new_text or (entry.mode == "overlay" and row.base[i] != entry.base_text):
        return "The cell was changed since."
    return None


def _away_changed(writer: Writer, row: Row, entry: Entry) -> str | None:
    if row.where != ("hidden" if entry.mode == "overlay" else "quarantine"):
        return "The row is back in the table."
    return None if writer.hash(row) == entry.row_hash_before else "The row was changed since."


def _as_edit(entry: Entry, reason: str) -> Edit:
    """Return the inverse of an entry as an edit that was not made."""
    inverse: dict[str, Op] = {"set": "set", "drop": "restore", "restore": "drop"}
    op = inverse[entry.op]
    old, new = from_json(entry.new_json), from_json(entry.old_json)
    return Edit(
        entry.row_key, entry.column_name, old, new, op, entry.proposal, entry.row_hash_after or "", reason
    )
