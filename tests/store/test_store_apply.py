"""Apply: one transaction, each edit only if its row and its cell still are what they were."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest
from desk import MODES, stripped

from assay._errors import AssayError
from assay.store import Edit, Proposal, ledger, runs


def theirs(desk, query: str) -> None:
    """Someone else's change, from a connection of their own."""
    with duckdb.connect(str(desk.store.path)) as other:
        other.execute(query)


def proposals_of(desk, *cells: tuple[str, str]) -> list[int]:
    """The numbers of new proposals for these cells."""
    made = [Proposal(row, column, "k", None, "x", "e", 0.5, 0.9) for row, column in cells]
    return desk.store.save_proposals(desk.run.id, 1, made)


@pytest.mark.parametrize("mode", MODES)
def test_edits_show_and_the_base_is_touched_only_in_place(desk, mode):
    """Sets, missing cells and quarantine, in both modes."""
    edits = [
        desk.edit("30", "height", 1.5, None),
        desk.edit("10", "name", None, "bob"),
        desk.edit("20", None, None, None, op="drop"),
    ]
    batch = desk.apply(edits, mode)
    assert (batch.id, batch.applied, batch.conflicts) == (1, 3, ())
    now = desk.read()
    assert now["id"].tolist() == [30, 10, 40]
    assert now["name"].tolist() == ["ann", "bob", "cid"]
    assert now["height"].isna().tolist() == [True, True, False]
    pd.testing.assert_frame_equal(desk.read(as_of=0), desk.frame, check_column_type=False)
    assert desk.read(raw=True).equals(desk.read(as_of=0)) == (mode == "overlay")


def test_quarantine_keeps_whole_rows_and_types(desk):
    """In place, a dropped row moves with all its columns."""
    desk.drop("20", "in_place")
    assert desk.sql('SELECT * FROM "t__quarantine"') == [(20, "dee", 4.0, 2**60 + 1)]
    kinds = "SELECT data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index"
    assert desk.sql(kinds, "t__quarantine") == desk.sql(kinds, "t")
    assert desk.store.tables() == ["t"]


@pytest.mark.parametrize("mode", MODES)
def test_a_row_changed_by_someone_else_is_a_conflict(desk, mode):
    """Even in another cell than the edited one: it is skipped, returned, and its proposal re-queued."""
    (number,) = proposals_of(desk, ("30", "name"))
    stale, fresh = (
        desk.edit("30", "name", "ann", "eve", proposal=number),
        desk.edit("40", "name", "cid", "kim"),
    )
    theirs(desk, "UPDATE t SET height = 9 WHERE id = 30")
    batch = desk.apply([stale, fresh], mode)
    assert batch.applied == 1
    assert [stripped(edit) for edit in batch.conflicts] == [stale]
    assert batch.conflicts[0].why == "The row was changed after it was read."
    assert desk.cell("30", "name") == "ann"
    assert desk.cell("40", "name") == "kim"
    found = desk.store.proposals(state="conflict")
    assert found["id"].tolist() == [number]
    assert found["why"].tolist() == [batch.conflicts[0].why]


@pytest.mark.parametrize("mode", MODES)
def test_a_wrong_old_value_a_wrong_hash_and_a_gone_row_are_conflicts(desk, mode):
    """Nothing of such a batch is written but its record."""
    gone = desk.edit("20", "name", "dee", "x")
    theirs(desk, "DELETE FROM t WHERE id = 20")
    edits = [
        desk.edit("30", "name", "wrong", "x"),
        Edit("30", "name", "ann", "x", row_hash="b2:00"),
        Edit("30", "name", "ann", "x"),
        desk.edit("nobody", "name", None, "x"),
        gone,
        desk.edit("40", "n", "text", 5),
    ]
    batch = desk.apply(edits, mode)
    assert batch.applied == 0
    assert [stripped(edit) for edit in batch.conflicts] == edits
    assert desk.read()["name"].tolist() == ["ann", desk.cell("10", "name"), "cid"]
    assert desk.store.verify() == 0


