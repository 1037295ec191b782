"""Adopt, read, names and keys: the user's table stays what it is."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import cycle
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from desk import MODES

from assay import store
from assay._errors import AssayError
from assay.store import Edit
from assay.tables._table import row_keys

HARD_NAMES = [
    "select",
    'a "quoted" one',
    "it's",
    "two words",
    "größe 身長",
    "a;drop table t;--",
    "rowid",
    "row_key",
    "c0",
    "assay",
]


def test_what_is_adopted_reads_back_in_the_same_order_with_the_same_types(desk):
    """A frame survives the way in and out."""
    pd.testing.assert_frame_equal(desk.read(), desk.frame, check_column_type=False)
    assert desk.store.tables() == ["t"]
    assert desk.store.key("t") == ("id",)


def test_adopting_the_same_frame_again_changes_nothing_even_after_repairs(desk):
    """The same command can be given twice."""
    desk.set("30", "name", "eve", "in_place")
    desk.drop("40", "in_place")
    desk.store.adopt("t", desk.frame, ["id"])
    assert len(desk.read()) == 3


def test_adopting_another_frame_under_the_same_name_is_refused(desk):
    """A table is never replaced."""
    with pytest.raises(AssayError, match="other rows"):
        desk.store.adopt("t", desk.frame.iloc[:3], ["id"])
    with pytest.raises(AssayError, match="other rows"):
        desk.store.adopt("t", desk.frame.assign(height="x"), ["id"])
    pd.testing.assert_frame_equal(desk.read(), desk.frame, check_column_type=False)


@pytest.mark.parametrize(
    ("frame", "key", "says"),
    [
        (pd.DataFrame({"id": [1, 1], "x": [1, 2]}), ["id"], "not unique: 1 stands in 2 rows"),
        (pd.DataFrame({"id": [1.0, None], "x": [1, 2]}), ["id"], "missing in 1 rows"),
        (pd.DataFrame({"id": [1, 2]}), ["nope"], "no column 'nope'"),
        (pd.DataFrame({"id": [1, 2], "": [1, 2]}), ["id"], "without a name"),
        (pd.DataFrame({"id": [1, 2], "A": 1, "a": 2}), ["id"], "case does not count"),
        (pd.DataFrame({"id": [1, 2], "x": [1, "a"]}), ["id"], "mixed types"),
        (pd.DataFrame({"id": [b"1", b"2"]}), ["id"], "holds BLOB"),
        (pd.DataFrame(), ["id"], "no columns"),
    ],
)
def test_a_frame_that_cannot_be_a_table_is_refused_and_nothing_is_written(tmp_path, frame, key, says):
    """One sentence, no table."""
    with store.open(tmp_path / "d.duckdb") as held:
        with pytest.raises(AssayError, match=says):
            held.adopt("t", frame, key)
        assert held.tables() == []


@pytest.mark.parametrize("name", ["assay_edit", "t__repaired", "t__quarantine", "", "T"])
def test_a_table_name_that_would_collide_is_refused(desk, name):
    """Our own names, and names that differ in case only, are taken."""
    with pytest.raises(AssayError, match=r"cannot be called|already has"):
        desk.store.adopt(name, desk.frame, ["id"])


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """One store for tables of every name."""
    with store.open(tmp_path_factory.mktemp("names") / "d.duckdb") as held:
        yield held


@pytest.mark.parametrize(("name", "mode"), list(zip(HARD_NAMES, cycle(MODES), strict=False)))
def test_any_name_works_for_tables_columns_and_keys(names, name, mode):
    """Keywords, quotes, spaces, letters of any script, and names used inside our own SQL."""
    held, other = names, f"other {name}"
    frame = pd.DataFrame({name: ["k'1", 'k"2', "k3"], other: ["x", "y", "z"]})
    held.adopt(name, frame, [name])
    run = held.begin_run(name, [name], {}, 0)
    hashes = held.row_hashes(name)
    edits = [
        Edit("k'1", other, "x", "'; --", row_hash=hashes["k'1"]),
        Edit("k3", None, None, None, "drop", row_hash=hashes["k3"]),
    ]
    assert held.apply(run.id, edits, mode=mode, gate={}, round=1).applied == 2
    assert held.read(name).to_numpy().tolist() == [["k'1", "'; --"], ['k"2', "y"]]
    before = held.batches(name)["id"].iloc[0] - 1
    assert held.read(name, as_of=before)[other].tolist() == ["x", "y", "z"]
    held.revert(name)
    assert held.read(name)[other].tolist() == ["x", "y", "z"]
    assert held.stale(name).empty


def test_the_users_own_database_is_worked_on_where_it_is(tmp_path):
    """Tables that were there are listed, read and keyed; a view is not a table."""
    path = tmp_path / "own.duckdb"
    with duckdb.connect(str(path)) as own:
        own.execute("CREATE TABLE stock (sku VARCHAR PRIMARY KEY, price DECIMAL(10,2))")
        own.execute("INSERT INTO stock VALUES ('a', 1.50), ('b', NULL)")
        own.execute("CREATE VIEW cheap AS SELECT * FROM stock")
    with store.open(path) as held:
        assert held.tables() == ["stock"]
        assert held.read("stock")["price"].tolist() == [Decimal("1.50"), None]
        with pytest.raises(AssayError, match="is a view"):
            held.begin_run("cheap", ["sku"], {}, 0)
        with pytest.raises(AssayError, match="has no key"):
            held.begin_run("stock", [], {}, 0)
        with pytest.raises(AssayError, match="it holds 'stock'"):
            held.read("nope")
        run = held.begin_run("stock", ["sku"], {}, 0)
        edit = Edit("b", "price", None, Decimal("2.25"), row_hash=held.row_hashes("stock")["b"])
        held.apply(run.id, [edit], mode="in_place", gate={}, round=1)
    with duckdb.connect(str(path)) as own:
        assert own.execute("SELECT * FROM stock ORDER BY 1").fetchall() == [
            ("a", Decimal("1.50")),
            ("b", Decimal("2.25")),
        ]


def test_a_name_of_ours_that_is_taken_is_not_written_over(desk):
    """A user's own view called `t__repaired` stays."""
    desk.sql('CREATE VIEW "t__repaired" AS SELECT 1 AS mine')
    with pytest.raises(AssayError, match="is not ours"):
        desk.set("30", "name", "eve")
    assert desk.sql('SELECT mine FROM "t__repaired"') == [(1,)]


