"""Leave-one-out on adult, 1,000 rows judged by 100: `python -m benchmarks.speed.leave_one_out [ROWS]`.

Ours in closed form where the model is linear, against bare refits and OpenDataVal's leave-one-out (whose
wrapper wants probabilities: logistic regression only). One job on every side. Ours is run once before the
clock starts.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from threadpoolctl import threadpool_limits

from assay import LeaveOneOut, Problem

from ..peers._models import MODELS
from ._data import adult, problem
from ._sides import Run, ours, peers, refit
from ._tables import facts, show, times


def main() -> None:
    """Print the table."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    facts()
    parts = adult(n)
    rows = []
    with peers(*parts) as others:
        for name in ("logistic", "ridge"):
            asked = problem(parts, MODELS[name])
            runs = {"bare refits": _bare(asked)}
            if name == "logistic":
                runs["OpenDataVal"] = others.run("opendataval", method="leave-one-out", model=name, batches=1)
            runs["ours"] = ours(asked, LeaveOneOut(), n + 1, n_jobs=1)
            rows += [[name, *_row(who, run, runs)] for who, run in runs.items()]
    header = (
        "model",
        "who",
        "evaluations",
        "seconds",
        "ours takes",
        "values from bare refits: mean",
        "max",
    )
    show(f"Leave-one-out, {n:,} rows", header, rows)


def _row(who: str, run: Run, runs: dict[str, Run]) -> list[str]:
    apart = np.abs(run.values - runs["bare refits"].values)
    faster = "" if who == "ours" else f"1/{times(run.seconds / runs['ours'].seconds)[:-1]}"
    return [who, f"{run.evals:,}", f"{run.seconds:.4f}", faster, f"{apart.mean():.1e}", f"{apart.max():.1e}"]


def _bare(asked: Problem) -> Run:
    every = np.arange(asked.n)
    with threadpool_limits(limits=1):
        start = time.perf_counter()
        without = np.array([refit(asked, np.delete(every, row)) for row in every])
        values = refit(asked, every) - without
        return Run(asked.n + 1, time.perf_counter() - start, values)


if __name__ == "__main__":
    main()
