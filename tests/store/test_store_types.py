"""Types: a value survives the way into a cell, through the ledger, and back, to the last bit."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from desk import MODES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay import store
from assay._errors import AssayError
from assay.store import Edit, Store
from assay.store._cell import Other, from_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
F32 = st.floats(width=32)
SECONDS = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 1, 1))
STRATEGIES: dict[str, st.SearchStrategy[Any]] = {
    "TINYINT": st.integers(-(2**7), 2**7 - 1),
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "UBIGINT": st.integers(0, 2**64 - 1),
    "HUGEINT": st.integers(-(2**126), 2**126),
    "DOUBLE": st.floats(),
    "FLOAT": F32,
    "DECIMAL(30,6)": st.decimals(-(10**20), 10**20, places=6),
    "BOOLEAN": st.booleans(),
    "VARCHAR": TEXT | st.sampled_from(["nan", "NULL", "1.0", "", "'", '"', "\\", "true", "2020-01-01"]),
    "DATE": st.dates(),
    "TIME": st.times(),
    "TIMESTAMP": SECONDS,
    "TIMESTAMP WITH TIME ZONE": SECONDS.map(lambda value: value.replace(tzinfo=dt.UTC)),
    "UUID": st.uuids(),
    "BLOB": st.binary(max_size=12),
    "FLOAT[3]": st.lists(F32, min_size=3, max_size=3).map(lambda numbers: np.array(numbers, np.float32)),
    "FLOAT[]": st.lists(F32, max_size=4).map(lambda numbers: np.array(numbers, np.float32)),
    "VARCHAR[]": st.lists(
        st.none() | TEXT | st.sampled_from(["NULL", "null", "a, b", "'", "[x]"]), max_size=4
    ),
    "BIGINT[]": st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=4),
    "DOUBLE[]": st.lists(st.floats(allow_nan=False), max_size=4),
}


def bits(value: Any) -> Any:
    """What makes two values the same: every bit of a float but a NaN's, every digit, the type."""
    if isinstance(value, np.ndarray):
        return ("f32", np.where(np.isnan(value), np.float32("nan"), value).astype(np.float32).tobytes())
    if isinstance(value, float):
        return ("float", "nan" if value != value else struct.pack("<d", value))
    if isinstance(value, list):
        return [bits(item) for item in value]
    return (type(value).__name__, str(value))


