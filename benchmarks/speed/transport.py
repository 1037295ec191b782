"""LAVA beside OpenDataVal, ComplexityGap beside the published steps: `python -m benchmarks.speed.transport`.

With the argument `large`: LAVA on 50,000 x 10,000 rows and ComplexityGap on 20,000, about ten minutes.
Gaussian classes in 64 columns, 20% of the training labels wrong. Two threads on every side. Ours is run once,
on few rows, before the clock starts.
"""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from threadpoolctl import threadpool_limits

from assay import LAVA, ComplexityGap, Data, Problem, Stop, Valuation, Valuer, value

from ._sides import peers
from ._tables import facts, show, times, verdict

BAR = 5.0


def main() -> None:
    """Print the tables."""
    facts()
    if sys.argv[1:] == ["large"]:
        _large()
        return
    rows = [line for n, m in ((2_000, 500), (10_000, 2_000)) for line in _lava(n, m)]
    show(
        "LAVA, 64 columns, 10 classes",
        (
            "rows",
            "who",
            "seconds",
            "ours is",
            "",
            "values apart, in standard deviations",
            "average precision",
        ),
        rows,
    )
    show(
        "To the optimum, 2,000 x 500",
        ("settings", "seconds", "masses off by", "correlation with OpenDataVal's", "average precision"),
        _optimum(),
    )
    show(
        "ComplexityGap, 64 columns, two classes of a size",
        ("rows", "who", "seconds", "ours is", "", "values apart, relative"),
        [line for n in (1_000, 2_000, 4_000) for line in _gap(n)],
    )
    show(
        "ComplexityGap in parts, 4,000 rows, 10 classes",
        ("part", "partings", "seconds", "correlation", "standard error", "average precision"),
        _parts(4_000),
    )


def clouds(n: int, m: int, classes: int = 10, apart: float = 1.0) -> tuple[Data, Data, NDArray[np.bool_]]:
    """Train rows, validation rows, and which labels of the former are wrong."""
    rng = np.random.default_rng(0)
    centres = apart * rng.normal(size=(classes, 64))
    y, t = np.arange(n) % classes, np.arange(m) % classes
    X, Z = centres[y] + rng.normal(size=(n, 64)), centres[t] + rng.normal(size=(m, 64))
    wrong = rng.random(n) < 0.2
    told = np.where(wrong, (y + rng.integers(1, classes, size=n)) % classes, y)
    return Data(X, told), Data(Z, t), wrong


def timed(problem: Problem, method: Valuer, *, n_jobs: int = 2, evals: int = 1) -> tuple[float, Valuation]:
    """Seconds, the best of three where they are few, and the valuation."""
    best, found = np.inf, None
    for _ in range(3):
        start = time.perf_counter()
        found = value(problem, method, stop=Stop(evals=evals), n_jobs=n_jobs, progress=False)
        best = min(best, time.perf_counter() - start)
        if best > 10:
            break
    assert found is not None
    return best, found


def _lava(n: int, m: int) -> list[list[str]]:
    train, valid, wrong = clouds(n, m)
    problem = Problem(train, valid)
    timed(Problem(*clouds(40, 40)[:2]), LAVA())
    with peers(train, valid) as others:
        widths = (32, 64) if n <= 2_000 else (32,)
        theirs = {bits: others.run("opendataval_lava", threads=2, bits=bits) for bits in widths}
    ours = {jobs: timed(problem, LAVA(), n_jobs=jobs) for jobs in (1, 2)}
    truth, least = theirs[max(widths)].values, ours[2][0]

    def line(who: str, seconds: float, values: NDArray[Any]) -> list[str]:
        ratio = seconds / least
        says = verdict(ratio, BAR) if who.startswith("OpenDataVal") else ""
        apart = np.abs(values - truth).max() / truth.std()
        precision = average_precision_score(wrong, -values)
        return [
            f"{n:,} x {m:,}",
            who,
            f"{seconds:.2f}",
            times(ratio),
            says,
            f"{apart:.1e}",
            f"{precision:.3f}",
        ]

    return [
        *(line(f"OpenDataVal, {bits} bits", run.seconds, run.values) for bits, run in theirs.items()),
        *(line(f"ours, {jobs} thread(s)", seconds, found.values) for jobs, (seconds, found) in ours.items()),
    ]


