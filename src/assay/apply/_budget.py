"""Budgets: how many rows to choose, in all and of each group."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import AssayError
from .._numbers import is_number, is_whole
from .._types import Positions


def count_of(name: str, given: Any, n: int) -> int:
    """A number of rows: a whole number is one, any other number a share of all `n`, rounded down."""
    if is_whole(given):
        count = int(given)
    elif is_number(given) and 0 < given <= 1:
        count = int(given * n + 1e-9)
    else:
        count = 0
    if not 1 <= count <= n:
        raise AssayError(
            f"{name} is {given!r}; of {n} rows it needs to be a whole number from 1 to {n}, or a share of at "
            "least one row, up to 1.0."
        )
    return count


def quotas(sizes: Positions, k: int, *, equal: bool) -> Positions:
    """How many of `k` rows go to each group of these sizes: as it has rows, or as any other, while it has.

    What does not divide goes to the largest remainders, or to the first groups that have more.
    """
    if not equal:
        counts, rest = np.divmod(sizes * k, sizes.sum())
        counts[np.argsort(-rest, kind="stable")[: k - counts.sum()]] += 1
        return counts
    level = 0
    while np.minimum(sizes, level + 1).sum() <= k and level < sizes.max():
        level += 1
    counts = np.minimum(sizes, level)
    counts[np.flatnonzero(sizes > level)[: k - counts.sum()]] += 1
    return counts
