"""Run one side and measure it: a peer in its own environment, Assay here, or a bare loop of refits."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from assay import Data, Problem, Stop, Valuer, value

ROOT = Path(__file__).resolve().parents[2]
LEAST_SECONDS = 1.0  # a shorter run is repeated with a larger budget
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Run:
    """What one side did.

    Parameters
    ----------
    evals : int
        Evaluations of a coalition; those of the empty one, which nobody fits, do not count.
    seconds : float
        Time taken, imports and compiling excluded.
    values : array of shape (n,)
    peak : int
        The process's peak memory in bytes, where it was asked.
    """

    evals: int
    seconds: float
    values: NDArray[np.float64]
    peak: int = 0

    @property
    def rate(self) -> float:
        """Evaluations a second."""
        return self.evals / self.seconds


class Peers:
    """The peers, with arrays saved for them."""

    def __init__(self, train: Data, valid: Data, folder: str) -> None:
        self._arrays = Path(folder) / "arrays.npz"
        np.savez(self._arrays, X=train.X, y=train.y, V=valid.X, t=valid.y)

    def run(self, peer: str, **settings: Any) -> Run:
        """Run `peer` by its script in `benchmarks/peers`; `settings` are the script's.

        A peer's further scripts are `run_{peer}_{what}.py`, and asked for by `{peer}_{what}`.
        """
        script = ROOT / "benchmarks" / "peers" / f"run_{peer}.py"
        command = [python_of(peer), script, self._arrays, json.dumps(settings)]
        told = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True)
        if told.returncode:
            sys.exit(f"{peer} {settings} failed:\n{told.stderr[-2000:]}")
        line = json.loads(told.stdout.splitlines()[-1])
        return Run(line["evals"], line["seconds"], np.array(line["values"]), line.get("peak", 0))


@contextmanager
def peers(train: Data, valid: Data) -> Iterator[Peers]:
    """Save the arrays for the peers, once, for as long as the context lasts."""
    for peer in ("pydvl", "opendataval"):
        python_of(peer)
    with TemporaryDirectory() as folder:
        yield Peers(train, valid, folder)


def python_of(peer: str) -> str:
    """The interpreter of the peer's environment."""
    path = ROOT / ".peers" / peer.partition("_")[0] / "bin" / "python"
    if not path.exists():
        sys.exit(f"There is no environment of {peer}: make peers")
    return str(path)


def ours(problem: Problem, method: Valuer, evals: int, *, n_jobs: int = 2, whole: bool = False) -> Run:
    """Measure `value` as a user calls it, for at least a second, after a short call that compiles.

    Parameters
    ----------
    problem, method
        What to value, and how.
    evals : int
        The least budget; it grows until the call takes a second.
    n_jobs : int
        As in `value`.
    whole : bool
        Each n + 1 evaluations are a permutation, whose empty prefix does not count.
    """
    value(problem, method, stop=Stop(evals=1), n_jobs=n_jobs, progress=False)
    while True:
        start = time.perf_counter()
        found = value(problem, method, stop=Stop(evals=evals), n_jobs=n_jobs, progress=False)
        seconds = time.perf_counter() - start
        if seconds >= LEAST_SECONDS or found.evals < evals // 2:
            break
        evals = math.ceil(evals * max(1.5, min(100.0, 1.3 * LEAST_SECONDS / seconds)))
    paid = found.evals * problem.n // (problem.n + 1) if whole else found.evals
    return Run(paid, seconds, found.values)


def bare(problem: Problem, orders: int) -> Run:
    """Clone, fit and score the prefixes of random orders: what scikit-learn alone costs."""
    rng, evals = np.random.default_rng(0), 0
    start = time.perf_counter()
    for _ in range(orders):
        evals += np.isfinite(refits(problem, rng.permutation(problem.n))).sum()
    return Run(int(evals), time.perf_counter() - start, np.zeros(problem.n))


def refits(problem: Problem, order: NDArray[np.intp]) -> NDArray[np.float64]:
    """Accuracy (n,) of plain refits on the prefixes of `order` from one row on; nan without a fit."""
    with threadpool_limits(limits=1):
        return np.array([refit(problem, order[:size]) for size in range(1, len(order) + 1)])


def refit(problem: Problem, rows: NDArray[np.intp]) -> float:
    """Accuracy of one plain refit; nan where the model refuses."""
    train, valid = problem.train, problem.valid
    assert valid is not None
    labels = train.y[rows]
    if (labels == labels[0]).all():
        return np.nan
    try:
        model: Any = clone(problem.model)
        return model.fit(train.X[rows], labels).score(valid.X, valid.y)
    except ValueError:
        return np.nan  # fewer rows than neighbours