@pytest.mark.parametrize("mode", MODES)
def test_a_row_in_quarantine_takes_no_edit_until_it_is_restored(desk, mode):
    """Not in the same batch, not in a later one."""
    change, away = desk.edit("30", "name", "ann", "eve"), desk.edit("30", None, None, None, op="drop")
    assert desk.apply([away, change], mode).conflicts[0].why == "The row is in quarantine."
    assert desk.apply([change], mode).applied == 0
    assert desk.apply([Edit("30", None, None, None, "restore")], mode).applied == 1
    assert desk.apply([change], mode).applied == 1
    pd.testing.assert_frame_equal(
        desk.read(), desk.frame.assign(name=["eve", None, "cid", "dee"]), check_column_type=False
    )
    assert desk.apply([Edit("30", None, None, None, "restore")], mode).applied == 0


@pytest.mark.parametrize("mode", MODES)
def test_two_edits_of_one_row_fit_in_a_batch_but_not_two_of_one_cell(desk, mode):
    """Both carry the hash of the row as it was read; the second of one cell finds another old value."""
    edits = [
        desk.edit("30", "name", "ann", "eve"),
        desk.edit("30", "height", 1.5, 2.5),
        desk.edit("30", "name", "ann", "kim"),
    ]
    batch = desk.apply(edits, mode)
    assert batch.applied == 2
    assert [edit.new for edit in batch.conflicts] == ["kim"]
    assert desk.cell("30", "name") == "eve"


def test_two_rows_with_one_key_are_a_conflict(desk):
    """Someone inserted the key again."""
    edit = desk.edit("30", "name", "ann", "eve")
    theirs(desk, "INSERT INTO t SELECT * FROM t WHERE id = 30")
    assert desk.apply([edit], "in_place").conflicts[0].why == "Two rows now have this key."


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (Edit("30", "nope", 1, 2), "no column 'nope'; it has id, name"),
        (Edit("30", "id", 30, 31), "a key is never edited"),
        (Edit("30", "height", 1.5, "tall"), "holds DOUBLE; 'tall' is not one"),
        (Edit("30", "n", 1, 2.5), "holds BIGINT; 2.5 is not one"),
        (Edit("30", "n", 1, 2**70), "cannot keep"),
        (Edit("30", "n", 1, True), "holds BIGINT; True is not one"),
        (Edit("30", "height", 1.5, 2**53 + 1), "cannot keep 9007199254740993 exactly"),
        (Edit("30", None, 1, 2), "is no edit"),
        (Edit("30", "name", 1, 2, "drop"), "is no edit"),
        (Edit("30", "name", 1, 2, "explode"), "is no edit"),  # type: ignore[arg-type]
    ],
)
def test_an_edit_that_cannot_be_made_refuses_the_whole_batch(desk, edit, says):
    """One sentence, nothing written."""
    with pytest.raises(AssayError, match=says):
        desk.apply([desk.edit("40", "name", "cid", "kim"), edit])
    assert desk.store.batches().empty
    assert desk.cell("40", "name") == "cid"


def test_an_unknown_mode_or_run_is_refused(desk):
    """One sentence each."""
    with pytest.raises(AssayError, match="is no mode"):
        desk.store.apply(desk.run.id, [], mode="sideways", gate={}, round=1)
    with pytest.raises(AssayError, match="no run 99"):
        desk.store.apply(99, [], gate={}, round=1)


def test_in_place_under_live_overlay_repairs_is_refused(desk):
    """Else the repairs would fall off; after a revert it is allowed."""
    desk.set("30", "name", "eve")
    with pytest.raises(AssayError, match="1 live overlay repairs"):
        desk.set("40", "name", "kim", "in_place")
    desk.store.revert("t")
    assert desk.set("40", "name", "kim", "in_place").applied == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", ["ledger", "round"])
