"""A table that changes, beside recomputing it: `python -m benchmarks.speed.neighbors_live`.

Float32 Gaussian features, 64 columns, 100,000 rows, 1,000 judges, k = 10, 2 threads, in one process in turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from assay import KNNShapley, LiveKNNShapley, value

from ._tables import facts, show, times
from .neighbors_approximate import COLUMNS, gaussian

ROWS, JUDGES, TIMES = 100_000, 1_000, 40


def seconds(call: Callable[..., Any], arguments: list[tuple[Any, ...]]) -> float:
    """The median of single calls, the first of which warms up."""
    taken = []
    for given in arguments:
        start = time.perf_counter()
        call(*given)
        taken.append(time.perf_counter() - start)
    return median(taken[1:])


def main() -> None:
    """Print the table."""
    facts()
    problem, rng = gaussian(ROWS, JUDGES), np.random.default_rng(1)
    keys = rng.choice(ROWS, TIMES, replace=False).tolist()
    new = rng.normal(size=(TIMES, COLUMNS))
    recompute = seconds(lambda: value(problem, KNNShapley(k=10), n_jobs=2, progress=False), [()] * 4)
    start = time.perf_counter()
    live = LiveKNNShapley(problem, k=10, n_jobs=2)
    build = time.perf_counter() - start
    calls = [
        ("value_of", seconds(live.value_of, [(key,) for key in keys])),
        ("what_if, other label", seconds(lambda key: live.what_if(key, y=1), [(key,) for key in keys])),
        ("what_if, other features", seconds(live.what_if, list(zip(keys, new, strict=True)))),
        ("edit, other label", seconds(lambda key: live.edit(key, y=1), [(key,) for key in keys])),
        ("edit, other features", seconds(live.edit, list(zip(keys, new, strict=True)))),
        ("append", seconds(lambda x: live.append([x], [1]), [(x,) for x in new])),
        ("delete", seconds(live.delete, [(key,) for key in keys])),
        ("values, of all rows", seconds(live.values, [()] * 4)),
    ]
    lines = [(name, f"{1000 * took:.1f}", times(recompute / took)) for name, took in calls]
    lines.append(("making one", f"{1000 * build:.0f}", times(recompute / build)))
    truth = value(type(problem)(live.data, problem.valid), KNNShapley(k=10), n_jobs=2, progress=False)
    show(
        f"{ROWS:,} rows, {JUDGES:,} judges; KNNShapley takes {recompute:.2f} s",
        ("call", "milliseconds", "KNNShapley takes"),
        lines,
    )
    print(f"\nAfterwards values differ by at most {np.abs(truth.values - live.values().values).max():.1e}.")


if __name__ == "__main__":
    main()
