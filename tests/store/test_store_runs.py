"""Runs, rounds, values, proposals and worths: what a run that was interrupted needs to go on."""

from __future__ import annotations

import hashlib
import time

import numpy as np
import pandas as pd
import pytest

from assay import store
from assay._errors import AssayError
from assay.store import Proposal


@pytest.fixture
def held(tmp_path):
    """A store with a table."""
    with store.open(tmp_path / "d.duckdb") as opened:
        opened.adopt("t", pd.DataFrame({"id": [1, 2, 3], "x": ["a", "b", "c"]}), ["id"])
        yield opened


def test_an_unfinished_run_is_found_by_its_config_however_it_is_written(held):
    """The newest one; key order and numpy do not matter, values and table do."""
    held.begin_run("t", ["id"], {"a": 1, "b": [0.5]}, 3)
    run = held.begin_run("t", ["id"], {"b": [np.float64(0.5)], "a": 1}, 3)
    assert held.find_run("t", {"b": (0.5,), "a": np.int64(1)}) == run
    assert held.find_run("t", {"a": 1, "b": [0.25]}) is None
    assert held.find_run("u", {"a": 1, "b": [0.5]}) is None
    assert (run.table, run.key, run.config, run.seed, run.status) == (
        "t",
        ("id",),
        {"a": 1, "b": [0.5]},
        3,
        "running",
    )


def test_a_finished_run_keeps_its_summary_and_is_not_resumed(held):
    """What the report reads."""
    run = held.begin_run("t", ["id"], {}, 0)
    held.finish_run(
        run.id, status="finished", stop_reason="Gain stalled.", summary={"rounds": [{"gain": float("nan")}]}
    )
    assert held.find_run("t", {}) is None
    (done,) = held.runs("t")
    assert (done.status, done.stop_reason) == ("finished", "Gain stalled.")
    assert np.isnan(done.summary["rounds"][0]["gain"])
    assert done.started < done.finished
    assert held.runs("u") == []
    with pytest.raises(AssayError, match="no run 9"):
        held.finish_run(9, status="finished", stop_reason="", summary={})


def test_the_last_state_of_a_round_stays(held):
    """Rounds come back in order, to the last bit."""
    run = held.begin_run("t", ["id"], {}, 0)
    held.save_round(run.id, 2, {"x": 1})
    held.save_round(run.id, 1, {"x": 0.1 + 0.2, "keys": ["1"], "none": None})
    held.save_round(run.id, 2, {"x": 2})
    assert held.rounds(run.id) == [{"x": 0.1 + 0.2, "keys": ["1"], "none": None}, {"x": 2}]


def test_a_config_without_a_json_form_is_refused(held):
    """And no run is left behind."""
    with pytest.raises(AssayError, match="cannot be written as JSON"):
        held.begin_run("t", ["id"], {"model": object()}, 0)
    assert held.runs() == []


def test_values_are_ranked_from_the_lowest_and_saved_once(held):
    """Saving a round again replaces it; the last round is the default."""
    run = held.begin_run("t", ["id"], {}, 0)
    held.save_values(run.id, 1, ["1", "2"], [9, 9], None, "knn")
    held.save_values(run.id, 1, ["1", "2", "3"], [0.3, -0.1, 0.2], [0.01, np.nan, 0.02], "knn")
    found = held.values(run.id)
    assert found["row_key"].tolist() == ["2", "3", "1"]
    assert found["rank"].tolist() == [1, 2, 3]
    assert found["value"].tolist() == [-0.1, 0.2, 0.3]
    assert found["stderr"].isna().tolist() == [True, False, False]
    held.save_values(run.id, 2, ["3"], [0.5], None, "oob")
    assert held.values(run.id)[["row_key", "method"]].to_numpy().tolist() == [["3", "oob"]]
    assert len(held.values(run.id, 1)) == 3
    with pytest.raises(AssayError, match="give one each"):
        held.save_values(run.id, 1, ["1"], [1, 2], None, "knn")


