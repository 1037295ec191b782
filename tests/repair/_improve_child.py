"""What the kill test of improve kills: a run on a small table, at a moment that the test names, or at any."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import small
from moments import Moments

from assay import store, value
from assay.tables import split, to_problem


class Fate(Moments):
    """Kills its own process at one of the moments, or at the first after it that it comes by.

    Parameters
    ----------
    fatal : sequence of str
        The moment and all that come after it in a run that is left alone.
    """

    def __init__(self, fatal: Sequence[str]) -> None:
        super().__init__()
        self._fatal = set(fatal)

    def come(self, moment: str) -> None:
        """Come by a moment, and no further where it is fatal."""
        if moment in self._fatal:
            print(moment, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)


def work(path: Path, mode: Any, fate: Fate) -> None:
    """Run on the table as it stands, as the same command would a second time."""
    with store.open(path) as held, fate.watching():
        people = replace(small.table(held.read(small.NAME, as_of=0)), frame=held.read(small.NAME))
        small.eventful(held, people, fate, mode=mode)


def warm_up() -> None:
    """Do once what every run would do first: import, and load compiled code."""
    people = small.table(small.dirty(small.truth()))
    value(to_problem(people, split(people)), "KNNShapley", progress=False)


def main() -> None:
    """For every job on a line of stdin, fork a worker, kill it if the job says when, and say how it ended."""
    warm_up()
    for line in sys.stdin:
        job = json.loads(line)
        # A fork has imported everything already: thirty interpreters would take longer than the runs.
        worker = os.fork()
        if worker == 0:
            failed = True
            try:
                work(Path(job["path"]), job["mode"], Fate(job["fatal"]))
                failed = False
            except BaseException:
                traceback.print_exc()
            os._exit(failed)
        if job["seconds"] is not None:
            time.sleep(job["seconds"])
            os.kill(worker, signal.SIGKILL)
        _, status = os.waitpid(worker, 0)
        print(f"gone {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    main()