class Bench:
    """A store with a table of one missing cell for each type."""

    def __init__(self, path: Path) -> None:
        self.store: Store = store.open(path)
        self.fresh()

    def fresh(self) -> None:
        """Go on with a new table, so that nothing is left of the one before."""
        self.table = f"t{len(self.store.tables())}"
        columns = ", ".join(f'"{kind}" {kind}' for kind in STRATEGIES)
        self.store._db.run(f"CREATE TABLE {self.table} (id INTEGER, {columns})")
        self.store._db.run(f"INSERT INTO {self.table} (id) VALUES (1)")
        self.run = self.store.begin_run(self.table, ["id"], {}, 0)

    def hash(self) -> str:
        """The hash of the row."""
        return self.store.row_hashes(self.table)["1"]

    def put(self, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        """Write values as one batch of the overlay, and return the ledger's word for each."""
        row = self.hash()
        edits = [Edit("1", kind, olds.get(kind), new, row_hash=row) for kind, new in news.items()]
        batch = self.store.apply(self.run.id, edits, mode="overlay", gate={}, round=1)
        assert not batch.conflicts, batch
        found = self.store._db.rows("SELECT column_name, new_json FROM assay_edit WHERE batch = ?", batch.id)
        return {kind: from_json(text) for kind, text in found}

    def fetched(self, like: dict[str, Any], suffix: str = "__repaired") -> dict[str, Any]:
        """The database's own values, in the form in which the test gave them."""
        zone = '"TIMESTAMP WITH TIME ZONE"'  # which the driver would want another package for
        (row,) = self.store._db.rows(
            f"SELECT * EXCLUDE (id) REPLACE ({zone} AT TIME ZONE 'UTC' AS {zone}) FROM {self.table}{suffix}"
        )
        return {kind: as_fetched(cell, like[kind]) for kind, cell in zip(STRATEGIES, row, strict=True)}


def all_bits(values: dict[str, Any]) -> dict[str, Any]:
    """The bits of each value."""
    return {kind: bits(value) for kind, value in values.items()}


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Iterator[Bench]:
    """One store for all types: every test leaves its cells missing."""
    held = Bench(tmp_path_factory.mktemp("types") / "d.duckdb")
    yield held
    held.store.close()


@pytest.fixture(scope="module")
def random_bench(tmp_path_factory) -> Iterator[Bench]:
    """One more, for random values."""
    held = Bench(tmp_path_factory.mktemp("types") / "r.duckdb")
    yield held
    held.store.close()


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(first=st.fixed_dictionaries(STRATEGIES), second=st.fixed_dictionaries(STRATEGIES))
def test_a_value_survives_the_cell_the_ledger_and_the_way_back(random_bench: Bench, first, second):
    """Written over missing cells and other values, read in SQL and in a frame, reverted to what it was."""
    random_bench.fresh()
    bench, table = random_bench, random_bench.table
    before = bench.hash()
    assert all_bits(bench.put({}, first)) == all_bits(first)
    middle = bench.hash()
    seen = bench.store.read(table).iloc[0].to_dict()
    assert all_bits(bench.put(seen, second)) == all_bits(second)
    assert all_bits(bench.fetched(second)) == all_bits(second)
    last = bench.store._db.one("SELECT max(id) FROM assay_batch")
    assert not bench.store.revert(table, batch=last).conflicts
    assert bench.hash() == middle
    assert not bench.store.revert(table, batch=last - 1).conflicts
    assert bench.hash() == before


def as_fetched(stored: Any, like: Any) -> Any:
    """The database's Python value in the form in which the test gave it."""
    if isinstance(like, np.ndarray):
        return np.asarray(stored, np.float32)
    return stored.replace(tzinfo=dt.UTC) if isinstance(like, dt.datetime) and like.tzinfo else stored


def test_every_type_is_changed_and_restored_in_place(tmp_path):
    """One row of all types, quarantined and back, every cell overwritten and back: the row's hash tells."""
    bench = Bench(tmp_path / "d.duckdb")
    values: dict[str, Any] = {
        "TINYINT": -128,
        "BIGINT": 2**53 + 1,
        "UBIGINT": 2**64 - 1,
        "HUGEINT": -(2**100),
        "DOUBLE": -0.0,
        "FLOAT": float(np.float32(0.1)),
        "DECIMAL(30,6)": Decimal("12345678901234567890.100000"),
        "BOOLEAN": False,
        "VARCHAR": "007",
        "DATE": dt.date(1, 1, 1),
        "TIME": dt.time(23, 59, 59, 999999),
        "TIMESTAMP": dt.datetime(2020, 1, 1, 0, 0, 0, 1),
        "TIMESTAMP WITH TIME ZONE": dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        "UUID": UUID(int=1),
        "BLOB": b"\x00'\\x",
        "FLOAT[3]": np.array([0.1, np.nan, -0.0], np.float32),
        "FLOAT[]": np.array([], np.float32),
        "VARCHAR[]": ["NULL", None, "a, 'b'"],
        "BIGINT[]": [2**63 - 1, None],
        "DOUBLE[]": [0.1, float("inf")],
    }
    assert values.keys() == STRATEGIES.keys()
    first = bench.store.row_hashes("t0")
    edits = [Edit("1", kind, None, value, row_hash=first["1"]) for kind, value in values.items()]
    assert bench.store.apply(bench.run.id, edits, mode="in_place", gate={}, round=1).applied == len(values)
    full = bench.store.row_hashes("t0")
    assert all_bits(bench.fetched(values, "")) == all_bits(values)
    drop = Edit("1", None, None, None, "drop", row_hash=full["1"])
    bench.store.apply(bench.run.id, [drop], mode="in_place", gate={}, round=1)
    assert bench.store.read("t0").empty
    assert len(bench.store.read("t0", as_of=1)) == 1
    bench.store.revert("t0", batch=2)
    assert bench.store.row_hashes("t0") == full
    bench.store.revert("t0", batch=1)
    assert bench.store.row_hashes("t0") == first
    old = bench.store.ledger()["old"].iloc[len(values)]
    assert all_bits({kind: old[kind] for kind in values}) == all_bits(values)
    bench.store.close()


def test_nan_and_missing_stay_two_things_in_a_float_column(bench):
    """A frame shows both as missing; the ledger and the database tell them apart."""
    assert bits(bench.put({}, {"DOUBLE": float("nan")})["DOUBLE"]) == ("float", "nan")
    assert bench.store._db.rows('SELECT isnan("DOUBLE") FROM "t0__repaired"') == [(True,)]
    assert bench.put({"DOUBLE": float("nan")}, {"DOUBLE": None}) == {"DOUBLE": None}
    assert bench.store._db.rows('SELECT "DOUBLE" IS NULL FROM "t0__repaired"') == [(True,)]
    bench.store.revert("t0", column="DOUBLE")


@pytest.mark.parametrize(
    ("kind", "given", "stored"),
    [
        ("BIGINT", np.int32(7), 7),
        ("BIGINT", 7.0, 7),
        ("BIGINT", Decimal("7.00"), 7),
        ("BIGINT", pd.NA, None),
        ("BIGINT", float("nan"), None),
        ("DOUBLE", 7, 7.0),
        ("DOUBLE", np.float32(0.5), 0.5),
        ("DECIMAL(30,6)", 1.5, Decimal("1.500000")),
        ("VARCHAR", 64, "64"),
        ("VARCHAR", 64.0, "64"),
        ("VARCHAR", 64.5, "64.5"),
        ("BOOLEAN", np.bool_(True), True),
        ("DATE", pd.Timestamp("2020-01-31"), dt.date(2020, 1, 31)),
        ("DATE", "2020-01-31", dt.date(2020, 1, 31)),
        ("TIMESTAMP", np.datetime64("2020-01-31T10:00"), dt.datetime(2020, 1, 31, 10)),
        ("TIMESTAMP", dt.date(2020, 1, 31), dt.datetime(2020, 1, 31)),
        ("UUID", str(UUID(int=5)), UUID(int=5)),
        ("FLOAT[]", [1, 2.5], np.array([1, 2.5], np.float32)),
        ("BIGINT[]", np.array([1, 2]), [1, 2]),
    ],
)
def test_values_as_frames_hold_them_fit_their_column(bench, kind, given, stored):
    """What numpy and pandas make of a value is the value."""
    result = bench.put({}, {kind: given})[kind]
    bench.store.revert("t0", column=kind)
    assert bits(result) == bits(stored)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("TINYINT", 128),
        ("BIGINT", "7"),
        ("UBIGINT", -1),
        ("DECIMAL(30,6)", Decimal("0.0000001")),
        ("DECIMAL(30,6)", "1.5"),
        ("BOOLEAN", 1),
        ("VARCHAR", True),
        ("VARCHAR", ["a"]),
        ("DATE", dt.datetime(2020, 1, 1, 10)),
        ("DATE", "yesterday"),
        ("TIMESTAMP", dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        ("TIMESTAMP", pd.Timestamp("2020-01-01 00:00:00.000000001")),
        ("TIMESTAMP WITH TIME ZONE", dt.datetime(2020, 1, 1)),
        ("UUID", "x"),
        ("BLOB", "x"),
        ("FLOAT[3]", [1.0, 2.0]),
        ("FLOAT[3]", "[1, 2, 3]"),
        ("BIGINT[]", ["a"]),
    ],
)
def test_a_value_that_its_column_cannot_keep_exactly_is_refused(bench, kind, given):
    """Nothing is rounded, cut or guessed."""
    with pytest.raises(AssayError, match="Column '"):
        bench.put({}, {kind: given})


