"""A report of a run that is in a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import facts
import pandas as pd
import pytest
from markup import Reader

from assay import store as stores
from assay._errors import AssayError
from assay.report import collect, write
from assay.store import Edit, Proposal, Store

KEYS = [f"k{place}" for place in range(30)]


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Store]:
    """A store with a table of 30 rows and no run."""
    frame = pd.DataFrame({"id": KEYS, "height": ["64"] * 29 + ["165cm"], "sex": ["Male", "Female"] * 15})
    with stores.open(tmp_path / "people.duckdb") as opened:
        opened.adopt("people", frame, ["id"])
        yield opened


def run_of(held: Store, *, finished: bool = True) -> int:
    """A run that repaired one cell of the row that is worth least."""
    run = held.begin_run("people", ["id"], {"seed": 0}, 0)
    held.save_values(run.id, 1, KEYS, [float(-place) for place in range(30)], None, "KNNShapley")
    sentence = {"why": "165 centimetres are 65 inches."}
    proposal = Proposal("k29", "height", "unit", "165cm", "65", "number", 0.9, 0.95, sentence)
    (number,) = held.save_proposals(run.id, 1, [proposal])
    seal = held.row_hashes("people")["k29"]
    edit = Edit("k29", "height", "165cm", "65", "set", number, seal, "165 centimetres")
    held.apply(run.id, [edit], gate={}, round=1)
    if finished:
        summary = facts.census_summary() | {"run": run.id, "table": "people", "accepted": 1}
        held.finish_run(run.id, status="finished", stop_reason="no gain", summary=summary)
    return run.id


def test_page_tells_the_run_of_the_store(held: Store, tmp_path: Path) -> None:
    """The repair, its reason, the verified ledger and the command of this very file are in the page."""
    run = run_of(held)
    path = write(held, tmp_path / "people.html")
    assert path == tmp_path / "people.html"
    page = Reader(path.read_text(encoding="utf-8"))
    shown = " ".join(page.all("body")[0].text.split())
    assert "165cm 65 0.95 165 centimetres are 65 inches." in shown
    assert "Checked when this page was written: 1 entry, unbroken." in shown
    assert page.one("undo-command").text == f"assay revert {tmp_path / 'people.duckdb'} --run {run}"
    assert [left.name for left in tmp_path.glob("*.html*")] == ["people.html"]


def test_lowest_rows_are_as_they_were_before(held: Store) -> None:
    """The cells of the lowest rows are those from before the repair, lowest first."""
    run_of(held)
    lowest = collect(held).lowest
    assert list(lowest.index) == [f"k{place}" for place in range(29, 9, -1)]
    assert lowest.loc["k29", "height"] == "165cm"


def test_reverted_run_is_told(held: Store) -> None:
    """After the undo the page says that the run was taken back."""
    run = run_of(held)
    held.revert("people", run=run)
    assert collect(held).ledger["undone"].all()


def test_newest_finished_run_is_the_default(held: Store) -> None:
    """Without a number the newest finished run is reported, not one under way."""
    first = run_of(held)
    held.revert("people", run=first)
    second = run_of(held)
    held.begin_run("people", ["id"], {"seed": 1}, 1)
    assert collect(held).summary["run"] == second
    assert collect(held, first).summary["run"] == first


def test_no_run_is_one_clear_sentence(held: Store) -> None:
    """Without a finished run, or with a number that is none, the sentence names the file and the fix."""
    with pytest.raises(
        AssayError, match=r"people\.duckdb holds no finished run to report; run `assay improve`"
    ):
        collect(held)
    open_run = run_of(held, finished=False)
    with pytest.raises(AssayError, match="is not finished; run its command again"):
        collect(held, open_run)
    with pytest.raises(AssayError, match="has no run 7; its finished runs are: none"):
        collect(held, 7)


def test_path_that_cannot_be_written_is_refused(held: Store, tmp_path: Path) -> None:
    """A folder that is not there is one clear sentence, and leaves nothing behind."""
    run_of(held)
    with pytest.raises(AssayError, match=r"No report at .*none is no folder; make it first"):
        write(held, tmp_path / "none" / "people.html")
    assert not list(tmp_path.glob("*.html*"))
