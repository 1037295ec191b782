"""Data-OOB beside the peers and the bare forest: `python -m benchmarks.speed.data_oob [TREES] [alone]`.

10,000 rows of `make_classification` (50 columns, 10 of them informative, classes 1.5 apart), 20% of the
labels flipped; 1,000 trees on every side, 2 jobs where there is a choice. The clock of a peer runs from the
fit of its forest to the values; ours is run once before it starts. OpenDataVal takes minutes: `alone` leaves
the peers out. Then average precision on other tables, ours beside the same forest of scikit-learn.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits, load_wine, make_classification
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from assay import Data, DataOOB, Problem, Stop, value

from ._sides import Run, peers
from ._tables import facts, show, times, verdict

ROWS, COLUMNS, JOBS, SHARE = 10_000, 50, 2, 0.2
MOST_ADDED, PYDVL_BAR, OPENDATAVAL_BAR, MOST_WORSE = 0.03, 5, 30, 0.005
SEEDS = range(5)


def main() -> None:
    """Print the tables."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    trees = numbers[0] if numbers else 1000
    facts()
    X, y = make_classification(ROWS, COLUMNS, n_informative=10, class_sep=1.5, random_state=0)
    train, wrong = _flipped(X, y, 0)
    _given(train, trees)
    runs = {"ours": _default(train, trees)}
    if "alone" not in sys.argv:
        with peers(train, train.take(np.arange(100))) as others:
            runs["pyDVL"] = others.run("pydvl_oob", trees=trees, n_jobs=JOBS)
            runs["OpenDataVal"] = others.run("opendataval_oob", trees=trees)
    rows = [_row(who, run, runs["ours"], wrong) for who, run in runs.items()]
    header = ("who", "seconds", "ours is", "", "average precision", "ours less that")
    show(f"**The default ensemble, {trees:,} trees**", header, rows)
    _tables()


def _row(who: str, run: Run, ours: Run, wrong: NDArray[np.bool_]) -> list[str]:
    found, own = _precision(wrong, run.values), _precision(wrong, ours.values)
    if who == "ours":
        return [who, f"{run.seconds:.2f}", "", "", f"{found:.4f}", ""]
    faster = run.seconds / ours.seconds
    bar = PYDVL_BAR if who == "pyDVL" else OPENDATAVAL_BAR
    within = "PASS" if own >= found - MOST_WORSE else "fail"
    gap = f"{own - found:+.4f} {within}"
    return [who, f"{run.seconds:.2f}", times(faster), verdict(faster, bar), f"{found:.4f}", gap]


def _default(train: Data, trees: int) -> Run:
    _value(train, None, 1)
    start = time.perf_counter()
    found = _value(train, None, trees)
    return Run(found.evals, time.perf_counter() - start, found.values)


def _value(train: Data, model: Any, bags: int, seed: int = 0) -> Any:
    method = DataOOB(model=model)
    return value(Problem(train), method, stop=Stop(evals=bags), seed=seed, n_jobs=JOBS, progress=False)


def _given(train: Data, trees: int) -> None:
    """Scoring an ensemble that was fitted, as a share of its bare fit."""
    how: dict[str, Any] = {"n_jobs": JOBS, "random_state": 0}
    bagged: dict[str, Any] = {"n_estimators": max(trees // 10, 10), **how}
    ensembles = [
        ("random forest", RandomForestClassifier(trees, **how)),
        ("extremely randomised trees", ExtraTreesClassifier(trees, bootstrap=True, **how)),
        ("bagging of trees", BaggingClassifier(**bagged)),
        ("bagging of logistic regressions", BaggingClassifier(LogisticRegression(max_iter=1000), **bagged)),
    ]
    rows = []
    for name, model in ensembles:
        start = time.perf_counter()
        model.fit(train.X, train.y)
        fit = time.perf_counter() - start
        _value(train, model, 1)
        start = time.perf_counter()
        found = _value(train, model, 1)
        scoring = time.perf_counter() - start
        reaches = f"{'PASS' if scoring <= MOST_ADDED * fit else 'fail'} (bar {MOST_ADDED:.0%})"
        rows.append(
            [name, f"{found.evals:,}", f"{fit:.2f}", f"{scoring:.3f}", f"{scoring / fit:.1%}", reaches]
        )
    show(
        "**Given ensembles, fitted**", ("ensemble", "members", "bare fit, s", "scoring, s", "share", ""), rows
    )


def _tables() -> None:
    """Average precision on other tables: ours beside a random forest of as many trees."""
    Z = np.random.default_rng(0).normal(size=(3000, COLUMNS))
    tables = {
        "digits": load_digits(return_X_y=True),
        "breast cancer": load_breast_cancer(return_X_y=True),
        "wine": load_wine(return_X_y=True),
        "Gaussian, a plane of 10": (Z, (Z[:, :10].sum(axis=1) > 0).astype(int)),
        "4 clusters": make_classification(
            3000, 20, n_informative=5, n_classes=4, n_clusters_per_class=1, random_state=0
        ),
    }
    rows = []
    for name, (X, y) in tables.items():
        found = np.array([_pair(X, y, seed) for seed in SEEDS])
        gaps = found[:, 0] - found[:, 1]
        error = gaps.std(ddof=1) / np.sqrt(len(gaps))
        rows.append([name, *(f"{ap:.4f}" for ap in found.mean(axis=0)), f"{gaps.mean():+.4f} ({error:.4f})"])
    title = f"**Average precision, 300 trees, {len(SEEDS)} seeds**"
    show(title, ("table", "ours", "random forest", "ours less that (standard error)"), rows)


def _pair(X: Any, y: Any, seed: int) -> tuple[float, float]:
    train, wrong = _flipped(X, y, seed)
    ours = _value(train, None, 300, seed)
    forest = _value(train, RandomForestClassifier(300), 300, seed)
    return _precision(wrong, ours.values), _precision(wrong, forest.values)


def _flipped(X: Any, y: Any, seed: int) -> tuple[Data, NDArray[np.bool_]]:
    """The rows with another label, drawn evenly, for 20% of them; which these are."""
    rng, y = np.random.default_rng(seed), y.copy()
    rows = rng.choice(len(y), round(SHARE * len(y)), replace=False)
    classes = y.max() + 1
    y[rows] = (y[rows] + rng.integers(1, classes, len(rows))) % classes
    return Data(X, y), np.isin(np.arange(len(y)), rows)


def _precision(wrong: NDArray[np.bool_], values: Any) -> float:
    return float(average_precision_score(wrong, -values))


if __name__ == "__main__":
    main()