@pytest.mark.parametrize("mode", MODES)
def test_columns_of_types_that_cannot_be_edited_are_kept_and_guarded(tmp_path, mode):
    """Structs, maps, intervals: other cells can be repaired, rows dropped and restored, changes are seen."""
    with store.open(tmp_path / "d.duckdb") as held:
        held._db.run(
            "CREATE TABLE t (id INTEGER, s STRUCT(a INTEGER), m MAP(VARCHAR, INTEGER), i INTERVAL, x VARCHAR)"
        )
        held._db.run(
            "INSERT INTO t VALUES (1, {'a': 1}, MAP {'k': 1}, INTERVAL 1 MONTH, 'x'),"
            " (2, NULL, NULL, NULL, 'y')"
        )
        run, first = held.begin_run("t", ["id"], {}, 0), held._db.rows("SELECT * FROM t ORDER BY id")
        hashes = held.row_hashes("t")
        edits = [
            Edit("1", "x", "x", "new", row_hash=hashes["1"]),
            Edit("1", None, None, None, "drop", row_hash=hashes["1"]),
        ]
        assert held.apply(run.id, edits, mode=mode, gate={}, round=1).applied == 2
        assert held.ledger()["old"].iloc[1]["s"] == Other("{'a': 1}")
        held.revert("t")
        assert held._db.rows("SELECT * FROM t ORDER BY id") == first
        assert held.row_hashes("t") == hashes
        with pytest.raises(AssayError, match="cannot be edited"):
            held.apply(
                run.id, [Edit("1", "s", None, None, row_hash=hashes["1"])], mode=mode, gate={}, round=1
            )
        held._db.run("UPDATE t SET s = {'a': 2} WHERE id = 1")
        assert held.row_hashes("t")["1"] != hashes["1"]