def test_an_error_at_any_step_leaves_nothing_behind(desk, mode, step, monkeypatch):
    """Edits, ledger, proposals, view, quarantine and round are one transaction."""
    (number,) = proposals_of(desk, ("30", "name"))
    edits = [
        desk.edit("30", "name", "ann", "eve", proposal=number),
        desk.edit("20", None, None, None, op="drop"),
    ]

    def broken(*_):
        raise RuntimeError("power cut")

    target = (ledger, "_insert") if step == "ledger" else (runs, "save_round")
    with monkeypatch.context() as patch:
        patch.setattr(*target, broken)
        with pytest.raises(RuntimeError, match="power cut"):
            desk.apply(edits, mode, state={"done": True})
    pd.testing.assert_frame_equal(desk.read(raw=True), desk.frame, check_column_type=False)
    pd.testing.assert_frame_equal(desk.read(), desk.frame, check_column_type=False)
    assert desk.store.ledger().empty
    assert desk.store.batches().empty
    assert desk.store.proposals()["state"].tolist() == ["proposed"]
    assert desk.sql("SELECT * FROM assay_round") == []
    assert desk.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal") == []
    assert desk.apply(edits, mode, state={"done": True}).applied == 2


def test_a_batch_sets_proposals_round_and_gate_at_once(desk):
    """All that a resumed run needs to know is in the one transaction."""
    numbers = proposals_of(desk, ("30", "name"), ("40", "name"))
    edits = [
        desk.edit("30", "name", "ann", "eve", proposal=numbers[0], why="Spelt so elsewhere."),
        desk.edit("40", "name", "wrong", "kim", proposal=numbers[1]),
    ]
    desk.apply(edits, state={"round": 1, "gain": 0.1}, actor="jo")
    assert desk.store.proposals()["state"].tolist() == ["applied", "conflict"]
    assert desk.store.rounds(desk.run.id) == [{"round": 1, "gain": 0.1}]
    batch = desk.store.batches("t").iloc[0]
    assert (batch["about"], batch["actor"], batch["edits"], batch["kind"]) == (
        {"gain": 0.5},
        "jo",
        1,
        "apply",
    )
    entry = desk.store.history("t", "30").iloc[0]
    assert (entry["old"], entry["new"], entry["why"], entry["actor"]) == (
        "ann",
        "eve",
        "Spelt so elsewhere.",
        "jo",
    )
    assert entry["proposal"] == numbers[0]
    assert entry["at"].endswith("+00:00")
    decisions = "SELECT proposal, state, actor FROM assay_decision ORDER BY proposal"
    assert desk.sql(decisions) == [(numbers[0], "applied", "jo"), (numbers[1], "conflict", "jo")]


def test_a_constraint_of_the_users_table_is_one_clear_error(tmp_path):
    """NOT NULL stays in force, and nothing of the batch is written."""
    from assay import store

    with store.open(tmp_path / "d.duckdb") as held:
        held._db.run("CREATE TABLE t (id INTEGER PRIMARY KEY, x VARCHAR NOT NULL, v VARCHAR[])")
        held._db.run("INSERT INTO t VALUES (1, 'a', ['p']), (2, 'b', NULL)")
        run = held.begin_run("t", ["id"], {}, 0)
        hashes = held.row_hashes("t")
        edits = [
            Edit("2", "x", "b", "c", row_hash=hashes["2"]),
            Edit("1", "x", "a", None, row_hash=hashes["1"]),
        ]
        with pytest.raises(AssayError, match="nothing was written"):
            held.apply(run.id, edits, mode="in_place", gate={}, round=1)
        assert held.read("t")["x"].tolist() == ["a", "b"]
        listed = Edit("1", "v", ["p"], ["q", None], row_hash=hashes["1"])
        assert held.apply(run.id, [listed], mode="in_place", gate={}, round=1).applied == 1
        assert held.read("t")["id"].tolist() == [1, 2]
