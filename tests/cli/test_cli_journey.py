"""One table from dirty to repaired and back, by the command line alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from made_up import people

from assay import repair, store
from assay.cli.main import run as run_line
from assay.store import Edit, Proposal

LINE = ("--target", "rich", "--key", "id", "--rounds", "1")


@pytest.fixture(scope="module")
def improved(tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """Improve a CSV once; return the database and the summary that --json printed."""
    folder = tmp_path_factory.mktemp("journey")
    people(240).to_csv(folder / "people.csv", index=False)
    with pytest.MonkeyPatch.context() as patch, (folder / "out.json").open("w") as out:
        patch.setattr(sys, "stdout", out)
        code = run_line(["improve", str(folder / "people.csv"), *LINE, "--json"])
    assert code == 0
    return folder / "people.assay.duckdb", json.loads((folder / "out.json").read_text())


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """Return a database with a finished run: one label repaired, one row set aside."""
    path = tmp_path / "people.assay.duckdb"
    with store.open(path) as held:
        held.adopt("people", people(), ["id"])
        run = held.begin_run("people", ["id"], {}, 0)
        hashes = held.row_hashes("people")
        old = people().set_index("id").loc[1007, "rich"]
        new = "no" if old == "yes" else "yes"
        held.save_values(run.id, 1, list(hashes), [-0.5, *[0.1] * (len(hashes) - 1)], None, "KNNShapley")
        evidence = {"why": "nine of ten neighbours say so"}
        change = Proposal("1007", "rich", "label", old, new, "label", 0.9, 0.93, evidence)
        (number,) = held.save_proposals(run.id, 1, [change])
        edits = [
            Edit("1007", "rich", old, new, "set", number, hashes["1007"], "it was likely wrong"),
            Edit("1009", None, None, None, "drop", None, hashes["1009"], "it could not be repaired"),
        ]
        held.apply(run.id, edits, gate={}, round=1)
        held.finish_run(run.id, status="finished", stop_reason="it was a test", summary={"run": run.id})
    return path


def test_summary(improved):
    """--json prints the run's summary and nothing else, with the parts and all that was decided."""
    _, summary = improved
    assert (summary["table"], summary["status"]) == ("people", "finished")
    assert sum(summary["parts"].values()) == 240
    decided = ("accepted", "refused", "queued", "conflicts")
    assert sum(summary[name] for name in decided) <= summary["proposed"]


def test_source_stays(improved):
    """The file is as it was, and so is the table in the database."""
    database, _ = improved
    pd.testing.assert_frame_equal(pd.read_csv(database.parent / "people.csv"), people(240))
    with duckdb.connect(str(database), read_only=True) as connection:
        held = connection.sql("SELECT * FROM people ORDER BY id").df()
    assert held["rich"].tolist() == people(240)["rich"].tolist()


