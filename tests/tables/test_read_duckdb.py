"""DuckDB tables: the right one, in a lasting order, whatever it is called."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import quote

import duckdb
import pandas as pd
import pytest

from assay._errors import AssayError, StoreLocked
from assay.tables import load


def database(tmp_path, *statements):
    """Make a file of these statements."""
    path = tmp_path / "d.duckdb"
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


@pytest.mark.parametrize("name", ["people", "select", 'we"ird', "two words", "semi;colon", "Ünï'code", "a.b"])
def test_any_name_of_a_table_or_column_works(tmp_path, name):
    """Keywords, quotes and spaces are names like any other; by name, by URL and as the only table."""
    quoted = '"' + name.replace('"', '""') + '"'
    path = database(
        tmp_path, f"create table {quoted} as select i as id, i % 2 as {quoted} from range(9) t(i)"
    )
    for source, table in ((path, None), (str(path), name), (f"duckdb://{path}?table={quote(name)}", None)):
        loaded = load(source, table=table, target=name)
        assert (loaded.name, len(loaded.frame), loaded.roles.key) == (name, 9, ("id",))


def test_rows_come_in_the_order_of_their_key(tmp_path):
    """Integers sort as integers; what the key is may be declared, given or guessed."""
    path = database(
        tmp_path,
        "create table a (code varchar, n integer, y varchar, primary key (n))",
        "insert into a values ('b', 10, 'x'), ('a', 9, 'y'), ('c', 100, 'x')",
        "create table b as select code as id, n, y from a",
    )
    assert load(path, table="a").keys.tolist() == ["9", "10", "100"]
    assert load(path, table="a", key="code").frame["n"].tolist() == [9, 10, 100]
    assert load(path, table="b").keys.tolist() == ["a", "b", "c"]


def test_the_only_table_of_the_users_is_taken(tmp_path):
    """The store's own tables and all views are not the user's table, but a view can be asked for."""
    path = database(
        tmp_path,
        "create table t as select 1 as id, 'a' as y union all select 2, 'b'",
        "create table assay_edit (id integer)",
        "create view t__repaired as select id + 1 as id, y from t",
    )
    assert load(path).name == "t"
    assert load(path, table="t__repaired").keys.tolist() == ["2", "3"]


def test_several_tables_are_all_named(tmp_path):
    """Where there is a choice the user makes it."""
    path = database(tmp_path, "create table t (a int)", "create schema s", "create table s.u (a int)")
    with pytest.raises(AssayError, match=r"holds 2 tables \('t', 's\.u'\): name one with table="):
        load(path)
    with pytest.raises(AssayError, match=r"no table 'tt' in database .*did you mean 't'\?"):
        load(path, table="tt")


def test_tables_of_other_schemas_are_found(tmp_path):
    """schema.name is the name of a table outside main."""
    path = database(
        tmp_path, "create schema s", "create table s.u as select i as id, i % 2 as y from range(4) t(i)"
    )
    assert load(path, table="s.u").name == "s.u"


def test_an_empty_database_holds_nothing(tmp_path):
    """No table is not an empty list in a traceback."""
    with pytest.raises(AssayError, match=r"holds 0 tables \(none\)"):
        load(database(tmp_path))


def test_types_are_kept(tmp_path):
    """Whole numbers with gaps, decimals, dates, arrays, enums and UUIDs come as what they are."""
    path = database(
        tmp_path,
        "create table t as select * from (values"
        " (1, 5, 1.10::decimal(5,2), date '2020-01-01', [1, 2]::float[2], 'a'::enum('a', 'b'), uuid()),"
        " (2, null, null, null, null, null, uuid())) v(id, n, price, day, vector, level, code)",
    )
    table = load(path, key="id")
    assert dict(table.roles.kinds) == {
        "id": "number",
        "n": "number",
        "price": "number",
        "day": "date",
        "vector": "vector",
        "level": "category",
        "code": "category",
    }
    assert str(table.frame["n"].dtype) == "Int32"
    assert table.frame["n"].tolist() == [5, pd.NA]


def test_reading_changes_nothing(tmp_path):
    """The file is opened read-only: it is the same to the byte."""
    path = database(tmp_path, "create table t as select i as id, i % 2 as y from range(9) t(i)")
    before = path.read_bytes()
    load(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_named(tmp_path):
    """The ending alone makes no database."""
    (tmp_path / "d.duckdb").write_text("hello " * 1000)
    with pytest.raises(AssayError, match=r"d\.duckdb' cannot be opened as a DuckDB database"):
        load(tmp_path / "d.duckdb")


def test_a_database_that_another_program_writes_is_locked(tmp_path):
    """The lock of another process, and of this one, is an error of its own with the fix."""
    path = database(tmp_path, "create table t as select i as id, i % 2 as y from range(9) t(i)")
    held = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", held, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(StoreLocked, match="open for writing in another program: close it"):
            load(path)
        other.communicate("")
    assert load(path).name == "t"
    with duckdb.connect(str(path)), pytest.raises(StoreLocked):
        load(path)
