"""Exact k-NN Shapley beside its floor and the peers: `python -m benchmarks.speed.neighbors`.

Float32 Gaussian features, 64 columns, two classes at random, k = 10. The floor is a plain blocked product,
a radix sort a row and one recurrence, in the same process as ours, in turn. Every side's
time grows with the judges, so that the peers have 250 of them at 100,000 rows.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from assay import Data

from ._knn_child import K
from ._sides import ROOT, Peers
from ._tables import facts, show, times, verdict

COLUMNS = 64
FLOOR_BAR, PEER_BAR = 1.3, 60
SIZES = (  # rows, judges, rounds, peers too
    (10_000, 1_000, 5, True),
    (100_000, 1_000, 5, False),
    (100_000, 250, 5, True),
    (1_000_000, 100, 3, False),
)


def main() -> None:
    """Print the tables."""
    facts()
    rows, against = [], []
    for n, m, rounds, beside in SIZES:
        found, values, others = _measured(n, m, rounds, peers=beside)
        ratios = [ours / plain for ours, plain in zip(found["ours"], found["floor"], strict=True)]
        rows.append(
            (
                f"{n:,} x {m:,}",
                f"{median(found['floor']):.2f}",
                f"{median(found['ours']):.2f}",
                f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                "PASS (bar 1.3)" if median(ratios) <= FLOOR_BAR else "fail (bar 1.3)",
                f"{found['compiling']:.1f}",
            )
        )
        for name, run in others.items():
            ratio = run.seconds / median(found["ours"])
            error = np.abs(run.values - values).max()
            cells = (f"{run.seconds:.1f}", f"{run.peak / 2**30:.2f}", times(ratio), f"{error:.1e}")
            bar = verdict(ratio, PEER_BAR) if n == 100_000 else ""
            against.append((f"{n:,} x {m:,}", name, *cells, bar))
    show(
        f"Exact k-NN Shapley, {COLUMNS} columns, k = {K}, 2 threads",
        ("rows x judges", "floor, s", "ours, s", "ours / floor", "", "compiling, s (once)"),
        rows,
    )
    show(
        "The peers on the same arrays",
        ("rows x judges", "who", "seconds", "peak, GiB", "ours is", "values differ by at most", ""),
        against,
    )
    whole, _, _ = _measured(1_000_000, 1_000, 0, peers=False)
    small, _, _ = _measured(100_000, 1_000, 0, peers=False)
    show(
        "Ours alone, in a process of its own",
        ("rows x judges", "seconds", "peak, GiB", ""),
        [
            ("100,000 x 1,000", f"{small['ours'][0]:.1f}", f"{small['peak'] / 2**30:.2f}", ""),
            ("1,000,000 x 1,000", f"{whole['ours'][0]:.1f}", f"{whole['peak'] / 2**30:.2f}", _large(whole)),
        ],
    )


def _large(found: dict[str, Any]) -> str:
    ok = found["ours"][0] < 45 and found["peak"] < 4 * 2**30
    return f"{'PASS' if ok else 'fail'} (bar 45 s, 4 GiB)"


def _measured(
    n: int, m: int, rounds: int, *, peers: bool
) -> tuple[dict[str, Any], np.ndarray, dict[str, Any]]:
    rng = np.random.default_rng(0)
    X, V = (rng.normal(size=(size, COLUMNS)).astype(np.float32) for size in (n, m))
    y, t = (rng.integers(0, 2, size) for size in (n, m))
    with TemporaryDirectory() as folder:
        sides = Peers(Data(X, y), Data(V, t), folder)
        settings = json.dumps({"rounds": rounds, "out": f"{folder}/values.npy"})
        command = [sys.executable, "-m", f"{__package__}._knn_child", f"{folder}/arrays.npz", settings]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        values = np.load(Path(folder) / "values.npy")
        others = {}
        if peers:
            others = {
                f"pyDVL, {jobs} job(s)": sides.run("pydvl_knn", k=K, n_jobs=jobs) for jobs in (1, 2)
            } | {"OpenDataVal": sides.run("opendataval_knn", k=K)}
    return json.loads(told.stdout.splitlines()[-1]), values, others


if __name__ == "__main__":
    main()
