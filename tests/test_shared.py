"""Shared: workers read what was shared, arrays once, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config

from assay import AssayError
from assay._parallel import each
from assay._shared import Shared, abroad

CODE = """
import os, sys, time
import numpy as np
from assay import ParallelGame

class Slow:
    n = 4
    def __call__(self, coalitions):
        open(os.path.join(os.environ["TMPDIR"], f"worker-{os.getpid()}"), "w").close()
        time.sleep(0.05 * len(coalitions))
        return coalitions.sum(axis=1).astype(float)

game = ParallelGame(Slow(), 2)
game(np.zeros((20, 4), bool))
print("ready", flush=True)
try:
    game(np.zeros((4000, 4), bool))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Other tests, which run beside these, share folders of theirs."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def folders() -> set[str]:
    """Names of what is shared now."""
    return {path.name for path in Path(tempfile.gettempdir()).glob("assay-*")}


def look(read, number: int) -> tuple[bool, float, str]:
    """What a worker sees: can it write, a number, a text."""
    thing = read()
    return thing["array"].flags.writeable, float(thing["array"][number, 1]), thing["name"](number)


def test_workers_read_arrays_that_they_cannot_write():
    """The numbers arrive, with functions of one's own, and the folder goes with what was shared."""
    before, array = folders(), np.arange(3000.0).reshape(1000, 3)
    shared = Shared.of({"array": array, "same": array, "name": lambda number: f"row {number}"})
    made = folders() - before
    assert len(made) == 1
    size = sum(path.stat().st_size for path in (Path(tempfile.gettempdir()) / made.pop()).iterdir())
    assert array.nbytes < size < 1.5 * array.nbytes  # twice in the thing, once in the file
    got = list(each(look, ((shared.read, number) for number in range(5)), 2))
    assert got == [(False, array[number, 1], f"row {number}") for number in range(5)]
    del shared
    assert folders() == before


def test_threads_share_the_thing_itself():
    """Under an executor of threads nothing is written."""
    thing, before = {"array": np.zeros(3)}, folders()
    with parallel_config(backend="threading", n_jobs=2):
        assert Shared.of(thing).read() is thing
        assert not abroad()
    assert folders() == before
    assert not abroad()


def gone(process: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind(how, tmp_path):
    """Interrupted or killed in the middle of a batch: no worker and no folder remains."""
    where = {**os.environ, "TMPDIR": str(tmp_path), "JOBLIB_TEMP_FOLDER": str(tmp_path)}
    child = subprocess.Popen([sys.executable, "-c", CODE], stdout=subprocess.PIPE, text=True, env=where)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    workers = [int(path.name.partition("-")[2]) for path in tmp_path.glob("worker-*")]
    assert len(workers) == 2
    assert list(tmp_path.glob("assay-*"))
    time.sleep(0.3)
    child.send_signal(how)
    said = child.communicate(timeout=60)[0]
    assert said.strip() == ("interrupted" if how == signal.SIGINT else "")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (
        all(map(gone, workers)) and not list(tmp_path.glob("assay-*"))
    ):
        time.sleep(0.1)
    assert all(map(gone, workers))
    assert not list(tmp_path.glob("assay-*"))


def test_what_does_not_pickle_is_refused():
    """The error names the thing."""
    with pytest.raises(AssayError, match="cannot be sent to workers"):
        Shared.of(number for number in range(3))
