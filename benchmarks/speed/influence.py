"""The whole matrix of influence of training rows on queries, beside the peers.

`python -m benchmarks.speed.influence [NET [METHOD ...]]`, NET one of digits (64-64-10, 1,400 x 300), mnist
(784-128-64-10, 5,000 x 500); dattri, pyDVL, kronfluence, traker and, for linear models, pyinfluence. They run
one after another, each in a process of its own, on the same net and rows, with two threads; the clock leaves
out imports and takes in the collection of gradients. A side that takes over a minute is broken off. With
nets on disk (`python -m benchmarks.quality.lds NET`), each matrix gets its linear datamodeling score.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ..quality._run import markdown
from ._nets import FOLDER, net
from ._sides import ROOT

LIMIT = 60  # seconds
DAMPING = 0.1
SIDES: dict[str, list[tuple[str, str]]] = {
    "exact": [("dattri", "exact"), ("pydvl", "exact"), ("pydvl", "exact-gn")],
    "cg": [("dattri", "cg"), ("pydvl", "cg-block"), ("pydvl", "cg-gn-block")],
    "ekfac": [("dattri", "ekfac"), ("pydvl", "ekfac"), ("kronfluence", "ekfac")],
    "kfac": [("pydvl", "kfac"), ("kronfluence", "kfac")],
    "datainf": [("dattri", "datainf"), ("pydvl", "datainf")],
    "tracin": [("dattri", "tracin"), ("dattri", "tracin-512")],
    "graddot": [("kronfluence", "graddot")],
    "trak": [("dattri", "trak"), ("traker", "trak")],
    "arnoldi": [("dattri", "arnoldi"), ("pydvl", "arnoldi"), ("pydvl", "arnoldi-woodbury")],
    "nystrom": [("pydvl", "nystrom")],
    "lissa": [("dattri", "lissa"), ("pydvl", "lissa")],
    "self-ekfac": [("dattri", "self-ekfac"), ("pydvl", "self-ekfac"), ("kronfluence", "self-ekfac")],
    "logistic": [("pyinfluence", "logistic")],
    "ridge": [("pyinfluence", "ridge")],
}
ENVIRONMENTS = {"pydvl": "pydvl-influence"}
SCRIPTS = {"dattri": "dattri_influence", "pydvl": "pydvl_influence"}


@dataclass(frozen=True)
class Side:
    """What one side did: seconds, processor seconds, its process's peak in bytes with torch, its score."""

    name: str
    seconds: float
    cpu: float
    bytes: int
    lds: float

    @classmethod
    def missing(cls, name: str) -> Side:
        """A side that did not come to its end."""
        return cls(name, np.nan, np.nan, 0, np.nan)


def run(side: str, method: str, path: Path, score: Any) -> Side:
    """Run one side in its own environment; `score` is of its matrix."""
    ours = side == "assay"
    python = sys.executable if ours else ROOT / ".peers" / ENVIRONMENTS.get(side, side) / "bin" / "python"
    script = ROOT / "benchmarks" / "peers" / f"run_{SCRIPTS.get(side, side)}.py"
    program = ["-m", "benchmarks.speed._influence_child"] if ours else [script]
    name = f"{side} {method}"
    with TemporaryDirectory() as folder:
        out = Path(folder) / "scores.npy"
        settings = {"method": method, "damping": DAMPING, "threads": 2, "out": str(out)}
        command = [str(python), *map(str, program), str(path), json.dumps(settings)]
        try:
            told = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            return Side.missing(f"{name}: over {LIMIT} s")
        if told.returncode:
            return Side.missing(f"{name}: {(told.stderr.strip().splitlines() or ['killed'])[-1][:60]}")
        line = json.loads(told.stdout.strip().splitlines()[-1])
        return Side(name, line["seconds"], line["cpu"], line["peak"], score(np.load(out)))


def scorer(name: str) -> Any:
    """The linear datamodeling score of a matrix (n, m) on the queries; nan without nets on disk."""
    if not (FOLDER / "lds" / f"{name}-truth.npz").exists():
        return lambda scores: np.nan
    from ..quality.lds import Case

    case = Case(name)

    def score(scores: np.ndarray) -> float:
        return case.score(scores).value if scores.ndim == 2 and np.isfinite(scores).all() else np.nan

    return score


def main() -> None:
    """Print a table a method."""
    name = sys.argv[1] if len(sys.argv) > 1 else "digits"
    path, score = net(name), scorer(name)
    header = ["method", "side", "seconds", "ours is faster by", "processor s", "peak MiB", "LDS"]
    rows: list[list[str]] = []
    for method in sys.argv[2:] or SIDES:
        ours = run("assay", method, path, score)
        for peer, its in [("assay", method), *SIDES[method]]:
            side = ours if peer == "assay" else run(peer, its, path, score)
            cells = (side.seconds, side.seconds / ours.seconds, side.cpu, side.bytes / 2**20, side.lds)
            forms = ("{:.3f}", "{:.1f}x", "{:.2f}", "{:,.0f}", "{:.3f}")
            rows.append([method, side.name, *(f.format(c) for f, c in zip(forms, cells, strict=True))])
            print(markdown(header, rows[-1:]).splitlines()[-1], flush=True)
    print("\n" + markdown(header, rows))


if __name__ == "__main__":
    main()
