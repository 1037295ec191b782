"""Guards: what a batch of repairs must not do, whatever it gains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..tables import Table, as_number
from .choice import Choice

MOST_DECOYS = 0.05  # share of decoys that may be changed
MOST_DRIFT = 0.25  # population stability index; by convention above a quarter is a major shift
BINS = 10


def is_typical(column: Any, row: int, kind: str) -> bool:
    """Whether a cell is as ordinary as its column has them, whatever an expert says of it.

    A number is typical between the quartiles of its column, anything else if it is one of the most frequent
    values that together make up four fifths of it.
    """
    if kind == "number":
        numbers = as_number(column)
        low, high = numbers.quantile([0.25, 0.75])
        return bool(low <= numbers.iat[row] <= high)
    shares = column.astype("str").value_counts(normalize=True)
    common = shares[shares.cumsum() - shares < 0.8].index
    return str(column.iat[row]) in common


def objections(
    train: Table,
    accepted: Sequence[Choice],
    after: Table,
    decoys: int,
    changed_decoys: int,
    changed_before: int,
    most: float,
) -> list[str]:
    """Reasons to refuse the batch, each a sentence; none if it may be judged.

    Parameters
    ----------
    train, after : Table
        The training rows before and after the batch.
    accepted : sequence of Choice
        The batch.
    decoys, changed_decoys : int
        Clean rows the expert was asked about, and how many of them it would change.
    changed_before : int
        Rows changed by earlier batches of the run.
    most : float
        Budget: the largest share of the training rows, and of the cells of a column, that a run may change.
    """
    found = []
    if decoys and changed_decoys > max(1, MOST_DECOYS * decoys):
        found.append(
            f"{changed_decoys} of {decoys} decoys (clean rows of high value) would be changed: "
            "the expert repairs what is right"
        )
    rows = len({choice.candidate.row for choice in accepted}) + changed_before
    if rows > most * len(train):
        found.append(f"{rows:,} changed rows are over the budget of {most:.0%} of {len(train):,}")
    for column in dict.fromkeys(choice.candidate.column for choice in accepted):
        mine = [choice.candidate.row for choice in accepted if choice.candidate.column == column]
        if len(mine) > most * len(train):
            found.append(f"{len(mine):,} changed cells of {column} are over the budget of {most:.0%}")
        touched = np.zeros(len(train), dtype=bool)
        touched[mine] = True
        shift = drift(train.frame[column][~touched], after.frame[column], train.roles.kinds.get(column, ""))
        if shift > MOST_DRIFT:
            found.append(
                f"{column} would drift: stability index {shift:.2f} between its untouched cells and the "
                f"column after, over {MOST_DRIFT}"
            )
    return found


def drift(untouched: Any, after: Any, kind: str) -> float:
    """Population stability index between the untouched cells of a column and all its cells after the repair.

    Numbers are counted between the deciles of the untouched cells, anything else by value; missing is a
    value. What was wrong before does not count, so that mending a column's outliers is no drift, and writing
    one value all over is.
    """
    before, now = (_shares(cells, untouched, kind) for cells in (untouched, after))
    every = before.index.union(now.index)
    p, q = (np.maximum(s.reindex(every, fill_value=0.0).to_numpy(float), 1e-4) for s in (before, now))
    return float(np.sum((q - p) * np.log(q / p)))


def _shares(cells: pd.Series, reference: pd.Series, kind: str) -> pd.Series:
    if kind == "number":
        numbers = as_number(reference).dropna()
        edges = np.unique(numbers.quantile(np.linspace(0, 1, BINS + 1)).to_numpy(float))
        now = as_number(cells).to_numpy(float)
        coded = np.where(np.isnan(now), -1, np.searchsorted(edges[1:-1], now, side="right"))
        return pd.Series(coded).value_counts(normalize=True)
    return cells.astype("str").value_counts(normalize=True, dropna=False)