def _optimum() -> list[list[str]]:
    train, valid, wrong = clouds(2_000, 500)
    problem, rows = Problem(train, valid), []
    published = value(problem, LAVA(), progress=False).values
    for method in (
        LAVA(),
        LAVA(regularisation=10.0, tolerance=0.01),
        LAVA(regularisation=1.0, tolerance=0.01),
        LAVA(class_distance="exact"),
    ):
        start = time.perf_counter()
        found = value(problem, method, n_jobs=2, progress=False)
        seconds = time.perf_counter() - start
        off = found.why.split("within ")[1].split(" ")[0]
        alike = np.corrcoef(found.values, published)[0, 1]
        precision = average_precision_score(wrong, -found.values)
        rows.append([f"`{method}`", f"{seconds:.2f}", off, f"{alike:.3f}", f"{precision:.3f}"])
    return rows


def _gap(n: int) -> list[list[str]]:
    train, _, _ = clouds(n, 10, classes=2, apart=0.2)
    y = np.where(np.arange(n) < n // 2, 1.0, -1.0)
    problem = Problem(Data(train.X, y.astype(int)))
    timed(Problem(Data(train.X[:40], y[:40].astype(int))), ComplexityGap())
    ours, found = timed(problem, ComplexityGap())
    sides = [
        ("published steps: invert, delete each row", _published),
        ("NumPy's inverse, closed form", _inverse),
    ]
    lines = []
    for who, gaps in sides if n <= 2_000 else sides[1:]:
        with threadpool_limits(limits=2):
            start = time.perf_counter()
            theirs = gaps(train.X, y)
            seconds = time.perf_counter() - start
        apart = np.abs(-found.values / theirs - 1).max()
        says = verdict(seconds / ours, BAR) if gaps is _published else ""
        lines.append([f"{n:,}", who, f"{seconds:.2f}", times(seconds / ours), says, f"{apart:.1e}"])
    return [*lines, [f"{n:,}", "ours", f"{ours:.2f}", times(1.0), "", ""]]


def _kernel(X: NDArray[Any]) -> NDArray[Any]:
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    inner = np.clip(units @ units.T, -1, 1)
    kernel = inner * (np.pi - np.arccos(inner)) / (2 * np.pi)
    np.fill_diagonal(kernel, 0.5)
    return kernel


def _inverse(X: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    inverse = np.linalg.inv(_kernel(X))
    return (inverse @ y) ** 2 / np.diag(inverse)


def _published(X: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """Each row's rank-one update of the whole inverse, and the complexity by it."""
    inverse = np.linalg.inv(_kernel(X))
    whole, gaps = y @ inverse @ y, np.empty(len(y))
    for k in range(len(y)):
        without = np.delete(np.delete(inverse, k, axis=0), k, axis=1)
        row, rest = np.delete(inverse[k], k), np.delete(y, k)
        without = without - np.outer(row, row) / inverse[k, k]
        gaps[k] = whole - rest @ without @ rest
    return gaps


def _parts(n: int) -> list[list[str]]:
    train, _, wrong = clouds(n, 10, apart=0.3)
    problem, rows = Problem(train), []
    exact = value(problem, ComplexityGap(), progress=False).values
    for part, draws in ((n, 1), (n // 2, 4), (n // 4, 4), (n // 4, 16), (n // 8, 16)):
        seconds, found = timed(problem, ComplexityGap(part=part), evals=n * draws)
        alike = np.corrcoef(found.values, exact)[0, 1]
        error = "" if found.stderr is None else f"{found.stderr.mean() / exact.std():.3f}"
        precision = average_precision_score(wrong, -found.values)
        rows.append([f"{part:,}", f"{draws}", f"{seconds:.1f}", f"{alike:.3f}", error, f"{precision:.3f}"])
    return rows


def _large() -> None:
    rows = []
    train, valid, wrong = clouds(50_000, 10_000)
    small, _, bad = clouds(20_000, 10)
    for method, problem, marked in (
        (LAVA(), Problem(train, valid), wrong),
        (ComplexityGap(), Problem(small), bad),
    ):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        found = value(problem, method, n_jobs=2, progress=False)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sizes = (f"{seconds:.0f}", f"{(peak - before) / 2**20:.2f}", f"{peak / 2**20:.2f}")
        rows.append([f"`{method}`", *sizes, f"{average_precision_score(marked, -found.values):.3f}"])
    show("Large", ("method", "seconds", "GB on top", "GB in all", "average precision"), rows)


if __name__ == "__main__":
    main()
