"""Killed at any moment, the file opens, the ledger holds, no batch is half written, the run carries on."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small

from assay import store
from assay.store import Store

CHILD = Path(__file__).with_name("_improve_child.py")


class Victims:
    """Processes that run `improve` on a file, one after the other, each killed or left alone."""

    def __init__(self) -> None:
        command = [sys.executable, "-W", "ignore", str(CHILD)]
        # A process can be forked safely as long as it has one thread.
        alone = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._starter = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=alone
        )

    def run(self, path: Path, mode: str = "overlay", **job: Any) -> tuple[str, int]:
        """Run to the end or until killed at a `fatal` moment or after some `seconds`; return how it ended."""
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        told = {"path": str(path), "mode": mode, "fatal": [], "seconds": None} | job
        self._starter.stdin.write(json.dumps(told) + "\n")
        self._starter.stdin.flush()
        moment = ""
        while not (line := self._starter.stdout.readline()).startswith("gone"):
            assert line, "the starter of the victims has died"
            moment = line.strip()
        return moment, int(line.split()[1])

    def close(self) -> None:
        """Let the starter end."""
        self._starter.communicate(timeout=30)


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    """Make the starter of the victims."""
    starter = Victims()
    yield starter
    starter.close()


def check_whole(held: Store, first: pd.DataFrame, mode: str) -> int:
    """Check that each step of the run is all there or not at all; return the number of steps that are."""
    ledger, batches = held.ledger(small.NAME), held.batches(small.NAME)
    assert held.verify() == len(ledger)
    assert ledger.groupby("batch").size().to_dict() == dict(zip(batches["id"], batches["edits"], strict=True))
    runs = held.runs(small.NAME)
    assert len(runs) <= 1
    if not runs:
        assert not len(batches)
        return 0
    states = {state["step"]: state for state in held.rounds(runs[0].id)}
    wrote = {step: state["rows"] for step, state in states.items() if state.get("rows")}
    assert set(batches["round"]) - set(wrote) <= {step for step in states if states[step]["round"] == 0}
    assert set(wrote) <= set(batches["round"])
    proposals = held.proposals(runs[0].id)
    assert not proposals.duplicated(["round", "row", "column"]).any()
    carried_out = set(ledger["proposal"].dropna())
    assert set(proposals.loc[proposals["state"] == "applied", "id"]) == carried_out
    assert held.stale(small.NAME).empty
    pd.testing.assert_frame_equal(held.read(small.NAME, as_of=0), first)
    if mode == "overlay":
        pd.testing.assert_frame_equal(held.read(small.NAME, raw=True), first)
    else:
        pd.testing.assert_frame_equal(held.read(small.NAME, raw=True), held.read(small.NAME))
    return len(states)


def chosen(moments: list[str]) -> list[int]:
    """Return the places of two moments of each stage, and of the first rows in the ledger."""
    stages: dict[str, list[int]] = {}
    for at, moment in enumerate(moments):
        stages.setdefault(moment.split(" / ")[0], []).append(at)
    thirds = (places[third * len(places) // 3] for places in stages.values() for third in (1, 2))
    edit = next(at for at, moment in enumerate(moments) if moment.endswith("rows in assay_edit 1"))
    return sorted({*thirds, edit})


def test_killed_at_moments_of_every_stage_it_carries_on(tmp_path, victims):
    """Dead in each stage, inside transactions and between them, the same call ends with the same run."""
    path, first = tmp_path / "d.duckdb", small.dirty(small.truth())
    small.adopted(path, first).close()
    alone, moments = small.uninterrupted()
    died, done = [], 0
    for at in chosen(moments):
        moment, code = victims.run(path, fatal=moments[at:])
        assert code == -signal.SIGKILL
        died.append(moment.split(" / "))
        with store.open(path) as held:
            now = check_whole(held, first, "overlay")
            assert now >= done
            done = now
    assert len(died) >= 20
    assert {stage for stage, _ in died} == {moment.split(" / ")[0] for moment in moments}
    assert "rows in assay_edit 1" in {what for _, what in died}
    assert victims.run(path) == ("", 0)
    with store.open(path) as held:
        check_whole(held, first, "overlay")
        alone.check(small.traces(held))


def test_killed_at_random_times_in_place_it_carries_on(tmp_path, victims):
    """Whatever the process was doing, an edited table is that of its ledger, and all can be undone."""
    path, first, chance = tmp_path / "d.duckdb", small.dirty(small.truth()), random.Random(5)
    small.adopted(path, first).close()
    codes = []
    while len(codes) < 4 and 0 not in codes:  # a run that ends before it is killed is no failure
        codes.append(victims.run(path, "in_place", seconds=0.2 + chance.random())[1])
        with store.open(path) as held:
            check_whole(held, first, "in_place")
    assert set(codes) <= {0, -signal.SIGKILL}
    assert 0 in codes or victims.run(path, "in_place") == ("", 0)
    with store.open(path) as held:
        small.uninterrupted()[0].check(small.traces(held))
        held.revert(small.NAME, run=1)
        pd.testing.assert_frame_equal(held.read(small.NAME, raw=True), first)