def test_proposals_keep_their_cells_and_every_decision(held):
    """Typed cells, evidence, states; each decision is written down beside the present state."""
    run = held.begin_run("t", ["id"], {}, 0)
    made = [
        Proposal(
            "1", "x", "typo", "a", "b", "domain", 0.5, 0.9, {"votes": np.int64(3), "why": "Seen 3 times."}
        ),
        Proposal("2", "x", "unit", 5, 2.5, "number", 0.4, 0.1, state="refused", why="Not likely."),
    ]
    numbers = held.save_proposals(run.id, 1, made)
    assert held.save_proposals(run.id, 1, []) == []
    held.set_proposals(numbers[:1], "queued", "Ask a person.", actor="jo")
    held.set_proposals(np.array(numbers[:1]), "applied", "Yes.")
    found = held.proposals(run.id)
    assert found["state"].tolist() == ["applied", "refused"]
    assert found["why"].tolist() == ["Yes.", "Not likely."]
    assert found[["old", "new"]].to_numpy().tolist() == [["a", "b"], [5, 2.5]]
    assert found["evidence"].iloc[0] == {"votes": 3, "why": "Seen 3 times."}
    assert held.proposals(row="2", state="refused")["id"].tolist() == numbers[1:]
    assert held.proposals(state="queued").empty
    history = "SELECT state, why, actor FROM assay_decision ORDER BY at_utc"
    assert held._db.rows(history) == [("queued", "Ask a person.", "jo"), ("applied", "Yes.", "assay")]
    with pytest.raises(AssayError, match="'maybe' is no state"):
        held.set_proposals(numbers, "maybe", "")


def digests(n: int) -> list[bytes]:
    """Keys as games make them."""
    return [hashlib.blake2b(str(i).encode(), digest_size=32).digest() for i in range(n)]


def test_worths_come_back_bit_for_bit(held):
    """In the order asked for, nan where unknown, of the width asked for; NaN and -0.0 among them."""
    keys, worths = digests(50), np.random.default_rng(0).normal(size=(50, 3))
    worths[0] = [np.nan, -0.0, np.inf]
    held.remember(keys, worths)
    order = np.random.default_rng(1).permutation(50)
    asked = [keys[i] for i in order] + [b"?" * 32, keys[0]]
    found = held.recall(asked, 3)
    assert found[:50].tobytes() == worths[order].tobytes()
    assert np.isnan(found[50]).all()
    assert found[51].tobytes() == worths[0].tobytes()
    assert np.isnan(held.recall(keys, 2)).all()
    assert held.recall([], 3).shape == (0, 3)


def test_what_is_known_stays_and_double_keys_are_kept_once(held):
    """The first worth that was remembered under a key is the worth."""
    (key,) = digests(1)
    held.remember([key, key], [[1.0], [1.0]])
    held.remember([key], [[2.0]])
    assert held.recall([key], 1).tolist() == [[1.0]]
    assert held._db.one("SELECT count(*) FROM assay_worth") == 1
    with pytest.raises(AssayError, match="one row a key"):
        held.remember([key], [1.0])


def test_ten_thousand_worths_take_under_a_second(held):
    """CPU time, so that a busy machine does not matter."""
    keys, worths = digests(10_000), np.zeros((10_000, 1))
    started = time.process_time()
    held.remember(keys, worths)
    assert held.recall(keys, 1).shape == (10_000, 1)
    assert time.process_time() - started < 1


def test_five_thousand_rows_are_hashed_in_under_half_a_second(held):
    """16 columns; CPU time."""
    frame = pd.DataFrame(
        {"id": range(5000)} | {f"c{i}": [f"{i} {row}" for row in range(5000)] for i in range(15)}
    )
    held.adopt("wide", frame, ["id"])
    started = time.process_time()
    assert len(set(held.row_hashes("wide").values())) == 5000
    assert time.process_time() - started < 0.5
