"""Session: one run on one table of a store: what it reads, what it writes, and what it had done before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..store import Batch, Edit, Proposal, Run, Store, from_json
from ..tables import Table
from .frames import retyped, served

START = "start"  # marks the record of a round's first step
SLOTS = 100  # steps of one round: a step's number is round * SLOTS + its place


@dataclass
class Session:
    """Reads and writes of one run.

    Parameters
    ----------
    store : Store
        Where the table and the ledger are.
    run : Run
        The run, new or carried on.
    table : Table
        Roles and name; its frame is not looked at.
    part_of : Mapping of row key to part
        Rows that are not in it are training rows: only those can have been quarantined before.
    mode : {"overlay", "in_place"}
        How repairs are written.
    """

    store: Store
    run: Run
    table: Table
    part_of: Mapping[str, str]
    mode: Literal["overlay", "in_place"]
    _hashes: dict[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def records(self) -> dict[int, dict[str, Any]]:
        """What each finished step recorded, by the step's number; `batch` is what it wrote, if anything."""
        batches = self.store.batches(self.table.name)
        mine = batches[(batches["run"] == self.run.id) & (batches["kind"] == "apply")]
        written = dict(zip(mine["round"].tolist(), mine["id"].tolist(), strict=True))
        states = {int(state["step"]): state for state in self.store.rounds(self.run.id)}
        return {step: self._as_made(state, written.get(step)) for step, state in states.items()}

    @cached_property
    def start(self) -> int:
        """Number of the newest batch when the run began."""
        return int(self.records[SLOTS]["batch"])

    @cached_property
    def original(self) -> Table:
        """All rows as the run found them, but with the labels that they had before any repair of any run.

        A row that judges in this run may have been a training row of another: a label that an expert wrote
        must not judge experts, and a row that was left out is still there to judge.
        """
        first, now = self._read(as_of=0), self._read(as_of=self.start)
        place = {key: i for i, key in enumerate(now.keys.tolist())}
        rows = [place.get(key, -1) for key in first.keys.tolist()]
        there = np.array(rows) >= 0
        frame = first.frame.copy()
        for column in self.table.roles.features:
            cells = frame[column].astype(object).to_numpy(copy=True)
            cells[there] = now.frame[column].astype(object).to_numpy()[np.array(rows)[there]]
            frame[column] = retyped(cells, frame[column])
        return replace(first, frame=frame)

    def held(self, part: str, *, without: int | None = None, before: float = inf) -> Table:
        """The rows of a part as the model would be served them.

        Cell repairs that the gate accepted in this run are done to the features of copies of these rows, as
        they would be done to any new row before the model sees it; their labels are never changed. The step
        `without` is left out, and so are the steps from `before` on.
        """
        rows = self.original.take(self.parts(self.original) == part)
        steps = [step for step in sorted(self.records) if step != without and step < before]
        records = [self.records[step] for step in steps]
        return served(rows, [edit for record in records for edit in served_edits(record)])

    def train(self, *, as_of: int | None = None) -> Table:
        """The training rows as they are, or were after a batch; quarantined rows are left out."""
        whole = self._read(as_of=as_of)
        return whole.take(self.parts(whole) == "train")

    def parts(self, table: Table) -> NDArray[np.object_]:
        """The part of each row of `table`."""
        return np.array([self.part_of.get(key, "train") for key in table.keys.tolist()], dtype=object)

    def last_batch(self) -> int:
        """Number of the newest batch of the table, 0 where there is none."""
        batches = self.store.batches(self.table.name)
        return max((int(number) for number in batches["id"].tolist()), default=0)

    def start_round(self, number: int) -> int:
        """Number of the batch that a round starts from, as recorded where the round was begun before."""
        step = number * SLOTS
        if step not in self.records:
            self.record(step, {"round": number, "expert": START, "batch": self.last_batch()})
        self._hashes = self.store.row_hashes(self.table.name)
        return int(self.records[step]["batch"])

    def record(self, step: int, state: Mapping[str, Any]) -> None:
        """Remember what a step that wrote no edit found."""
        made = {"step": step, **state}
        self.store.save_round(self.run.id, step, made)
        self.records[step] = self._as_made(made, None)

    def propose(self, step: int, proposals: Sequence[Proposal]) -> list[int]:
        """Record the proposals of a step once, however often it is run again, and return their numbers."""
        known = self.store.proposals(self.run.id)
        mine = known.loc[known["round"] == step, "id"].tolist()
        return (
            mine if len(mine) == len(proposals) else self.store.save_proposals(self.run.id, step, proposals)
        )

    def write(self, step: int, edits: Sequence[Edit], state: Mapping[str, Any]) -> Batch:
        """Write a batch and the step's record in one transaction, and read the rows that it changed again."""
        hashed = [replace(edit, row_hash=self._hashes.get(edit.row, "")) for edit in edits]
        made = {"step": step, **state}
        batch = self.store.apply(
            self.run.id,
            hashed,
            mode=self.mode,
            gate={"verdict": state.get("verdict"), "arms": state.get("arms", [])},
            round=step,
            state=made,
        )
        self.records[step] = self._as_made(made, batch.id)
        changed = [edit.row for edit in edits]
        self._hashes.update(self.store.row_hashes(self.table.name, changed))
        return batch

    def _as_made(self, state: Mapping[str, Any], batch: int | None) -> dict[str, Any]:
        """The record with its batch, counting what was made of it: conflicts are not."""
        if batch is None:
            return {"batch": None, **state}
        ledger = self.store.ledger(self.table.name)
        mine = ledger[ledger["batch"] == batch]
        ops = mine["op"].tolist()
        made = {
            "accepted": ops.count("set"),
            "dropped": ops.count("drop"),
            "rows": len(set(mine["row"].tolist())),
        }
        return {"batch": batch, **state, **(made if "dropped" in state else {"accepted": made["accepted"]})}

    def _read(self, *, as_of: int | None = None) -> Table:
        return replace(self.table, frame=self.store.read(self.table.name, as_of=as_of))


def served_edits(record: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """The edits (row key, column, new value) of the rows that judge that go with a step's batch."""
    return [(key, column, from_json(text)) for key, column, text in record.get("served", [])]
