"""Overlay: any client sees the repairs, and nobody's new value is ever hidden by one."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest


def view(desk, columns: str = "*") -> list[tuple]:
    """What another program reads, from a connection of its own."""
    with duckdb.connect(str(desk.store.path)) as other:
        return other.execute(f'SELECT {columns} FROM "t__repaired" ORDER BY id').fetchall()


def theirs(desk, query: str) -> None:
    """Someone else's change, from a connection of their own."""
    with duckdb.connect(str(desk.store.path)) as other:
        other.execute(query)


def test_the_view_is_what_read_returns_in_the_tables_own_types(desk):
    """Repaired cells folded, quarantined rows left out, types kept."""
    desk.set("30", "height", None)
    desk.set("10", "n", 2**61)
    desk.drop("40")
    assert view(desk) == [(10, None, None, 2**61), (20, "dee", 4.0, 2**60 + 1), (30, "ann", None, 1)]
    kinds = "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index"
    assert desk.sql(kinds, "t__repaired") == desk.sql(kinds, "t")
    desk.store.revert("t")
    assert view(desk) == desk.sql("SELECT * FROM t ORDER BY id")


def test_someone_elses_new_value_wins_over_a_repair_and_is_told(desk):
    """Our repair falls off that cell only; a revert does not touch it; another edit may build on it."""
    desk.set("30", "name", "eve")
    desk.set("40", "name", "kim")
    theirs(desk, "UPDATE t SET name = 'theirs' WHERE id = 30")
    assert view(desk, "id, name") == [(10, None), (20, "dee"), (30, "theirs"), (40, "kim")]
    assert desk.cell("30", "name") == "theirs"
    told = desk.store.stale("t")
    assert told[["row", "column", "now", "new", "batch"]].to_numpy().tolist() == [
        ["30", "name", "theirs", "eve", 1]
    ]
    undone = desk.store.revert("t")
    assert undone.applied == 1
    assert [(edit.row, edit.why) for edit in undone.conflicts] == [("30", "The cell was changed since.")]
    assert view(desk, "id, name") == [(10, None), (20, "dee"), (30, "theirs"), (40, "cid")]
    desk.set("30", "name", "ours again")
    assert view(desk, "name")[2] == ("ours again",)


def test_a_value_that_someone_else_made_equal_to_the_repair_is_theirs(desk):
    """It cannot be reverted: the base table holds it now."""
    desk.set("30", "name", "eve")
    theirs(desk, "UPDATE t SET name = 'eve' WHERE id = 30")
    assert desk.store.revert("t").conflicts[0].why == "The cell was changed since."
    assert desk.cell("30", "name") == "eve"


@pytest.mark.parametrize("change", ["name = 'x'", "height = 7", "n = NULL"])
def test_a_quarantined_row_that_someone_changes_comes_back(desk, change):
    """Whatever the column; the drop is told as stale and its revert is a conflict."""
    desk.drop("30")
    assert [row[0] for row in view(desk)] == [10, 20, 40]
    theirs(desk, f"UPDATE t SET {change} WHERE id = 30")
    assert [row[0] for row in view(desk)] == [10, 20, 30, 40]
    assert desk.store.stale("t")[["row", "batch"]].to_numpy().tolist() == [["30", 1]]
    assert desk.store.revert("t").conflicts[0].why == "The row is back in the table."


def test_rows_that_others_add_and_remove_show(desk):
    """The view follows the base table."""
    desk.set("30", "name", "eve")
    theirs(desk, "INSERT INTO t VALUES (50, 'new', 1, 1); DELETE FROM t WHERE id = 10")
    assert view(desk, "id, name") == [(20, "dee"), (30, "eve"), (40, "cid"), (50, "new")]
    assert desk.read()["id"].tolist() == [30, 40, 20, 50]


def test_a_column_that_others_add_shows_after_the_next_batch(desk):
    """Edits hold, the hash of every row is another."""
    old = desk.edit("40", "name", "cid", "kim")
    desk.set("30", "name", "eve")
    theirs(desk, "ALTER TABLE t ADD COLUMN extra INTEGER DEFAULT 7")
    assert desk.apply([old]).applied == 0
    desk.set("30", "extra", 8)
    assert view(desk, "id, name, extra") == [(10, None, 7), (20, "dee", 7), (30, "eve", 8), (40, "cid", 7)]


def test_repairs_on_repairs_in_place_come_off_in_order(desk):
    """An overlay may lie on a table that was repaired in place; each comes off by itself."""
    desk.set("30", "name", "in place", "in_place")
    desk.set("30", "name", "overlay")
    assert desk.store.revert("t", batch=1).applied == 0
    assert [desk.cell("30", "name", as_of=n) for n in range(3)] == ["ann", "in place", "overlay"]
    desk.store.revert("t")
    assert [desk.cell("30", "name"), desk.cell("30", "name", raw=True)] == ["ann", "ann"]
    pd.testing.assert_frame_equal(desk.read(raw=True), desk.frame, check_column_type=False)


def test_the_view_does_not_depend_on_the_readers_time_zone(tmp_path):
    """A row in quarantine and a repaired moment, read from New York."""
    from assay import store
    from assay.store import Edit

    with store.open(tmp_path / "d.duckdb") as held:
        held._db.run("CREATE TABLE t (id INTEGER, m TIMESTAMPTZ)")
        held._db.run("INSERT INTO t VALUES (1, '2020-01-01 10:00:00+00'), (2, '2020-01-02 10:00:00.5+00')")
        run = held.begin_run("t", ["id"], {}, 0)
        hashes, moment = held.row_hashes("t"), held.read("t")["m"].iloc[1]
        edits = [
            Edit("1", None, None, None, "drop", row_hash=hashes["1"]),
            Edit("2", "m", moment, moment + pd.Timedelta("1us"), row_hash=hashes["2"]),
        ]
        assert held.apply(run.id, edits, gate={}, round=1).applied == 2
        with duckdb.connect(str(held.path)) as other:
            other.execute("SET TimeZone = 'America/New_York'")
            found = other.execute('SELECT id, CAST(epoch_us(m) AS BIGINT) FROM "t__repaired"').fetchall()
        assert found == [(2, moment.value // 1000 + 1)]
