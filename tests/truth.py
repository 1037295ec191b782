"""Truth to test against: enumeration of every coalition, and problems small enough for it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb

import numpy as np
from sklearn.naive_bayes import GaussianNB

from assay import Data, Memory, Problem, TableGame


def bits_of(n: int) -> np.ndarray:
    """Every coalition of n rows, (2**n, n) bool; line b holds row i where bit i of b is set."""
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)


def semivalue(worths: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Enumerate: sum over sizes s of weights[s] x the mean gain of joining a coalition of s others."""
    n = len(worths).bit_length() - 1
    values = np.zeros(n)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for s in range(n):
            for members in combinations(others, s):
                b = sum(1 << j for j in members)
                values[i] += weights[s] / comb(n - 1, s) * (worths[b | 1 << i] - worths[b])
    return values


def shapley(worths: np.ndarray) -> np.ndarray:
    """Shapley values by enumeration."""
    n = len(worths).bit_length() - 1
    return semivalue(worths, np.full(n, 1 / n))


def banzhaf(worths: np.ndarray) -> np.ndarray:
    """Banzhaf values by enumeration."""
    n = len(worths).bit_length() - 1
    return semivalue(worths, np.array([comb(n - 1, s) for s in range(n)]) / 2 ** (n - 1))


def leave_one_out(worths: np.ndarray) -> np.ndarray:
    """What the full coalition loses without each row."""
    n = len(worths).bit_length() - 1
    return np.array([worths[-1] - worths[2**n - 1 - (1 << i)] for i in range(n)])


TRUTHS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Shapley": shapley,
    "Banzhaf": banzhaf,
    "LeaveOneOut": leave_one_out,
}


def random_game(n: int, seed: int) -> TableGame:
    """A game of independent normal worths."""
    return TableGame(np.random.default_rng(seed).normal(size=2**n))


def of_game(game: TableGame) -> Problem:
    """The problem of valuing the players of `game`."""
    return Problem(Data(np.zeros((game.n, 1))), game=game)


def two_clouds(n: int = 20, m: int = 30, seed: int = 0, *, text: bool = False) -> Problem:
    """Two clouds of points, one class each; the labels of the first three rows are wrong."""
    rng = np.random.default_rng(seed)
    names = np.array(["lo", "hi"]) if text else np.array([0, 1])
    y, v = np.arange(n) % 2, np.arange(m) % 2
    X = rng.normal(size=(n, 2)) + 3 * y[:, None]
    X_valid = rng.normal(size=(m, 2)) + 3 * v[:, None]
    y[:3] = 1 - y[:3]
    return Problem(Data(X, names[y]), Data(X_valid, names[v]), GaussianNB())


class Notebook(Memory):
    """A memory in a dictionary."""

    def __init__(self) -> None:
        self.lines: dict[bytes, np.ndarray] = {}

    def recall(self, keys, width):
        """Known worths, nan elsewhere."""
        blank = np.full(width, np.nan)
        return np.array([self.lines.get(key, blank) for key in keys]).reshape(len(keys), width)

    def remember(self, keys, worths):
        """Keep them."""
        self.lines.update(zip(keys, worths.copy(), strict=True))


def prefixes_of(order: np.ndarray) -> np.ndarray:
    """All n + 1 prefixes of an order, as coalitions."""
    return np.array([np.isin(np.arange(len(order)), order[:s]) for s in range(len(order) + 1)])
