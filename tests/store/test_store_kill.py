"""Killed at any moment, the file opens, the ledger holds, no batch is half written, and work goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from assay import store
from assay.store import Store

CHILD = Path(__file__).with_name("_kill_child.py")
MOMENTS = 20


class Victims:
    """Workers on one file, each started and killed in turn."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-W", "ignore", str(CHILD), str(path)]
        self.starter = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def kill_one(self, seed: int, chance: random.Random) -> None:
        """Let a worker open the file and take some steps, or none, then kill it somewhere in the next two."""
        assert self.starter.stdin is not None
        assert self.starter.stdout is not None
        self.starter.stdin.write(f"{seed}\n")
        self.starter.stdin.flush()
        read = self.starter.stdout.readline
        lines = [read()]
        while lines[-1] == "done\n":  # the worker may speak before its number is told
            lines.append(read())
        worker, started = int(lines[-1]), time.monotonic()
        steps = chance.randint(0, 3)
        for _ in range(steps):
            assert read() == "done\n"
        step = (time.monotonic() - started) / (steps + 1) if steps else 0.1
        time.sleep(chance.random() * 2 * step)
        os.kill(worker, signal.SIGKILL)
        while read() != "dead\n":
            pass

    def close(self) -> None:
        """Let the starter end."""
        self.starter.communicate(timeout=30)


def whole(held: Store, mode: str, first: pd.DataFrame) -> int:
    """Check that each batch is all there or not at all; return how many there are."""
    ledger, batches = held.ledger(mode), held.batches(mode)
    counts = ledger.groupby("batch").size()
    assert counts.to_dict() == dict(zip(batches["id"], batches["edits"], strict=True))
    assert set(batches["edits"]) <= {4}
    applied = batches.loc[batches["kind"] == "apply"]
    runs = held.runs(mode)
    assert [state["round"] for run in runs for state in held.rounds(run.id)] == list(
        range(1, len(applied) + 1)
    )
    states = held.proposals(runs[0].id).set_index("id")["state"] if runs else pd.Series(dtype=object)
    for entry in ledger.loc[ledger["reverts"].isna()].itertuples():
        assert states[entry.proposal] == ("reverted" if entry.undone else "applied")
    assert held.stale(mode).empty
    now = replayed(first, ledger)
    shown = held.read(mode)
    assert dict(zip(shown["id"], shown["n"], strict=True)) == now
    base = held.read(mode, raw=True)
    assert dict(zip(base["id"], base["n"], strict=True)) == (
        now if mode == "in_place" else dict(zip(first["id"], first["n"], strict=True))
    )
    pd.testing.assert_frame_equal(held.read(mode, as_of=0), first)
    return len(batches)


def replayed(first: pd.DataFrame, ledger: pd.DataFrame) -> dict[int, int]:
    """The table that the ledger tells, entry by entry, in plain Python."""
    cells = dict(zip(first["id"].tolist(), first["n"].tolist(), strict=True))
    away: dict[int, int] = {}
    for entry in ledger.itertuples():
        key = int(str(entry.row))
        if entry.op == "drop":
            away[key] = cells.pop(key)
        elif entry.op == "restore":
            cells[key] = away.pop(key)
        else:
            assert cells[key] == entry.old
            cells[key] = entry.new
    return cells


def test_killed_at_twenty_moments_nothing_is_half_written(tmp_path):
    """Edits, reverts, quarantine, worths, proposals and rounds, in both modes; at the end all is undone."""
    path, first = tmp_path / "d.duckdb", pd.DataFrame({"id": np.arange(30), "n": np.arange(30) * 10})
    with store.open(path) as held:
        for mode in ("overlay", "in_place"):
            held.adopt(mode, first, ["id"])
    chance, seen, victims = random.Random(7), 0, Victims(path)
    for moment in range(MOMENTS):
        victims.kill_one(moment, chance)
        with store.open(path) as held:
            held.verify()
            done = sum(whole(held, mode, first) for mode in ("overlay", "in_place"))
            assert done >= seen
            seen = done
            remembered = held._db.rows("SELECT worth_key, worths FROM assay_worth")
            assert len(remembered) % 200 == 0
            assert all(np.frombuffer(worth).tolist() == list(key[:2]) for key, worth in remembered)
    victims.close()
    with store.open(path) as held:
        for mode in ("overlay", "in_place"):
            if not held.ledger(mode)["undone"].all():
                assert not held.revert(mode).conflicts
            pd.testing.assert_frame_equal(held.read(mode), first)
            pd.testing.assert_frame_equal(held.read(mode, raw=True), first)
        held.verify()
