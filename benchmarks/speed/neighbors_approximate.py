"""Approximate k-NN Shapley at a million rows: `python -m benchmarks.speed.neighbors_approximate [indexes]`.

Float32 Gaussian features (the hardest: neighbours are hardly nearer than others) or rows around 1,000 centres
in 12 dimensions of 64; two classes, k = 5, epsilon = .01, 2 threads. Errors are those to 20 judges, against
exact values. `indexes` adds the inverted file and hashing at 200,000 rows, building them included.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np

from assay import ApproximateKNNShapley, Data, KNNShapley, Problem, Valuation, value

from ._tables import facts, show, times

ROWS, COLUMNS, JUDGES, EPSILON, BAR = 1_000_000, 64, 1_000, 0.01, 10.0
INDEXED = 200_000  # rows


def gaussian(n: int, m: int, seed: int = 0) -> Problem:
    """Independent normal features."""
    rng = np.random.default_rng(seed)
    parts = (rng.standard_normal((size, COLUMNS), dtype=np.float32) for size in (n, m))
    return Problem(*(Data(X, rng.integers(0, 2, len(X))) for X in parts))


def clustered(n: int, m: int, seed: int = 0) -> Problem:
    """Rows around 1,000 centres, spread in 12 dimensions; a class to each centre, one label in ten wrong."""
    rng = np.random.default_rng(seed)
    centres = 2 * rng.standard_normal((1_000, COLUMNS), dtype=np.float32)
    spread = rng.standard_normal((12, COLUMNS), dtype=np.float32) / 3
    classes = rng.integers(0, 2, 1_000)
    parts = []
    for size in (n, m):
        centre = rng.integers(0, 1_000, size)
        X = centres[centre] + rng.standard_normal((size, 12), dtype=np.float32) @ spread
        X += 0.1 * rng.standard_normal((size, COLUMNS), dtype=np.float32)
        parts.append(Data(X, classes[centre] ^ (rng.random(size) < 0.1)))
    return Problem(*parts)


def timed(problem: Problem, method: KNNShapley | ApproximateKNNShapley) -> tuple[float, Valuation]:
    """Seconds of `value` as a user calls it, and what it found."""
    start = time.perf_counter()
    found = value(problem, method, n_jobs=2, progress=False)
    return time.perf_counter() - start, found


def row(name: str, problem: Problem, index: str, exact: float) -> tuple[str, ...]:
    """One line: seconds at full size, and the largest error to 20 judges."""
    assert problem.valid is not None
    seconds, found = timed(problem, ApproximateKNNShapley(epsilon=EPSILON, index=index))  # pyright: ignore
    few = replace(problem, valid=problem.valid.take(np.arange(20)))
    _, near = timed(few, ApproximateKNNShapley(epsilon=EPSILON, index=index, per_valid=True))  # pyright: ignore
    _, truth = timed(few, KNNShapley(per_valid=True))
    assert near.per_valid is not None
    assert truth.per_valid is not None
    error = np.abs(near.per_valid - truth.per_valid).max()
    recall = found.why.split(" found ")[1].split(" ")[0] if " found " in found.why else "all"
    mean = np.abs(near.values - truth.values).max()
    ok = f"{'PASS' if seconds < BAR and error <= EPSILON else 'fail'} (bar {BAR:.0f} s, {EPSILON})"
    ok = ok if problem.n == ROWS else ""
    cells = (f"{seconds:.1f}", times(exact / seconds), recall, f"{error:.1e}", f"{mean:.1e}")
    return (name, index, *cells, ok)


def main() -> None:
    """Print the tables."""
    facts()
    table(ROWS, ("exact",))
    if "indexes" in sys.argv:
        table(INDEXED, ("exact", "ivf", "lsh"))


def table(rows: int, indexes: tuple[str, ...]) -> None:
    """Print one table."""
    lines = []
    for name, make in (("Gaussian", gaussian), ("clustered", clustered)):
        for index in indexes:  # compiles
            timed(make(2_000, 4), ApproximateKNNShapley(index=index))  # pyright: ignore
        problem = make(rows, JUDGES)
        assert problem.valid is not None
        tenth = replace(problem, valid=problem.valid.take(np.arange(JUDGES // 10)))
        exact = 10 * timed(tenth, KNNShapley())[0]
        lines += [row(name, problem, index, exact) for index in indexes]
    show(
        f"{rows:,} rows, {JUDGES:,} judges, {COLUMNS} columns, epsilon = {EPSILON}",
        (
            *("features", "index", "seconds", "10 x KNNShapley by 100 judges takes"),
            *("neighbours found", "largest error", "of a mean of 20", ""),
        ),
        lines,
    )


if __name__ == "__main__":
    main()
