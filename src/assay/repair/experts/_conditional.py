"""Conditional: what the other columns of a row lead one to expect of its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeRegressor

from ..._types import Floats
from ...tables import Table, as_number
from ._bulk import Bulk

_LEAVES = 16
_IN_LEAF = 20  # fewest ordinary rows that quartiles are taken of
_ODDS = 10.0  # how far the other columns may tip the scales between two readings
_CODED = ("category", "boolean")


@dataclass(frozen=True)
class Conditional:
    """Median and robust standard deviation of the ordinary numbers in rows like each row.

    Parameters
    ----------
    centre, spread : (n,) floats
        Of the leaf that the row falls into. The tree is grown on rows whose number is ordinary, so a stray
        says nothing of itself.
    all_centre, all_spread : float
        Of all ordinary rows.
    """

    centre: Floats
    spread: Floats
    all_centre: float
    all_spread: float

    @classmethod
    def fit(cls, table: Table, column: str, numbers: Floats, bulk: Bulk) -> Conditional | None:
        """Learn from the rows of `table` whose number is in the bulk; None where they tell nothing.

        Notes
        -----
        A quantile tree (after Meinshausen, 2006, with one tree) on the other features; the target is left
        out, lest a repair bend a row to its label. Cost: one small tree.
        """
        ordinary = bulk.holds(numbers)
        others = _encoded(table, [name for name in table.roles.features if name != column])
        if others.shape[1] == 0 or ordinary.sum() < 2 * _IN_LEAF:
            return None
        tree = DecisionTreeRegressor(max_leaf_nodes=_LEAVES, min_samples_leaf=_IN_LEAF, random_state=0)
        tree.fit(others[ordinary], numbers[ordinary])
        leaves = tree.apply(others)
        everywhere = _quartiles(numbers[ordinary], bulk)
        centre, spread = np.full(len(numbers), everywhere[0]), np.full(len(numbers), everywhere[1])
        for leaf in np.unique(leaves):
            inside = leaves == leaf
            centre[inside], spread[inside] = _quartiles(numbers[inside & ordinary], bulk)
        return cls(centre, spread, *everywhere)

    def z(self, row: int, value: float) -> float:
        """Robust z of `value` among the rows like `row`."""
        return float(abs(value - self.centre[row]) / self.spread[row])

    def odds(self, row: int, value: float) -> float:
        """How much likelier `value` is in rows like `row` than in any row, 0.1..10."""
        away = (value - self.all_centre) / self.all_spread
        log_odds = (away**2 - self.z(row, value) ** 2) / 2 + np.log(self.all_spread / self.spread[row])
        return float(np.exp(np.clip(log_odds, -np.log(_ODDS), np.log(_ODDS))))


def _quartiles(numbers: Floats, bulk: Bulk) -> tuple[float, float]:
    low, centre, high = np.quantile(numbers, [0.25, 0.5, 0.75])
    return float(centre), float(max((high - low) / 1.349, bulk.spread / 5))


def _encoded(table: Table, names: Sequence[str]) -> Floats:
    """Numbers as they are, categories as codes; other kinds tell a tree too little."""
    columns = [
        as_number(pd.Series(table.frame[name])).to_numpy(np.float64)
        if table.roles.kinds.get(name) == "number"
        else pd.factorize(table.frame[name])[0].astype(np.float64)
        for name in names
        if table.roles.kinds.get(name) == "number" or table.roles.kinds.get(name) in _CODED
    ]
    # Trees compute in single precision.
    return np.clip(np.column_stack(columns), -1e30, 1e30) if columns else np.empty((len(table.frame), 0))
