"""Revert and as_of: whatever was done in whatever order, every state is still there."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from desk import MODES, Desk

from assay._errors import AssayError
from assay.store import Edit, Proposal

ROWS, COLUMNS, VALUES = ("1", "2", "3"), ("a", "b"), ("x", "y", None)


@dataclass
class Change:
    """The model's edit: what it did, to which cell (None: the whole row), and whether it is applied now."""

    batch: int
    run: int
    row: str
    column: str | None
    old: Any
    new: Any
    applied: bool = True
    moved: int = 0  # when it was last applied or taken back


@dataclass
class Model:
    """What the store must be, in plain Python: a dict of cells and a set of absent rows."""

    cells: dict[tuple[str, str], Any]
    away: set[str] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    acts: list[list[tuple[Change, bool]]] = field(
        default_factory=list
    )  # of each batch: change, applied by it
    states: list[dict[str, dict[str, Any]]] = field(default_factory=list)
    clock: int = 0

    def shown(self) -> dict[str, dict[str, Any]]:
        """The rows that are in the table."""
        return {r: {c: self.cells[r, c] for c in COLUMNS} for r in ROWS if r not in self.away}

    def edit(self, run: int, row: str, column: str | None, new: Any) -> None:
        """Make one edit of the batch under way."""
        old = None if column is None else self.cells[row, column]
        change = Change(len(self.acts), run, row, column, old, new, applied=False)
        self.changes.append(change)
        self.turn(change, True)

    def covered(self, change: Change) -> bool:
        """Whether another change of the same cell or row was applied on top."""
        same = [c for c in self.changes if c.row == change.row and c.column == change.column]
        return any(c.applied and c.moved > change.moved for c in same)

    def turn(self, change: Change, on: bool) -> bool:
        """Apply a change or take it back, if nothing stands in the way."""
        if change.column is None:
            leaves = (change.new == "away") == on
            if (change.row in self.away) == leaves or (not on and self.covered(change)):
                return False
            (self.away.add if leaves else self.away.discard)(change.row)
        else:
            cell = change.row, change.column
            if change.row in self.away or self.cells[cell] != (change.old if on else change.new):
                return False
            if not on and self.covered(change):
                return False
            self.cells[cell] = change.new if on else change.old
        self.clock += 1
        change.applied, change.moved = on, self.clock
        self.acts[-1].append((change, on))
        return True

    def revert(self, batch: int | None, fits: Callable[[Change], bool]) -> None:
        """Turn round what fits, the latest first."""
        if batch is None:
            chosen = [(c, True) for c in self.changes if fits(c) and c.applied]
        else:
            chosen = [(c, on) for c, on in self.acts[batch] if fits(c) and c.applied == on]
        if not chosen:
            raise AssayError("nothing")
        self.acts.append([])
        for change, on in sorted(chosen, key=lambda act: act[0].moved, reverse=True):
            self.turn(change, not on)


def as_dict(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """A frame as the model shows its rows."""
    plain = frame.astype(object).where(frame.notna(), None)
    return {str(row["id"]): {c: row[c] for c in COLUMNS} for row in plain.to_dict("records")}


def random_batch(desk: Desk, model: Model, chance: random.Random, run: int, mode: str) -> None:
    """Apply one to three edits, in the store and in the model."""
    model.acts.append([])
    edits, hashes = [], desk.store.row_hashes("t")
    for row in chance.sample(ROWS, chance.randint(1, 3)):
        kind = chance.random()
        if row in model.away:
            if kind < 0.5:
                edits.append(Edit(row, None, None, None, "restore"))
                model.edit(run, row, None, "back")
            continue
        if kind < 0.25:
            edits.append(Edit(row, None, None, None, "drop", row_hash=hashes[row]))
            model.edit(run, row, None, "away")
            continue
        for column in chance.sample(COLUMNS, chance.randint(1, 2)):
            new = chance.choice(VALUES)
            edits.append(Edit(row, column, model.cells[row, column], new, row_hash=hashes[row]))
            model.edit(run, row, column, new)
    batch = desk.store.apply(run, edits, mode=mode, gate={}, round=1)
    assert not batch.conflicts


def random_revert(desk: Desk, model: Model, chance: random.Random, runs: list[int]) -> None:
    """Revert by batch, run, row, column or a mix of them, in the store and in the model."""
    chosen: dict[str, Any] = {
        "batch": chance.randrange(len(model.acts)) if chance.random() < 0.6 else None,
        "run": chance.choice(runs) if chance.random() < 0.2 else None,
        "row": chance.choice(ROWS) if chance.random() < 0.3 else None,
        "column": chance.choice(COLUMNS) if chance.random() < 0.2 else None,
    }
    if chosen["batch"] is not None:
        chosen["run"] = None
    before = len(model.acts)
    try:
        model.revert(
            chosen["batch"],
            lambda c: (
                chosen["run"] in (None, c.run)
                and chosen["row"] in (None, c.row)
                and chosen["column"] in (None, c.column)
            ),
        )
    except AssayError:
        with pytest.raises(AssayError, match=r"undone already|Nothing was done"):
            desk.store.revert("t", **_shifted(chosen))
        assert len(model.acts) == before
        return
    done = desk.store.revert("t", **_shifted(chosen))
    assert done.applied == len(model.acts[-1])


def _shifted(chosen: dict[str, Any]) -> dict[str, Any]:
    """The store counts batches from 1."""
    return chosen | {"batch": None if chosen["batch"] is None else chosen["batch"] + 1}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(3))
