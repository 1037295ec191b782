"""A run that was killed, at any moment and any number of times, ends with the bits of one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from _value_child import bits, problem_of

CHILD = Path(__file__).with_name("_value_child.py")
MOMENTS = 3


@pytest.fixture(scope="module")
def starter():
    """A process that has imported everything, and forks a worker for every line it is given."""
    command = [sys.executable, "-W", "ignore", str(CHILD)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        yield started


def run_once(starter: subprocess.Popen, line: str, after: float | None = None) -> tuple[str, float]:
    """Start a worker, and kill it so long after it opened the store; what it said last, and its time."""
    assert starter.stdin is not None
    assert starter.stdout is not None
    starter.stdin.write(line + "\n")
    starter.stdin.flush()
    worker, said, start = 0, "", 0.0
    while (line := starter.stdout.readline().strip()) != "dead":
        if line.isdecimal() and len(line) < 12:
            worker = int(line)
        elif line == "open":
            start = time.monotonic()
        else:
            said = line
        if after is not None and worker and start:
            time.sleep(after)
            with suppress(ProcessLookupError):  # it may have ended by itself
                os.kill(worker, signal.SIGKILL)
            after = None
    return said, time.monotonic() - start


@pytest.mark.parametrize("name", ["tree", "bayes"])
def test_killed_at_random_moments_the_values_are_the_same_bits(name, starter, tmp_path):
    """Worths come back from the store; with a store or without, killed or not, nothing differs."""
    wanted = bits(problem_of(name))
    said, seconds = run_once(starter, f"{tmp_path / 'whole.duckdb'} {name}")
    assert said == wanted
    line, chance = f"{tmp_path / 'worths.duckdb'} {name}", random.Random(5)
    for _ in range(MOMENTS):
        run_once(starter, line, chance.random() * seconds / MOMENTS)
    assert run_once(starter, line)[0] == wanted
