"""Wrong labels of images by what training shows, beside methods that do not watch, and cleanlab.

Run: `python -m benchmarks.quality.dynamics [SEEDS]` after `make detect-data peers`; prints tables.
A task is 1,300 digits or 5,000 images of Fashion-MNIST, a fifth of their labels wrong: uniformly, or as often
as people took the classes of CIFAR-10 for one another. Results are kept in `.data/dynamics`, a file a task,
so that a run can be broken off; remove a file to run its task again. Settings were chosen on seeds from 100
on: other rows, other errors.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from scipy.stats import t as student

from ._detect_tables import ROOT
from ._dynamics_run import CONTROL, OWN, RESULTS, run
from ._dynamics_tasks import NOISES, ROWS
from ._run import markdown

SETTINGS = [(data, noise) for data in ROWS for noise in NOISES]
WORKERS = 2
Found = dict[tuple[str, str], list[dict[str, Any]]]  # results of every seed by data and noise
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def interval(values: Sequence[float]) -> str:
    """The mean over seeds and half of its 95% t interval."""
    mean = f"{np.mean(values):.3f}"
    if len(values) < 2:
        return mean
    half = student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{mean} ± {half:.3f}"


def results(seeds: int) -> Found:
    """What every task found, cleanlab's side with it, by data and noise."""
    tasks = [(data, noise, seed) for data, noise in SETTINGS for seed in range(seeds)]
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
        for count, path in enumerate(pool.map(run, tasks), 1):
            print(f"{count} of {len(tasks)}: {path.stem}", file=sys.stderr, flush=True)
    theirs = _cleanlab(tasks)
    found: Found = {setting: [] for setting in SETTINGS}
    for data, noise, seed in tasks:
        name = f"{data}, {noise}, {seed}"
        mine = json.loads((RESULTS / f"{name}.json").read_text())
        mine["ap"] |= theirs[name]["ap"]
        mine["cleanlab cut"] = theirs[name]["cut"]
        found[data, noise].append(mine)
    return found


def _cleanlab(tasks: Sequence[tuple[str, str, int]]) -> dict[str, dict[str, Any]]:
    python, out = ROOT / ".peers" / "cleanlab" / "bin" / "python", RESULTS / "cleanlab.jsonl"
    if not python.exists():
        sys.exit("There is no environment of cleanlab: make peers")
    files = [RESULTS / f"{data}, {noise}, {seed}.npz" for data, noise, seed in tasks]
    script = ROOT / "benchmarks" / "quality" / "_dynamics_cleanlab.py"
    subprocess.run([python, "-P", script, out, *files], check=True)  # no module beside it hides another
    return {line["task"]: line for line in map(json.loads, out.read_text().splitlines())}


def table(found: Found, measure: str, methods: Sequence[str]) -> str:
    """A line a method, best on average first; the mean and its interval for each data and noise."""
    lines = []
    for method in methods:
        cells = [[line[measure][method] for line in found[setting]] for setting in SETTINGS]
        mean = float(np.mean([np.mean(cell) for cell in cells]))
        lines.append((mean, [method, *map(interval, cells), f"{mean:.3f}"]))
    header = ["method", *(f"{data}, {noise}" for data, noise in SETTINGS), "mean"]
    return markdown(header, [line for _, line in sorted(lines, key=lambda line: -line[0])])


def cuts(found: Found) -> str:
    """Precision and recall of what is flagged."""
    lines = []
    for name, key in (("aum_errors", "cut"), ("cleanlab, find_label_issues", "cleanlab cut")):
        for what in ("precision", "recall"):
            cells = [[line[key][what] for line in found[setting]] for setting in SETTINGS]
            lines.append([f"{name}: {what}", *map(interval, cells)])
    return markdown(["", *(f"{data}, {noise}" for data, noise in SETTINGS)], lines)


def main(seeds: int = 5) -> None:
    """Run what is missing, and print the tables."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    found = results(seeds)
    every = list(found["digits", "uniform"][0]["ap"])
    print("Average precision of finding the wrong labels\n", table(found, "ap", every), sep="\n")
    print("\nRows that are flagged\n", cuts(found), sep="\n")
    own = [*OWN, CONTROL]
    print("\nAUROC: right rows that networks without them get wrong, among right rows\n")
    print(table(found, "hard among right", own))
    print("\nAUROC: the same rows against wrong labels\n")
    print(table(found, "hard, not wrong", own))
    for setting, lines in found.items():
        learnt, hard = (np.mean([line[key] for line in lines]) for key in ("learnt", "hard"))
        print(f"\n{', '.join(setting)}: {learnt:.0%} of wrong labels learnt; {hard:.0f} hard rows.")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