def test_an_enum_takes_its_own_values_only(tmp_path):
    """And the view keeps the type."""
    with store.open(tmp_path / "d.duckdb") as held:
        held._db.run("CREATE TYPE mood AS ENUM ('it''s', 'ok')")
        held._db.run("CREATE TABLE t (id INTEGER, m mood)")
        held._db.run("INSERT INTO t VALUES (1, 'ok')")
        run, hashes = held.begin_run("t", ["id"], {}, 0), held.row_hashes("t")
        with pytest.raises(AssayError, match="cannot keep 'new'"):
            held.apply(run.id, [Edit("1", "m", "ok", "new", row_hash=hashes["1"])], gate={}, round=1)
        assert (
            held.apply(run.id, [Edit("1", "m", "ok", "it's", row_hash=hashes["1"])], gate={}, round=1).applied
            == 1
        )
        assert held.read("t")["m"].tolist() == ["it's"]


def test_nanoseconds_are_kept(tmp_path):
    """Pandas' own timestamps lose nothing."""
    frame = pd.DataFrame(
        {"id": [1], "at": pd.to_datetime(["2020-01-01 00:00:00.123456789"]).astype("datetime64[ns]")}
    )
    with store.open(tmp_path / "d.duckdb") as held:
        held.adopt("t", frame, ["id"])
        run, new = held.begin_run("t", ["id"], {}, 0), pd.Timestamp("2020-01-01 00:00:00.987654321")
        edit = Edit("1", "at", frame["at"].iloc[0], new, row_hash=held.row_hashes("t")["1"])
        assert held.apply(run.id, [edit], gate={}, round=1).applied == 1
        assert held.read("t")["at"].iloc[0] == new
        assert held.ledger()["new"].iloc[0] == new
        held.revert("t")
        pd.testing.assert_frame_equal(held.read("t"), frame, check_column_type=False)