def test_any_history_equals_the_model_at_every_point_and_can_be_undone_whole(
    tmp_path: Path, seed: int, mode: str
):
    """Each as_of is the model's state; reverting all gives the first table, bit for bit."""
    chance = random.Random(seed)
    frame = pd.DataFrame({"id": [3, 1, 2], "a": ["x", "y", None], "b": ["y", None, "x"]})
    desk = Desk(tmp_path / "d.duckdb", frame)
    first = desk.sql("SELECT * FROM t ORDER BY id")
    runs = [desk.run.id, desk.store.begin_run("t", ["id"], {"seed": 2}, 2).id]
    model = Model(
        {
            (str(r["id"]), c): r[c]
            for r in frame.astype(object).where(frame.notna(), None).to_dict("records")
            for c in COLUMNS
        }
    )
    states = [model.shown()]
    for _ in range(12):
        if model.acts and chance.random() < 0.5:
            random_revert(desk, model, chance, runs)
        else:
            random_batch(desk, model, chance, chance.choice(runs), mode)
        if len(model.acts) == len(states):
            states.append(model.shown())
            assert as_dict(desk.read()) == states[-1]
    assert [as_dict(desk.read(as_of=n)) for n in range(len(states))] == states
    assert desk.store.stale("t").empty
    if any(change.applied for change in model.changes):
        assert not desk.store.revert("t").conflicts
    assert desk.sql("SELECT * FROM t ORDER BY id") == first
    pd.testing.assert_frame_equal(desk.read(), frame, check_column_type=False)
    assert as_dict(desk.read(as_of=len(states) - 1)) == states[-1]
    assert desk.store.verify() == len(desk.store.ledger())
    desk.store.close()


@pytest.mark.parametrize("mode", MODES)
def test_each_way_of_choosing_takes_back_just_that(desk, mode):
    """By batch, by run, by row, by column, and by two of them."""
    second = desk.store.begin_run("t", ["id"], {"seed": 2}, 2)
    for run, row, column, old, new in (
        (desk.run.id, "30", "name", "ann", "a1"),
        (desk.run.id, "30", "height", 1.5, 9.0),
        (second.id, "40", "name", "cid", "c1"),
        (second.id, "40", "height", 3.25, 8.0),
    ):
        desk.store.apply(run, [desk.edit(row, column, old, new)], mode=mode, gate={}, round=1)

    def after(**chosen: Any) -> list[Any]:
        done = desk.store.revert("t", **chosen)
        now = desk.read().set_index("id").loc[[30, 40], ["name", "height"]]
        cells = now.to_numpy().ravel().tolist()
        desk.store.revert("t", batch=done.id)
        return cells

    assert after(batch=1) == ["ann", 9.0, "c1", 8.0]
    assert after(run=second.id) == ["a1", 9.0, "cid", 3.25]
    assert after(row="30") == ["ann", 1.5, "c1", 8.0]
    assert after(column="height") == ["a1", 1.5, "c1", 3.25]
    assert after(run=second.id, column="name") == ["a1", 9.0, "cid", 8.0]
    assert after() == ["ann", 1.5, "cid", 3.25]
    assert desk.read(as_of=4).equals(desk.read())


@pytest.mark.parametrize("mode", MODES)
def test_edits_of_one_cell_come_off_newest_first_in_one_batch(desk, mode):
    """Three edits of a cell by one run: the revert walks back through each of them."""
    for name in ("one", "two", "three"):
        desk.set("30", "name", name, mode)
    done = desk.store.revert("t", run=desk.run.id)
    assert (done.applied, done.conflicts) == (3, ())
    assert desk.store.ledger().tail(3)[["old", "new"]].to_numpy().tolist() == [
        ["three", "two"],
        ["two", "one"],
        ["one", "ann"],
    ]
    assert desk.cell("30", "name") == "ann"


