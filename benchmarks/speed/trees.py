"""Attributions through trees beside plain loops and the published package.

`python -m benchmarks.speed.trees`

The model is fitted before the clock starts, by every side with the same settings. Loops are those of the
papers: a mask of rows by trees for each judge, and a walk forward through the trees for each row. The package
runs where `.peers/tree-influence` has it: its wheel wants Python 3.9 (`python3.9 -m venv`, then `pip install
--no-deps` of `requirements/peers-tree-influence.txt`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from tempfile import TemporaryDirectory

import numpy as np
from lightgbm import LGBMClassifier
from numpy.typing import NDArray

from assay import REGISTRY, Data, LeafGradients, Problem, value

from ._sides import ROOT
from ._tables import show, times

MODEL = {"n_estimators": 50, "num_leaves": 15, "verbose": -1, "n_jobs": 1, "random_state": 0}
MODEL |= {"deterministic": True, "force_col_wise": True}
N, M = 100, 20
PEER = ROOT / ".peers" / "tree-influence" / "bin" / "python"


def made(n: int, m: int) -> Problem:
    """Two classes with noise, and a fitted model."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n + m, 10))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=n + m) > 0).astype(int)
    model = LGBMClassifier(**MODEL).fit(X[:n], y[:n])
    return Problem(Data(X[:n], y[:n]), Data(X[n:], y[n:]), model)


def masks(problem: Problem) -> NDArray[np.float64]:
    """BoostIn by a mask for each judge."""
    leaves = LeafGradients(problem.model, problem.train)
    judges = leaves.walk(problem.valid)
    moves = np.array([leaves.moves(tree) for tree in range(leaves.trees)])
    slopes = leaves.gradients(judges)[:, :, 0]
    shared = (leaves.train.leaves == judges.leaves[:, t, None] for t in range(problem.valid.y.size))
    return np.column_stack([(moves * slopes[:, t, None] * at).sum(axis=0) for t, at in enumerate(shared)])


def forward(problem: Problem) -> NDArray[np.float64]:
    """LeafInfluence by a walk through the trees for each row."""
    leaves = LeafGradients(problem.model, problem.train)
    judges, train = leaves.walk(problem.valid), leaves.train
    out, last = np.zeros((problem.n, len(problem.valid))), leaves.last_gradients(judges)[:, 0]
    for i in range(problem.n):
        moved, asked = np.zeros(problem.n), np.zeros(len(problem.valid))
        for tree, places in enumerate(train.leaves):
            mean, held = train.means[tree, :, 0], leaves.values[places]
            slope = mean * (1 - mean) * (leaves.eta + held * (1 - 2 * mean)) * moved
            slope[i] += leaves.moves(tree)[i] * leaves.denominators[places[i]]
            steps = -np.bincount(places, slope, len(leaves.values)) / leaves.denominators
            moved += steps[places]
            asked += steps[judges.leaves[tree]]
        out[i] = -last * asked
    return out


def timed(run: Callable[[], NDArray[np.float64]]) -> tuple[float, NDArray[np.float64]]:
    """Seconds, the best of three where they are few, and the scores."""
    best, found = np.inf, run()
    for _ in range(3):
        start = time.perf_counter()
        found = run()
        best = min(best, time.perf_counter() - start)
        if best > 2:
            break
    return best, found


def package(problem: Problem, method: str) -> tuple[float, NDArray[np.float64]]:
    """Seconds and scores of the published package."""
    script = ROOT / "benchmarks" / "peers" / "run_tree_influence.py"
    with TemporaryDirectory() as folder:
        arrays, out = f"{folder}/arrays.npz", f"{folder}/scores.npy"
        train, valid = problem.train, problem.valid
        np.savez(arrays, X=train.X, y=train.y, V=valid.X, t=valid.y)
        settings = json.dumps({"method": method, "model": MODEL, "out": out})
        told = subprocess.run([PEER, script, arrays, settings], capture_output=True, text=True)
        if told.returncode:
            sys.exit(f"tree-influence {method} failed:\n{told.stderr[-2000:]}")
        return json.loads(told.stdout.splitlines()[-1])["seconds"], np.load(out)


def main(n: int, m: int, slow: bool) -> None:
    """Print the table."""
    problem, lines = made(n, m), []
    loops = {"BoostIn": masks, "LeafInfluence": forward}
    for name in ("BoostIn", "LeafInfluence", "LeafRefit", "TREX", "TreeSim"):
        method = REGISTRY[name](per_valid=True)
        seconds, scores = timed(lambda method=method: value(problem, method, progress=False).per_valid)
        lines.append((f"`{name}`", "Assay", f"{seconds:.3g}", "", ""))
        others = [("a loop", timed(lambda name=name: loops[name](problem)))] if name in loops else []
        if PEER.exists() and (name in ("BoostIn", "TreeSim") or (slow and name.startswith("Leaf"))):
            others.append(("tree-influence", package(problem, name)))
        for who, (took, found) in others:
            apart = np.abs(found - scores).max() / np.abs(scores).max()
            lines.append((f"`{name}`", who, f"{took:.3g}", times(took / seconds), f"{apart:.1e}"))
    header = ("method", "who", "seconds", "ours is", "largest difference, of the largest score")
    show(f"{n:,} rows, {m:,} judges, {MODEL['n_estimators']} trees of 15 leaves", header, lines)


if __name__ == "__main__":
    main(N, M, slow=True)
    main(2000, 200, slow=False)