def test_report(call, improved):
    """The report is one HTML page, where it was asked for."""
    database, summary = improved
    page = database.parent / "page.html"
    answer = call("report", database, "--output", page, "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out) == {"run": summary["run"], "report": str(page)}
    assert page.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")


def test_words(call, improved, monkeypatch):
    """Without --json the same run is told in words, with the way back where anything was done."""
    database, summary = improved
    for accepted in (0, 3):
        told = summary | {"accepted": accepted, "dropped_rows": 0, "extended": 0}
        monkeypatch.setattr(repair, "improve", lambda held, table, told=told, **given: told)
        answer = call("improve", database.parent / "people.csv", *LINE)
        assert answer.code == 0, answer.err
        assert "the file itself stays as it is" in answer.out
        assert (f"--run {summary['run']}" in answer.out) is (accepted > 0)
        assert answer.err == ""


def test_same_parts_again(call, edited, tmp_path, monkeypatch):
    """Improving again starts from the repaired state, and each row stays in the part that it had."""
    people().to_csv(tmp_path / "people.csv", index=False)
    given: list[Any] = []

    def recorded(held, table, *, parts, **settings):
        given.append(
            dict(zip(table.keys.tolist(), zip(parts, table.frame["rich"], strict=True), strict=True))
        )
        raise KeyboardInterrupt

    monkeypatch.setattr(repair, "improve", recorded)
    assert call("improve", tmp_path / "people.csv", *LINE).code == 130
    call("revert", edited)
    assert call("improve", tmp_path / "people.csv", *LINE).code == 130
    repaired, original = given
    assert set(original) - set(repaired) == {"1009"}
    assert {row for row in repaired if repaired[row][1] != original[row][1]} == {"1007"}
    assert all(repaired[row][0] == original[row][0] for row in repaired)


def test_interrupted(call, monkeypatch, people_csv):
    """Ctrl-C is exit code 130 and says what is kept, how to carry on, and how to undo."""

    def stopped(*given, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["assay", "improve", str(people_csv), *LINE])
    monkeypatch.setattr(repair, "improve", stopped)
    answer = call("improve", people_csv, *LINE)
    assert answer.code == 130
    assert answer.out == ""
    assert f"improve {people_csv} --target rich" in answer.err
    assert "revert" in answer.err


def test_refused_in_the_loop(call, monkeypatch, people_csv):
    """Where the loop itself refuses, no database is left behind."""
    from assay import AssayError

    def refused(*given, **named):
        raise AssayError("too few rows.")

    monkeypatch.setattr(repair, "improve", refused)
    answer = call("improve", people_csv, *LINE)
    assert (answer.code, answer.out, answer.err) == (2, "", "assay: too few rows.\n")
    assert [path.name for path in people_csv.parent.iterdir()] == ["people.csv"]


def test_another_file_of_the_same_name(call, edited, tmp_path):
    """Another table cannot take the place of the one in the database."""
    other = tmp_path / "other" / "people.csv"
    other.parent.mkdir()
    people(seed=5).to_csv(other, index=False)
    answer = call("improve", other, *LINE, "--db", edited)
    assert answer.code == 2
    assert "people" in answer.err


def test_log(call, edited):
    """The log holds the run, the batch and, in JSON or when asked for, every entry of the ledger."""
    log = json.loads(call("log", edited, "--json").out)
    assert [run["status"] for run in log["runs"]] == ["finished"]
    assert [(entry["row"], entry["op"]) for entry in log["ledger"]] == [("1007", "set"), ("1009", "drop")]
    assert "it was likely wrong" not in call("log", edited).out
    assert "it was likely wrong" in call("log", edited, "--edits").out


def test_verify(call, edited):
    """The ledger verifies, in words and in JSON."""
    assert "All 2 entries" in call("log", edited, "--verify").out
    assert json.loads(call("log", edited, "--verify", "--json").out) == {"verified": True, "entries": 2}


def test_broken_ledger(call, edited):
    """A ledger that somebody rewrote is exit code 3, with one sentence and no traceback."""
    with duckdb.connect(str(edited)) as connection:
        connection.execute("UPDATE assay_edit SET why = 'something else' WHERE row_key = '1007'")
    answer = call("log", edited, "--verify")
    assert (answer.code, answer.out, answer.err.count("\n")) == (3, "", 1)
    answer = call("log", edited, "--verify", "--json")
    assert answer.code == 3
    assert json.loads(answer.out)["verified"] is False


def test_show(call, edited):
    """A repaired row shows the cell before and after, its value, the evidence, and the edit."""
    answer = call("show", edited, "1007")
    assert answer.code == 0, answer.err
    for fact in (
        "Row 1007 of people: changed",
        "nine of ten neighbours say so",
        "it was likely wrong",
        "KNNShapley",
    ):
        assert fact in answer.out
    story = json.loads(call("show", edited, "1007", "--json").out)
    assert [cell["column"] for cell in story["cells"] if cell["changed"]] == ["rich"]
    assert [(p["state"], p["p_correct"]) for p in story["proposals"]] == [("applied", 0.93)]


def test_show_other_rows(call, edited):
    """A row that nobody touched says so, one that was set aside too, and one that is not there is refused."""
    assert "Row 1008 of people: as it was" in call("show", edited, "1008").out
    assert "Row 1009 of people: set aside" in call("show", edited, "1009").out
    missing = call("show", edited, "7")
    assert missing.code == 2
    assert "'7'" in missing.err


def test_a_run_or_batch_that_is_not_there(call, edited):
    """Undoing or reporting what does not exist is refused, not done silently."""
    for words in (("revert", "--batch"), ("revert", "--run"), ("report", "--run")):
        answer = call(words[0], edited, words[1], "99")
        assert answer.code == 2
        assert "99" in answer.err


def test_revert(call, edited):
    """Revert puts every cell and row back, says how many, and has nothing left to do the second time."""
    assert "2 edits of people taken back" in call("revert", edited).out
    with store.open(edited) as held:
        assert held.read("people")["rich"].tolist() == people()["rich"].tolist()
    assert "Nothing of people is left to undo" in call("revert", edited).out
    assert call("log", edited, "--verify").code == 0


def test_revert_a_part(call, edited):
    """One row can be taken back and the others stay."""
    undone = json.loads(call("revert", edited, "--row", "1007", "--json").out)
    assert (undone["reverted"], undone["conflicts"]) == (1, [])
    assert "set aside" in call("show", edited, "1009").out
    assert "as it was" in call("show", edited, "1007").out
