"""Attributions through trees: flipped labels found, and what removing the most helpful rows costs.

`python -m benchmarks.quality.trees SEEDS TABLE...` after `make detect-data`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from assay import REGISTRY, Data, Problem, value

from ._detect_tables import table

TABLES = ("adult", "german", "phoneme", "satimage", "spambase")
NAMES = ("BoostIn", "LeafInfluence", "LeafRefit", "TREX", "TreeSim", "KNNShapley", "Random")
ROWS, JUDGES, ALONE = 400, 100, 4
WRONG = 0.2
SHARES = (0.01, 0.05)


def model() -> LGBMClassifier:
    """The same for every table; nothing was tuned."""
    return LGBMClassifier(n_estimators=50, verbose=-1, n_jobs=1, deterministic=True, force_col_wise=True)


def drawn(name: str, seed: int, wrong: float) -> tuple[Problem, NDArray[np.bool_]]:
    """Rows and judges of a table, standardised (trees do not mind), and which labels were flipped."""
    whole, rng = table(name), np.random.default_rng(seed)
    order = rng.permutation(len(whole.X))[: ROWS + JUDGES]
    rows = min(ROWS, len(order) - JUDGES)
    X, y = StandardScaler().fit(whole.X[order[:rows]]).transform(whole.X[order]), whole.y[order]
    bad = np.isin(np.arange(rows), rng.choice(rows, int(wrong * rows), replace=False))
    given, classes = y[:rows].copy(), len(np.unique(whole.y))
    given[bad] = (given[bad] + rng.integers(1, classes, bad.sum())) % classes
    return Problem(Data(X[:rows], given), Data(X[rows:], y[rows:]), model()), bad


def scores(problem: Problem, name: str, seed: int) -> NDArray[np.float64]:
    """Scores (n, m) of a method; of `Random`, drawn for each judge."""
    if name == "Random":
        return np.random.default_rng(seed).normal(size=(problem.n, len(problem.valid)))
    found = value(problem, REGISTRY[name](per_valid=True), progress=False)
    assert found.per_valid is not None
    return found.per_valid


def losses(problem: Problem, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Log loss of each judge by the model fitted on `rows`."""
    fitted = model().fit(problem.train.X[rows], problem.train.y[rows])
    shares = fitted.predict_proba(problem.valid.X)
    known = np.isin(problem.valid.y, fitted.classes_)
    places = np.searchsorted(fitted.classes_, np.where(known, problem.valid.y, fitted.classes_[0]))
    told = np.where(known, shares[np.arange(len(shares)), places], 0)
    return -np.log(np.maximum(told, 1e-15))


@dataclass
class Found:
    """What one method did on one table with one seed."""

    area: float
    together: list[float]
    alone: list[float]


def measured(name: str, seed: int) -> dict[str, Found]:
    """Every method on one table."""
    dirty, bad = drawn(name, seed, WRONG)
    clean, _ = drawn(name, seed, 0.0)
    before, found = losses(clean, np.arange(clean.n)), {}
    for method in NAMES:
        area = roc_auc_score(bad, -scores(dirty, method, seed).mean(axis=1))
        per_judge = scores(clean, method, seed)

        def rise(values: NDArray[np.float64], share: float) -> NDArray[np.float64]:
            kept = np.sort(np.argsort(-values, kind="stable")[round(share * len(values)) :])
            return losses(clean, kept) - before

        together = [rise(per_judge.mean(axis=1), share).mean() for share in SHARES]
        alone = [np.mean([rise(per_judge[:, t], share)[t] for t in range(ALONE)]) for share in SHARES]
        found[method] = Found(float(area), together, alone)
    return found


def interval(by_seed: NDArray[np.float64]) -> str:
    """Mean and 95% interval over seeds, by Student's t."""
    wide = student.ppf(0.975, len(by_seed) - 1) * by_seed.std(ddof=1) / np.sqrt(len(by_seed))
    return f"{by_seed.mean():+.3f} ± {wide:.3f}"


def main(seeds: int, tables: Sequence[str]) -> None:
    """Print both tables."""
    found: list[list[dict[str, Found]]] = []
    for seed in range(seeds):
        print(f"seed {seed} of {seeds}", file=sys.stderr, flush=True)
        found.append([measured(name, seed) for name in tables])
    areas = {m: np.array([[part[m].area for part in line] for line in found]) for m in NAMES}
    print(f"| AUROC of {WRONG:.0%} flipped | {' | '.join(tables)} | mean | against KNNShapley (95%) |")
    print("| --- " * (len(tables) + 3) + "|")
    for m in NAMES:
        cells = " | ".join(f"{x:.3f}" for x in (*areas[m].mean(axis=0), areas[m].mean()))
        print(f"| `{m}` | {cells} | {interval((areas[m] - areas['KNNShapley']).mean(axis=1))} |")
    heads = [f"{who}, {share:.0%}" for who in ("all judges", "one judge") for share in SHARES]
    print(f"\n| rise of log loss | {' | '.join(heads)} |")
    print("| --- " * (len(heads) + 1) + "|")
    for m in NAMES:
        rises = np.array([[[*part[m].together, *part[m].alone] for part in line] for line in found]).mean(
            axis=1
        )
        print(f"| `{m}` | {' | '.join(interval(column) for column in rises.T)} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2:] or TABLES)
