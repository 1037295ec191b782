"""The ledger: every change of it is found, and named."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assay import store
from assay._errors import AssayError
from assay.store.ledger import BATCH, ENTRY


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A closed file with three batches: an edit, an edit and a drop, a revert."""
    from desk import Desk

    desk = Desk(tmp_path_factory.mktemp("ledger") / "d.duckdb")
    desk.set("30", "name", "eve")
    desk.apply(
        [desk.edit("40", "name", "cid", "kim", why="Why."), desk.edit("20", None, None, None, op="drop")]
    )
    desk.store.revert("t", batch=1)
    assert desk.store.verify() == 4
    desk.store.close()
    return desk.store.path


@pytest.fixture
def tampered(written, tmp_path):
    """Run statements of a forger on a copy and return what verify says."""

    def tamper(*statements: str) -> str:
        path = tmp_path / "copy.duckdb"
        shutil.copy(written, path)
        with duckdb.connect(str(path)) as forger:
            for statement in statements:
                forger.execute(statement)
        with store.open(path) as held:
            try:
                return f"{held.verify()} entries hold"
            except AssayError as error:
                return str(error)

    return tamper


def test_an_untouched_ledger_holds(tampered):
    """The tests below would fail for nothing else."""
    assert tampered("SELECT 1") == "4 entries hold"


@pytest.mark.parametrize("name", [*ENTRY, "prev_hash", "hash"])
def test_a_changed_field_of_an_entry_is_found(tampered, name):
    """Each of them, whatever its type; the entry is named."""
    if name in ("id", "batch", "run", "proposal", "reverts"):
        said = tampered(f"UPDATE assay_edit SET {name} = 77 WHERE id = 3")
    else:
        said = tampered(f"UPDATE assay_edit SET {name} = 'forged' WHERE id = 3")
    assert "entry 3 is " in said


@pytest.mark.parametrize("name", [*BATCH, "prev_hash", "hash"])
def test_a_changed_field_of_a_batch_is_found(tampered, name):
    """What the gate measured is sealed too."""
    value = "77" if name in ("id", "run", "round", "n_edits") else "'forged'"
    assert "batch 2" in tampered(f"UPDATE assay_batch SET {name} = {value} WHERE id = 2")


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_deleted_entry_is_found(tampered, number):
    """The first, one in the middle, and the last, whose absence breaks no hash."""
    said = tampered(f"DELETE FROM assay_edit WHERE id = {number}")
    assert ("batch 3 does not hold" if number == 4 else f"entry {number} is missing") in said


def test_a_deleted_batch_is_found(tampered):
    """In the middle by the chain, at the end by its entries."""
    assert "batch 2 is missing" in tampered("DELETE FROM assay_batch WHERE id = 2")
    assert "record of batch 3 is missing" in tampered("DELETE FROM assay_batch WHERE id = 3")


def test_a_changed_order_is_found(tampered):
    """Two entries whose numbers are swapped."""
    said = tampered(
        "UPDATE assay_edit SET id = 9 WHERE id = 2",
        "UPDATE assay_edit SET id = 2 WHERE id = 3",
        "UPDATE assay_edit SET id = 3 WHERE id = 9",
    )
    assert "entry 2 is not as it was written" in said


def test_an_entry_that_is_added_is_found(tampered):
    """A copy of the last one under the next number."""
    columns = ", ".join([*ENTRY[1:], "prev_hash", "hash"])
    said = tampered(
        f"INSERT INTO assay_edit (id, {columns}) SELECT 5, {columns} FROM assay_edit WHERE id = 4"
    )
    assert "entry 5 is not as it was written" in said


def test_a_missing_value_is_not_an_empty_one(tampered):
    """NULL and '' seal differently."""
    assert "entry 2" in tampered("UPDATE assay_edit SET new_text = '' WHERE id = 2 AND new_text = 'kim'")
    assert "entry 3" in tampered(
        "UPDATE assay_edit SET column_name = '' WHERE id = 3 AND column_name IS NULL"
    )


def sealed(fields: dict[str, Any]) -> str:
    """The seal as it is documented: blake2b of the JSON of all fields and `prev_hash`, keys sorted."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "b2:" + hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def entry(path: Path, number: int) -> tuple[dict[str, Any], str]:
    """All fields of an entry but its hash, and its hash."""
    names = [*ENTRY, "prev_hash"]
    with duckdb.connect(str(path)) as other:
        *fields, digest = other.execute(
            f"SELECT {', '.join(names)}, hash FROM assay_edit WHERE id = {number}"
        ).fetchall()[0]
    return dict(zip(names, fields, strict=True)), digest


def test_a_forger_who_seals_an_entry_anew_must_seal_all_that_follow(written, tampered):
    """An entry changed and sealed anew, the next one pointed to it: the next one's seal breaks."""
    for number in range(1, 5):
        fields, digest = entry(written, number)
        assert sealed(fields) == digest
    forged = sealed(entry(written, 2)[0] | {"why": "forged"})
    said = tampered(
        f"UPDATE assay_edit SET why = 'forged', hash = '{forged}' WHERE id = 2",
        f"UPDATE assay_edit SET prev_hash = '{forged}' WHERE id = 3",
    )
    assert "entry 3 is not as it was written" in said
