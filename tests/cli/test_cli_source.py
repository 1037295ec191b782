"""The words that say which table is meant, and where it is worked on."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from made_up import people

from assay import store, tables
from assay._errors import AssayError
from assay.cli._source import Place, as_it_stands, kinds, opened, place
from assay.store import Edit, Store
from assay.tables import Table


@pytest.mark.parametrize(
    ("source", "db", "expected"),
    [
        ("data/people.csv", None, Place(Path("data/people.assay.duckdb"), True)),
        ("people.csv.gz", None, Place(Path("people.assay.duckdb"), True)),
        ("a.2023.csv", None, Place(Path("a.2023.assay.duckdb"), True)),
        ("people.parquet", "x.duckdb", Place(Path("x.duckdb"), True)),
        ("shop.duckdb", None, Place(Path("shop.duckdb"), False)),
        ("shop.duckdb", "shop.duckdb", Place(Path("shop.duckdb"), False)),
        ("duckdb:///data/shop.duckdb?table=orders", None, Place(Path("/data/shop.duckdb"), False)),
        ("duckdb:///data/my%20shop.duckdb", None, Place(Path("/data/my shop.duckdb"), False)),
    ],
)
def test_place(source, db, expected):
    """A database is worked on where it is, a file in a database next to it."""
    assert place(source, db) == expected


def test_two_databases():
    """A database as source and another one in --db contradict each other."""
    with pytest.raises(AssayError, match="leave out --db"):
        place("shop.duckdb", "other.duckdb")


def test_kinds():
    """COLUMN=KIND is split at the last equals sign; one without a column is refused."""
    assert kinds(["a=number", "b=c=text"]) == {"a": "number", "b=c": "text"}
    assert kinds(None) is None
    with pytest.raises(AssayError, match="COLUMN=KIND"):
        kinds(["number"])


def test_opened_makes_nothing(tmp_path: Path):
    """Opening what is not there, or a folder, is refused and makes no file."""
    for path in (tmp_path / "no.duckdb", tmp_path):
        with pytest.raises(AssayError, match="give the path"), opened(path):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_a_ledger(tmp_path: Path):
    """A database that Assay never worked on is refused, and no ledger is put into it."""
    path = tmp_path / "x.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS id")
    before = path.read_bytes()
    with pytest.raises(AssayError, match="no ledger"), opened(path):
        pass
    assert path.read_bytes() == before


@pytest.fixture
def numbered(tmp_path: Path) -> tuple[Store, Table]:
    """Return a store that has adopted a table without a key, and that table."""
    table = tables.load(people().drop(columns="id"), target="rich", number_rows=True)
    held = store.open(tmp_path / "x.duckdb")
    held.adopt(table.name, table.frame, table.roles.key)
    return held, table


def test_numbered_rows(numbered):
    """Rows without a key get one in the database, and the table says so."""
    held, table = numbered
    with held:
        now, parts = as_it_stands(held, table, 0)
    assert now.roles.key == ("assay_row",)
    assert now.keys.tolist() == [str(number) for number in range(len(table))]
    assert "assay_row" not in now.roles.features
    assert len(parts) == len(now)


def test_parts_do_not_move(numbered):
    """A row stays in its part when labels are repaired, and when a row was set aside."""
    held, table = numbered
    with held:
        before, parts = as_it_stands(held, table, 3)
        hashes = held.row_hashes(table.name)
        run = held.begin_run(table.name, (), {}, 3)
        old = before.frame["rich"].tolist()
        edits = [
            Edit(
                str(n),
                "rich",
                old[n],
                "yes" if old[n] == "no" else "no",
                "set",
                None,
                hashes[str(n)],
                "a test",
            )
            for n in range(0, 60, 2)
        ]
        edits.append(Edit("101", None, None, None, "drop", None, hashes["101"], "a test"))
        held.apply(run.id, edits, gate={}, round=1)
        now, after = as_it_stands(held, table, 3)
    assert now.frame["rich"].tolist() != old
    assert len(now) == len(before) - 1
    was = dict(zip(before.keys, parts, strict=True))
    assert dict(zip(now.keys, after, strict=True)) == {row: part for row, part in was.items() if row != "101"}
