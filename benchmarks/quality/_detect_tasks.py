"""The tasks of the detection benchmark: samples of the tables with known wrong rows, saved for every side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ._detect_tables import FOLDER, TABLES, Table, table

TRAIN, VALID = 1000, 300
ALL = tuple(sorted(TABLES))
NOISES = {
    "uniform": ALL,
    "by class": ALL,
    "people": ("adult", "clothing", "snippets"),
    "features": ("digits", "fashion", "letter", "magic", "satimage", "spambase"),
    "duplicates": ("adult", "german", "letter", "mnist", "phoneme", "satimage"),
}
PAIRS = [(noise, name) for noise, names in NOISES.items() for name in names]
UNIFORM, OFTEN, SELDOM, PART = 0.2, 0.35, 0.05, 0.1
SHIFT, CLOSE = 2.0, 0.05  # standard deviations


def tasks(seeds: range) -> list[Path]:
    """Make what is missing of the tasks and return their files, seed by seed."""
    folder = FOLDER / "detect-tasks"
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for seed in seeds:
        for number, (noise, name) in enumerate(PAIRS):
            path = folder / f"{name}, {noise}, {seed}.npz"
            if not path.exists():
                np.savez(path, **_task(table(name), noise, np.random.default_rng([seed, number])))
            paths.append(path)
    return paths


def _task(whole: Table, noise: str, rng: np.random.Generator) -> dict[str, NDArray]:
    """`X`, `y`: the rows to value; `V`, `t`: right rows that judge; `wrong`: the truth."""
    rows, train = rng.permutation(len(whole.y)), TRAIN * (2 if noise == "people" else 1)
    valid = min(VALID, 3 * len(rows) // 10)
    rows = rows[: valid + min(train, len(rows) - valid)]
    X, y, (V, t) = (
        whole.X[rows[valid:]],
        whole.y[rows[valid:]],
        (whole.X[rows[:valid]], whole.y[rows[:valid]]),
    )
    _, codes = np.unique(np.concatenate([y, t]), return_inverse=True)
    y, t, classes = codes[: len(y)], codes[len(y) :], codes.max() + 1
    center, scale = X.mean(0), np.where(X.std(0) > 0, X.std(0), 1)
    X, V = (X - center) / scale, (V - center) / scale
    given = y.copy()
    if noise == "uniform":
        wrong = rng.random(len(y)) < UNIFORM
        given[wrong] = (y + rng.integers(1, classes, len(y)))[wrong] % classes
    elif noise == "by class":  # every other class is often taken for the next one
        wrong = rng.random(len(y)) < np.where(y % 2 == 0, OFTEN, SELDOM)
        given[wrong] = (y[wrong] + 1) % classes
    elif noise == "people":
        assert whole.given is not None
        given = whole.given[rows[valid:]]
        wrong = given != whole.y[rows[valid:]]
    elif noise == "features":  # half of the columns
        wrong = rng.random(len(y)) < PART
        hit = wrong[:, None] & (rng.random(X.shape) < 0.5)
        X = X + hit * rng.normal(0, SHIFT, X.shape)
    else:  # near copies of other rows, under another label
        wrong = rng.random(len(y)) < PART
        source = rng.choice(np.flatnonzero(~wrong), len(y))
        X[wrong] = X[source[wrong]] + rng.normal(0, CLOSE, X[wrong].shape)
        given[wrong] = (y[source] + rng.integers(1, classes, len(y)))[wrong] % classes
    return {"X": X, "y": given, "V": V, "t": t, "wrong": wrong}
