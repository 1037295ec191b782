"""Games whose Shapley values are known: by enumeration, in closed form, or by counting.

Needs numpy and scikit-learn only, so that peers ask the very same games in their own environments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
AIRPORT = (8, 12, 6, 14, 8, 9, 13, 10, 10, 10)  # how many planes cost 1, 2, ..., 10
VOTES = (45, 41, 27, 26, 26, 25, 21, 17, 17, 14, 13, 13, 12, 12, 12, 11)
VOTES += (10,) * 4 + (9,) * 4 + (8,) * 2 + (7,) * 4 + (6,) * 4 + (5,) + (4,) * 9 + (3,) * 7


@dataclass(frozen=True, eq=False)
class Known:
    """A game, asked as `game(coalitions (b, n) bool) -> (b,)`, and its Shapley values (n,)."""

    worth: Callable[[Array], Array]
    shapley: Array

    @property
    def n(self) -> int:
        """How many play."""
        return len(self.shapley)

    def __call__(self, coalitions: Array, /) -> Array:
        """Worths (batch,) of coalitions (batch, n)."""
        return self.worth(coalitions)


def members(n: int) -> Array:
    """Every coalition of n, (2**n, n) bool; line b holds i where bit i of b is set."""
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)


def table(worths: Array) -> Known:
    """A game of all its worths (2**n,), valued by enumeration."""
    n = len(worths).bit_length() - 1
    every = np.arange(2**n)
    size = members(n).sum(axis=1)
    weight = np.array([1 / (n * comb(n - 1, s)) for s in range(n)])
    values = np.empty(n)
    for i in range(n):
        without = every[every >> i & 1 == 0]
        values[i] = weight[size[without]] @ (worths[without | 1 << i] - worths[without])
    return Known(lambda coalitions: worths[coalitions @ (1 << np.arange(n))], values)


def random(n: int, seed: int) -> Known:
    """Independent normal worths: nothing to learn from one coalition about another."""
    return table(np.random.default_rng(seed).normal(size=2**n))


def monotone(n: int, seed: int) -> Known:
    """Each coalition is worth its best part with one less, and a random gain."""
    worths, every, size = (
        np.random.default_rng(seed).exponential(size=2**n),
        np.arange(2**n),
        members(n).sum(1),
    )
    worths[0] = 0
    for s in range(1, n + 1):
        here = every[size == s]
        best = np.max([np.where(here >> i & 1, worths[here & ~(1 << i)], 0) for i in range(n)], axis=0)
        worths[here] = best + 0.3 * worths[here]
    return table(worths / worths[-1])


def coverage(n: int, seed: int, points: int = 40) -> Known:
    """Weight of the points that some player of the coalition covers: submodular."""
    rng = np.random.default_rng(seed)
    covers, weight = rng.random((n, points)) < 0.15, rng.random(points)
    return table((members(n).astype(float) @ covers > 0) @ weight / weight.sum())


def airport() -> Known:
    """A runway costs what its dearest plane costs (100 planes; Castro, Gomez and Tejada 2009)."""
    costs = np.repeat(np.arange(1.0, 11.0), AIRPORT)
    share = np.cumsum([1 / (costs >= cost).sum() for cost in range(1, 11)])
    return Known(lambda coalitions: (coalitions * costs).max(axis=1), share[costs.astype(int) - 1])


def voting() -> Known:
    """The electoral college of 51 states, won by 270 of 538 votes; counted state by state."""
    votes = np.array(VOTES)
    n, quota, values = len(votes), 270, np.zeros(len(VOTES))
    for weight in np.unique(votes):
        ways = np.zeros((n, votes.sum() + 1), object)  # whole numbers: how many coalitions, by size and votes
        ways[0, 0] = 1
        for other in np.delete(votes, np.flatnonzero(votes == weight)[0]):
            ways[1:, other:] = ways[1:, other:] + ways[:-1, :-other]
        turns = ways[:, quota - weight : quota].sum(axis=1)
        values[votes == weight] = sum(int(turns[s]) / comb(n - 1, s) / n for s in range(n))
    return Known(lambda coalitions: (coalitions @ votes >= quota).astype(float), values)


def shoes(left: int, right: int) -> Known:
    """How many pairs can be made of left and right shoes; by the chance that one more makes one more."""
    n = left + right

    def value(mine: int, others: int) -> float:
        return sum(
            comb(mine - 1, a) * comb(others, b) / comb(n - 1, a + b) / n
            for a in range(mine)
            for b in range(a + 1, others + 1)
        )

    values = np.repeat([value(left, right), value(right, left)], [left, right])
    return Known(lambda all_: np.minimum(all_[:, :left].sum(1), all_[:, left:].sum(1)).astype(float), values)


def additive(n: int, seed: int) -> Known:
    """Worth the sum of its members."""
    parts = np.random.default_rng(seed).normal(size=n)
    return Known(lambda coalitions: coalitions @ parts, parts)


def unanimity(n: int, seed: int, terms: int = 60) -> Known:
    """Random weights on random groups of 1 to 7 who must all be there, shared evenly among each."""
    rng = np.random.default_rng(seed)
    groups = np.zeros((terms, n), bool)
    for group in groups:
        group[rng.choice(n, rng.integers(1, 8), replace=False)] = True
    weight, size = rng.normal(size=terms), groups.sum(axis=1)
    values = (weight / size) @ groups
    return Known(lambda coalitions: (coalitions.astype(float) @ groups.T >= size) @ weight, values)


def neighbours(n: int, seed: int, k: int = 5) -> Known:
    """Share of right votes among the k nearest of n irises, over the others (Jia et al. 2019)."""
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    X, y = X[order], y[order]
    far = ((X[n:, None] - X[None, :n]) ** 2).sum(axis=2)
    nearest = np.argsort(far, axis=1, kind="stable")
    right = (y[:n][nearest] == y[n:, None]).astype(float)
    values = np.zeros(n)
    for rows, hits in zip(nearest, right, strict=True):
        rank = np.arange(1, n)
        gains = (hits[:-1] - hits[1:]) / k * np.minimum(k, rank) / rank
        values[rows] += np.cumsum(np.append(hits[-1] / max(n, k), gains[::-1]))[::-1] / len(right)

    def worth(coalitions: Array) -> Array:
        total = np.zeros(len(coalitions))
        for rows, hits in zip(nearest, right, strict=True):
            there = coalitions[:, rows]
            total += (there & (np.cumsum(there, axis=1) <= k)) @ hits
        return total / k / len(right)

    return Known(worth, values)


def logistic(n: int, seed: int) -> Known:
    """Accuracy of ridge logistic regression (five features of breast cancer, C = 1) fitted to a coalition.

    All 2**n are fitted by Newton's method; coalitions of one class always answer it, the empty one is
    worth a half.
    """
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    X = np.column_stack([np.ones(len(y)), ((X - X.mean(0)) / X.std(0))[:, :5]])[order]
    y, penalty = y[order].astype(float), np.diag([1e-9, *np.ones(5)])
    train, judge, truth = X[:n], X[n : n + 200], y[n : n + 200] == 1
    worths = np.empty(2**n)
    for start in range(0, 2**n, 4096):
        there = members(n)[start : start + 4096].astype(float)
        beta = np.zeros((len(there), 6))
        for _ in range(12):
            chance = 1 / (1 + np.exp(-beta @ train.T))
            slope = (there * (chance - y[:n])) @ train + beta @ penalty
            curve = np.einsum("bi,ij,ik->bjk", there * chance * (1 - chance), train, train) + penalty
            beta -= np.clip(np.linalg.solve(curve, slope[:, :, None])[:, :, 0], -3, 3)
        ones, size = there @ y[:n], there.sum(axis=1)
        answer = np.where((ones == size)[:, None], True, (ones > 0)[:, None] & (beta @ judge.T > 0))
        worths[start : start + 4096] = np.where(size == 0, 0.5, (answer == truth).mean(axis=1))
    return table(worths)


GAMES: dict[str, Callable[[], Known]] = {
    "random table, 12": lambda: random(12, 1),
    "random table, 14": lambda: random(14, 2),
    "random table, 16": lambda: random(16, 3),
    "monotone, 16": lambda: monotone(16, 3),
    "coverage, 16": lambda: coverage(16, 4),
    "unanimity groups, 30": lambda: unanimity(30, 0),
    "airport, 100": airport,
    "voting, 51": voting,
    "shoes, 10 + 15": lambda: shoes(10, 15),
    "additive, 20": lambda: additive(20, 0),
    "logistic regression, 16": lambda: logistic(16, 0),
    "k-NN on iris, 50": lambda: neighbours(50, 0),
}