def test_a_table_without_a_key_gets_row_numbers(tmp_path):
    """The new column is the key from then on, and an empty key means it."""
    with store.open(tmp_path / "d.duckdb") as held:
        held.adopt("t", pd.DataFrame({"x": ["a", "b"]}), [])
        held.adopt("t", pd.DataFrame({"x": ["a", "b"]}), [])
        assert held.key("t") == ("assay_row",)
        run = held.begin_run("t", (), {}, 0)
        held.apply(run.id, [Edit("1", "x", "b", "c", row_hash=held.row_hashes("t")["1"])], gate={}, round=1)
        assert held.read("t")["x"].tolist() == ["a", "c"]


KEYS = {
    "int": [1, -5, 2**62],
    "text": ["1", 'a "b"', "größe\n\t\\"],
    "bool": [True, False],
    "float": [1.0, 0.1, 1e22, 1e-7, 123456789.25],
    "date": [dt.date(2020, 1, 31), dt.date(1969, 12, 1)],
    "timestamp": [dt.datetime(2020, 1, 31, 10), dt.datetime(1960, 1, 1, 0, 0, 0, 500)],
    "decimal": [Decimal("1.50"), Decimal("-2.25")],
}


@pytest.mark.parametrize("kind", KEYS)
def test_row_keys_are_those_of_tables(tmp_path, kind):
    """The store and `Table.keys` call a row by the same text, alone and in a key of two columns."""
    frame = (
        pd.DataFrame({"k": pd.Series(KEYS[kind], dtype=object), "b": "x\"'é"})
        if kind in ("date", "decimal")
        else (pd.DataFrame({"k": KEYS[kind], "b": "x\"'é"}))
    )
    with store.open(tmp_path / "d.duckdb") as held:
        for name, key in (("one", ("k",)), ("two", ("k", "b"))):
            held.adopt(name, frame, key)
            assert list(held.row_hashes(name)) == row_keys(held.read(name), key).tolist()


