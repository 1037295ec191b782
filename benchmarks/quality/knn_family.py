"""Which values of the k-NN family find flipped labels: average precision on tables of scikit-learn."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_classification
from sklearn.metrics import average_precision_score
from sklearn.preprocessing import StandardScaler

from assay import REGISTRY, Data, Problem, value

NAMES = [
    *("KNNShapley", "CalibratedKNNShapley", "SoftKNNShapley", "WeightedKNNShapley", "ThresholdKNNShapley"),
    *("KNNBanzhaf", "KNNLeaveOneOut"),
]
WRONG = 0.2


def tables() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield (name, features, labels)."""
    for load in (load_digits, load_breast_cancer, load_wine, load_iris):
        yield load.__name__.removeprefix("load_"), *load(return_X_y=True)
    yield "made", *make_classification(1500, 20, n_informative=8, n_classes=3, class_sep=1.5, random_state=0)


def flipped(X: np.ndarray, y: np.ndarray, seed: int) -> tuple[Problem, np.ndarray]:
    """Two thirds of the rows, 1,000 at most, a fifth of them with another label; the rest judges."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(X))
    n = min(1000, len(X) * 2 // 3)
    X, y = StandardScaler().fit(X[order[:n]]).transform(X[order]), y[order]
    wrong = np.isin(np.arange(n), rng.choice(n, int(WRONG * n), replace=False))
    dirty, classes = y[:n].copy(), len(np.unique(y))
    dirty[wrong] = (dirty[wrong] + rng.integers(1, classes, wrong.sum())) % classes
    return Problem(Data(X[:n], dirty), Data(X[n : n + 500], y[n : n + 500])), wrong


def main(seeds: int, k: int) -> None:
    """Print one line a method."""
    found: dict[str, list[list[float]]] = {name: [] for name in NAMES}
    heads = []
    for head, X, y in tables():
        heads.append(head)
        problems = [flipped(X, y, seed) for seed in range(seeds)]
        for name in NAMES:
            method = REGISTRY[name](**({} if name == "ThresholdKNNShapley" else {"k": k}))
            found[name].append(
                [
                    average_precision_score(bad, -value(p, method, progress=False).values)
                    for p, bad in problems
                ]
            )
    print(f"| k = {k} | {' | '.join(heads)} | mean | against KNNShapley (95%) |")
    print("| --- " * (len(heads) + 3) + "|")
    for name in NAMES:
        line = np.array(found[name])
        gain = (line - found["KNNShapley"]).mean(axis=0)
        error = 1.96 * gain.std(ddof=1) / np.sqrt(seeds)
        cells = " | ".join(f"{x:.3f}" for x in (*line.mean(axis=1), line.mean()))
        print(f"| `{name}` | {cells} | {gain.mean():+.4f} ± {error:.4f} |")


if __name__ == "__main__":
    for neighbours in (5, 10):
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, neighbours)
