"""Opening: every file that cannot be used is told in one sentence, and migrations come one by one."""

from __future__ import annotations

import os
import struct
import subprocess
import sys

import duckdb
import pytest

from assay import store
from assay._errors import AssayError, StoreLocked
from assay.store.duckdb import Database
from assay.store.migrations import MIGRATIONS, migrate

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_a_file_that_another_process_holds_is_locked_and_the_holder_is_named(tmp_path):
    """Its own error class, the process, and what to do; once it is gone, the file opens."""
    path = tmp_path / "d.duckdb"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StoreLocked) as caught:
            store.open(path)
        holder.communicate()
    said = str(caught.value)
    assert f"process {holder.pid}" in said
    assert "close it there" in said
    assert "\n" not in said
    store.open(path).close()


@pytest.mark.parametrize("content", [b"", b"id,name\n1,ann\n" * 999])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path, content):
    """A CSV, an empty file."""
    path = tmp_path / "d.duckdb"
    path.write_bytes(content)
    with pytest.raises(AssayError, match="is no DuckDB database"):
        store.open(path)
    assert path.read_bytes() == content


def test_a_file_of_a_newer_duckdb_is_refused(tmp_path):
    """As a database file of a storage version that is not known yet."""
    path = tmp_path / "d.duckdb"
    duckdb.connect(str(path)).close()
    content = bytearray(path.read_bytes())
    assert content[8:12] == b"DUCK"
    content[12:20] = struct.pack("<Q", 10**6)
    content[0:8] = struct.pack("<Q", checksum(bytes(content[8:4096])))
    path.write_bytes(content)
    with pytest.raises(AssayError, match=r"version of DuckDB than .*; upgrade duckdb"):
        store.open(path)


def checksum(body: bytes) -> int:
    """DuckDB's own checksum of a block, as its source defines it."""
    result = 5381
    for (word,) in struct.iter_unpack("<Q", body):
        result ^= (word * 0xBF58476D1CE4E5B9) % 2**64
    return result


@pytest.mark.parametrize("where", ["", "nowhere/d.duckdb"])
def test_a_place_that_cannot_hold_a_file_is_refused(tmp_path, where):
    """A folder, a folder that is not there."""
    with pytest.raises(AssayError, match="cannot be opened for writing; check the path") as caught:
        store.open(tmp_path / where)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path):
    """No right to write there."""
    tmp_path.chmod(0o555)
    with pytest.raises(AssayError, match="check the path and its permissions"):
        store.open(tmp_path / "d.duckdb")


def test_migrations_are_recorded_and_run_once(tmp_path):
    """Opening again changes nothing."""
    for _ in range(2):
        with store.open(tmp_path / "d.duckdb") as held:
            recorded = held._db.rows("SELECT version, name FROM assay_migration ORDER BY version")
            assert recorded == [(n, step.__name__) for n, step in enumerate(MIGRATIONS, start=1)]


def test_an_older_file_is_brought_up_to_date(tmp_path):
    """Only the steps that it lacks are run, in order."""
    store.open(tmp_path / "d.duckdb").close()
    db = Database(tmp_path / "d.duckdb")

    def m901_more(db: Database) -> None:
        db.run("CREATE TABLE assay_more (x INTEGER)")

    def m902_filled(db: Database) -> None:
        db.run("INSERT INTO assay_more VALUES (1)")

    migrate(db, [*MIGRATIONS, m901_more, m902_filled])
    migrate(db, [*MIGRATIONS, m901_more, m902_filled])
    assert db.rows("SELECT x FROM assay_more") == [(1,)]
    names = [name for (name,) in db.rows("SELECT name FROM assay_migration ORDER BY version")]
    assert names[len(MIGRATIONS) :] == ["m901_more", "m902_filled"]
    db.close()


def test_a_file_of_a_newer_assay_is_refused_untouched(tmp_path):
    """The sentence says what to upgrade."""
    path = tmp_path / "d.duckdb"
    store.open(path).close()
    with duckdb.connect(str(path)) as later:
        later.execute("INSERT INTO assay_migration VALUES (99, 'm099_later', 'then')")
    with pytest.raises(AssayError, match=r"newer Assay .*version 99.*upgrade assay"):
        store.open(path)
    duckdb.connect(str(path)).close()


@pytest.mark.parametrize("done", [0, len(MIGRATIONS)])
def test_a_migration_that_breaks_leaves_the_version_before(tmp_path, done):
    """The first one and a later one: no table, no record, and the next try works."""
    db = Database(tmp_path / "d.duckdb")
    migrate(db, MIGRATIONS[:done])

    def broken(db: Database) -> None:
        db.run("CREATE TABLE assay_half (x INTEGER)")
        raise RuntimeError("power cut")

    before = db.tables()
    with pytest.raises(RuntimeError, match="power cut"):
        migrate(db, [*MIGRATIONS[:done], broken])
    assert db.tables() == before
    migrate(db)
    assert "assay_edit" in db.tables()
    db.close()
