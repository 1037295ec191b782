"""What the tests of nearest-neighbour methods share: small problems full of ties, and plain definitions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from scipy.sparse import csr_array
from truth import bits_of

from assay import Data, Problem

CLASSES = st.sampled_from(["cat", "dog", "emu"])
NUMBERS = st.sampled_from([-1.5, 0.0, 0.25, 3.0])
METRICS = ("euclidean", "cosine", "manhattan")


@st.composite
def problems(draw, labels=CLASSES, width=1, most=6):
    """Up to `most` rows and 3 judges on a coarse grid: ties, equal rows, few rows; `width` labels a row."""
    n, m, d = draw(st.integers(1, most)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    grid = st.lists(st.lists(st.integers(-2, 2), min_size=d, max_size=d), min_size=n + m, max_size=n + m)
    X = np.array(draw(grid), float)
    y = np.array(draw(st.lists(labels, min_size=(n + m) * width, max_size=(n + m) * width)))
    y = y if width == 1 else y.reshape(n + m, width)
    return Problem(Data(X[:n], y[:n]), Data(X[n:], y[n:]), score="r2" if y.dtype.kind == "f" else "accuracy")


def far(X: np.ndarray, x: np.ndarray, metric: str = "euclidean") -> np.ndarray:
    """Distances (n,) by their definitions, feature by feature in one order."""
    if metric == "manhattan":
        return np.array([sum(abs(a - b) for a, b in zip(row, x, strict=True)) for row in X])
    if metric == "euclidean":
        return np.sqrt([sum((a - b) ** 2 for a, b in zip(row, x, strict=True)) for row in X])
    lengths = [np.sqrt((row**2).sum()) or 1.0 for row in (*X, x)]
    return np.array([1 - (row @ x) / (a * lengths[-1]) for row, a in zip(X, lengths, strict=False)]).round(12)


def near(X: np.ndarray, x: np.ndarray, metric: str = "euclidean") -> np.ndarray:
    """Rows by distance, ties in row order."""
    return np.argsort(far(X, x, metric), kind="stable")


def enumerated(problem: Problem, worth: Callable, truth: Callable, metric: str = "euclidean") -> np.ndarray:
    """Values (n, m) to each judge from all coalitions, by `truth`.

    `worth(labels, label, far)` is that of a coalition, its labels (s,) and distances (s,) nearest first.
    """
    X, columns = np.asarray(problem.train.X, float), []
    for x, label in zip(np.asarray(problem.valid.X, float), problem.valid.y, strict=True):
        order, distances = near(X, x, metric), far(X, x, metric)
        worths = []
        for members in bits_of(problem.n):
            rows = order[members[order]]
            y = problem.train.y[rows]
            if problem.train.y.ndim == 1:
                worths.append(worth(y, label, distances[rows]))
            else:
                worths.append(np.mean([worth(y[:, c], label[c], distances[rows]) for c in range(y.shape[1])]))
        columns.append(truth(np.array(worths)))
    return np.array(columns).T


def larger(n: int, m: int, d: int, labels: str = "classes", seed: int = 0) -> Problem:
    """Normal features; classes, numbers or three labels a row."""
    rng = np.random.default_rng(seed)
    X, x = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    if labels == "numbers":
        return Problem(Data(X, rng.normal(size=n)), Data(x, rng.normal(size=m)))
    shape = (3,) if labels == "several" else ()
    return Problem(Data(X, rng.integers(0, 3, (n, *shape))), Data(x, rng.integers(0, 3, (m, *shape))))


def sparse(problem: Problem, kind: type = float) -> Problem:
    """The same rows and judges as CSR."""
    train, valid = (Data(csr_array(np.asarray(p.X, kind)), p.y) for p in (problem.train, problem.valid))
    return Problem(train, valid, score=problem.score)


def coarse(n: int, m: int, d: int, seed: int = 0) -> Problem:
    """Three quarters of zeros, and fractions that float32 holds: equal distances abound."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-4, 5, (n + m, d)) / 4 * (rng.random((n + m, d)) < 0.25)
    y = rng.integers(0, 3, n + m)
    return Problem(Data(X[:n], y[:n]), Data(X[n:], y[n:]))