def test_keys_without_one_text_are_refused(tmp_path):
    """Times with a zone depend on the reader's clock, 32-bit floats on rounding."""
    for column in (pd.Series(pd.to_datetime(["2020-01-01"], utc=True)), pd.Series([0.1], dtype="float32")):
        with (
            store.open(tmp_path / "d.duckdb") as held,
            pytest.raises(AssayError, match="Key column 'k' holds"),
        ):
            held.adopt("t", pd.DataFrame({"k": column}), ["k"])


def test_a_key_that_is_double_in_the_users_table_is_refused_before_anything_is_written(tmp_path):
    """begin_run looks at the table as it is."""
    with store.open(tmp_path / "d.duckdb") as held:
        held.adopt("t", pd.DataFrame({"a": [1, 2], "b": [1, 1]}), ["a"])
        with pytest.raises(AssayError, match="not unique"):
            held.begin_run("t", ["b"], {}, 0)
        assert held.runs() == []


def test_the_key_of_a_repaired_table_cannot_change(desk):
    """The ledger names rows by it."""
    desk.set("30", "name", "eve")
    with pytest.raises(AssayError, match="repaired under the key 'id'"):
        desk.store.begin_run("t", ["n", "id"], {}, 0)


def test_whole_numbers_beyond_floats_are_read_exactly(desk):
    """2**60 + 1 is itself, next to a missing cell."""
    assert desk.cell("20", "n") == 2**60 + 1
    assert desk.read()["n"].isna().tolist() == [False, False, True, False]


def test_categories_become_their_values(tmp_path):
    """A category column can take a value that it has not had."""
    with store.open(tmp_path / "d.duckdb") as held:
        held.adopt("t", pd.DataFrame({"id": [1], "c": pd.Categorical(["a"])}), ["id"])
        run = held.begin_run("t", ["id"], {}, 0)
        held.apply(run.id, [Edit("1", "c", "a", "new", row_hash=held.row_hashes("t")["1"])], gate={}, round=1)
        assert held.read("t")["c"].tolist() == ["new"]


def test_arrow_tables_are_adopted_with_their_types(tmp_path):
    """Vectors of a fixed length stay so."""
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([1, 2, 3, 4], pa.float32()), 2)
    with store.open(tmp_path / "d.duckdb") as held:
        held.adopt("t", pa.table({"id": [1, 2], "v": vectors}), ["id"])
        assert np.array_equal(np.stack(list(held.read("t")["v"])), [[1, 2], [3, 4]])
        assert [column.type for column in held._db.columns("t")] == ["BIGINT", "FLOAT[2]"]


def test_as_of_a_batch_that_is_not_there_is_refused(desk):
    """The sentence names the last one."""
    with pytest.raises(AssayError, match="no batch 7; the last is 0"):
        desk.read(as_of=7)


def test_row_hashes_tell_rows_apart_and_missing_from_nan(tmp_path):
    """Rows that differ hash differently: NULL, NaN, empty text and the text 'NULL' are four cells."""
    with store.open(tmp_path / "d.duckdb") as held:
        held._db.run("CREATE TABLE t (id INTEGER, x DOUBLE, s VARCHAR)")
        held._db.run(
            "INSERT INTO t VALUES (1, NULL, ''), (2, 'nan', ''), (3, NULL, NULL),"
            " (4, NULL, 'NULL'), (5, 1, 'a'), (6, 1, 'b')"
        )
        held.begin_run("t", ["id"], {}, 0)
        first = held.row_hashes("t")
        assert len(set(first.values())) == 6
        held._db.run("UPDATE t SET s = 'b' WHERE id = 5")
        second = held.row_hashes("t")
        assert {key for key in first if first[key] != second[key]} == {"5"}
        assert held.row_hashes("t", ["5", "nope"]) == {"5": second["5"]}


def test_tables_of_other_stores_do_not_leak(tmp_path: Path):
    """Two files have nothing in common."""
    with store.open(tmp_path / "a.duckdb") as a, store.open(tmp_path / "b.duckdb") as b:
        a.adopt("t", pd.DataFrame({"id": [1]}), ["id"])
        assert b.tables() == []
