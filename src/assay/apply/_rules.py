"""Rules: the leaves of a tree of limited depth, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold
from sklearn.tree import DecisionTreeRegressor

from .._types import Floats, Positions
from ._columns import MISSING, Column, Ordered, Valued

FOLDS = 3  # that settle how many leaves pay
Step = tuple[int, bool, int]  # column, whether at most the rank, the rank


def matrix(columns: Sequence[Column], n: int) -> NDArray[np.float32]:
    """The ranks of all columns, (n, columns): whole numbers, exact in float32 up to 16 million."""
    return np.column_stack([np.zeros(n), *(c.ranks for c in columns)]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Tree:
    """A regression tree of limited depth, grown best split first, of as many leaves as pay on unseen rows.

    Parameters
    ----------
    X : array of shape (n, columns + 1)
        See `matrix`.
    values : array of shape (n,)
    depth : int
        At most so many questions a row.
    least : int
        Fewest rows of a leaf.
    seed : int
        Which rows are in which fold; which of two equal splits is taken.
    """

    X: NDArray[np.float32]
    values: Floats
    depth: int
    least: int
    seed: int

    @cached_property
    def leaves(self) -> int:
        """The fewest leaves whose error on unseen rows is within a standard error of the least one."""
        errors = np.empty((len(self.values), 2**self.depth))
        for seen, unseen in KFold(FOLDS, shuffle=True, random_state=self.seed).split(self.X):
            parts = self._grown(seen)
            predicted = _predicted(parts, self.X[unseen], errors.shape[1])
            errors[unseen] = (self.values[unseen, None] - predicted) ** 2
        worse = errors - errors[:, [errors.mean(axis=0).argmin()]]
        spread = worse.std(axis=0, ddof=1) / np.sqrt(len(worse))
        return int(np.argmax(worse.mean(axis=0) <= spread)) + 1

    def _grown(self, rows: Positions | slice) -> Any:
        most, share = 2**self.depth, 1.0 if isinstance(rows, slice) else len(rows) / len(self.values)
        tree = DecisionTreeRegressor(
            max_depth=self.depth,
            max_leaf_nodes=most,
            min_samples_leaf=max(1, int(self.least * share)),
            random_state=self.seed,
        )
        return tree.fit(self.X[rows], self.values[rows]).tree_

    @cached_property
    def _whole(self) -> Any:
        return self._grown(slice(None))

    def predict(self, X: NDArray[np.float32]) -> Floats:
        """What rows like these are worth, (n,)."""
        return _predicted(self._whole, X, self.leaves)[:, -1]

    @property
    def paths(self) -> list[list[Step]]:
        """What each leaf asks, from the root down; the first column of `matrix` is never asked for."""
        parts, last, found = self._whole, 2 * self.leaves - 1, []
        waiting: list[tuple[int, list[Step]]] = [(0, [])]
        while waiting:
            node, path = waiting.pop()
            left, right = int(parts.children_left[node]), int(parts.children_right[node])
            if not 0 <= left < last:
                found.append(path)
                continue
            column, rank = int(parts.feature[node]) - 1, int(np.floor(parts.threshold[node]))
            waiting += [(left, [*path, (column, True, rank)]), (right, [*path, (column, False, rank)])]
        return found


def _predicted(parts: Any, X: NDArray[np.float32], most: int) -> Floats:
    """Predictions (n, most) of the trees of 1, 2, ... leaves that the tree was on its way.

    Nodes are numbered as they were made: with k leaves there are the first 2 k - 1.
    """
    out = np.empty((len(X), most))
    where = np.zeros(len(X), np.intp)
    out[:, 0] = parts.value[0, 0, 0]
    for k in range(1, most):
        if 2 * k < parts.node_count:
            (parent,) = np.flatnonzero(parts.children_left == 2 * k - 1)
            inside = np.flatnonzero(where == parent)
            below = X[inside, parts.feature[parent]] <= parts.threshold[parent]
            where[inside] = np.where(below, parts.children_left[parent], parts.children_right[parent])
        out[:, k] = parts.value[where, 0, 0]
    return out


def holds(columns: Sequence[Column], path: Sequence[Step], n: int) -> Positions:
    """The rows that answer as `path` asks."""
    inside = np.ones(n, bool)
    for at, below, rank in path:
        inside &= (columns[at].ranks <= rank) == below
    return np.flatnonzero(inside)


def words(columns: Sequence[Column], path: Sequence[Step]) -> str:
    """A path as a sentence's part: "age <= 25 and label = yes"; "" for all rows."""
    by_name: dict[str, list[Step]] = {}
    for step in path:
        by_name.setdefault(columns[step[0]].name, []).append(step)
    parts = []
    for name, steps in by_name.items():
        column = columns[steps[0][0]]
        parts.append(_range(column, steps) if isinstance(column, Ordered) else _value(name, columns, steps))
    return " and ".join(parts)


def _range(column: Ordered, steps: Sequence[Step]) -> str:
    highs = [rank for _, below, rank in steps if below]
    lows = [rank for _, below, rank in steps if not below]
    low, high = max(lows, default=None), min(highs, default=None)
    if high == -1:
        return f"{column.name} is {MISSING}"
    if low == -1 and high is None:
        return f"{column.name} is not {MISSING}"
    under = None if high is None else column.bound(high)
    over = None if low is None or low == -1 else column.bound(low)
    if over is not None and under is not None:
        return f"{over} < {column.name} <= {under}"
    if over is not None:
        return f"{column.name} > {over}"
    return f"{column.name} <= {under}" + (f" or {MISSING}" if column.holes and low is None else "")


def _value(name: str, columns: Sequence[Column], steps: Sequence[Step]) -> str:
    asked = [(columns[at], not below) for at, below, _ in steps]
    for column, yes in asked:
        assert isinstance(column, Valued)
        others = [value for value in column.values if value != column.value]
        if yes or len(others) == 1:
            return f"{name} = {column.value if yes else others[0]}"
    values = [column.value for column, _ in asked if isinstance(column, Valued)]
    return f"{name} != {values[0]}" if len(values) == 1 else f"{name} is none of {', '.join(values)}"