@pytest.mark.parametrize("mode", MODES)
def test_a_cell_that_came_back_to_the_same_value_is_still_covered(desk, mode):
    """Ann -> bob -> ann -> bob: the first edit cannot be taken from under the other two."""
    for name in ("bob", "ann", "bob"):
        desk.set("30", "name", name, mode)
    done = desk.store.revert("t", batch=1)
    assert done.applied == 0
    assert done.conflicts[0].why == "A later batch changed the same cell; revert that one first."
    assert desk.store.revert("t").applied == 3
    assert desk.cell("30", "name") == "ann"


def test_a_cell_changed_in_place_by_someone_else_is_never_overwritten(desk):
    """The value is theirs; the rest of the batch is taken back."""
    desk.apply([desk.edit("30", "name", "ann", "eve"), desk.edit("40", "name", "cid", "kim")], "in_place")
    desk.sql("UPDATE t SET name = 'theirs' WHERE id = 30")
    done = desk.store.revert("t", batch=1)
    assert done.applied == 1
    (conflict,) = done.conflicts
    assert (conflict.row, conflict.column, conflict.old, conflict.new) == ("30", "name", "eve", "ann")
    assert [desk.cell("30", "name"), desk.cell("40", "name")] == ["theirs", "cid"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE \"t__quarantine\" SET name = 'x'", "The row was changed since."),
        ('DELETE FROM "t__quarantine"', "The row is no longer in the table."),
        ("INSERT INTO t VALUES (30, 'again', 1, 1)", "The row is back in the table."),
    ],
)
def test_a_quarantined_row_that_someone_touched_is_not_put_back(desk, change, says):
    """Changed in quarantine, removed from it, or inserted again under its key."""
    desk.drop("30", "in_place")
    desk.sql(change)
    done = desk.store.revert("t")
    assert (done.applied, [edit.why for edit in done.conflicts]) == (0, [says])


def test_a_revert_is_a_batch_and_can_be_reverted(desk):
    """Undo, redo, undo: proposals follow."""
    (number,) = desk.store.save_proposals(
        desk.run.id, 1, [Proposal("30", "name", "k", "ann", "eve", "e", 0.5, 0.9)]
    )
    desk.apply([desk.edit("30", "name", "ann", "eve", proposal=number)])
    seen = []
    for batch in (1, 2, 3):
        done = desk.store.revert("t", batch=batch, actor="jo")
        seen.append((done.id, desk.cell("30", "name"), desk.store.proposals()["state"].item()))
    assert seen == [(2, "ann", "reverted"), (3, "eve", "applied"), (4, "ann", "reverted")]
    batches = desk.store.batches("t")
    assert batches["kind"].tolist() == ["apply", "revert", "revert", "revert"]
    assert batches["about"].tolist()[1:] == [{"batch": 1}, {"batch": 2}, {"batch": 3}]
    assert batches["undone"].tolist() == [1, 0, 1, 0]
    assert desk.store.ledger()["undone"].tolist() == [True, False, True, False]


def test_there_must_be_something_to_revert(desk):
    """Nothing done, nothing that fits, and all undone already are one sentence each."""
    with pytest.raises(AssayError, match="Nothing was done in table 't' by everything"):
        desk.store.revert("t")
    desk.set("30", "name", "eve")
    with pytest.raises(AssayError, match="by batch 9"):
        desk.store.revert("t", batch=9)
    desk.store.revert("t", batch=1)
    with pytest.raises(AssayError, match="batch 1 is undone already"):
        desk.store.revert("t", batch=1)
    with pytest.raises(AssayError, match="undone already"):
        desk.store.revert("t", row="30")


def test_in_place_rows_come_back_to_their_place(tmp_path):
    """The order of rows survives quarantine and return."""
    frame = pd.DataFrame({"id": range(50), "a": "x"})
    desk = Desk(tmp_path / "d.duckdb", frame)
    desk.apply([desk.edit(str(i), None, None, None, op="drop") for i in (0, 7, 20)], "in_place")
    desk.store.revert("t")
    assert desk.read()["id"].tolist() == list(range(50))
    assert desk.read(as_of=1)["id"].tolist() == [i for i in range(50) if i not in (0, 7, 20)]
    desk.store.close()
