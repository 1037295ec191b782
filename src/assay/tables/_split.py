"""split: the four write-protected parts of a table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .._errors import AssayError
from .._numbers import check_seed
from ._arrow import column_of
from ._duplicates import twins
from ._number import as_number
from ._roles import PARTS
from ._table import Table

_LEAST = 8  # rows: two for each part
_BINS = 10  # quantile bins by which a target of numbers is stratified


def split(
    table: Table, *, seed: int = 0, shares: Sequence[float] = (0.6, 0.1, 0.15, 0.15)
) -> NDArray[np.object_]:
    """Assign each row to train, value, gate or final.

    Rows of one group and twins (see `twins`) stay together. Classes, or up to ten quantile bins of a target
    of numbers, make up the same share of every part as nearly as sets of rows that stay together allow. A
    class with four such sets or more is in every part, one with fewer is in train first. The part of a row
    depends on the seed, the keys and the cells of the table, not on the order of its rows. A part column of
    the user's own is taken as it is.

    Parameters
    ----------
    table : Table
    seed : int
    shares : four positive numbers that add up to 1
        Of train, value, gate and final.

    Returns
    -------
    (n,) array of str
        One of `PARTS` for each row.

    Raises
    ------
    AssayError
        Fewer than 8 rows or 4 groups, a part that stays empty, a part column with other words.
    """
    check_seed(seed)
    if table.roles.part is not None:
        return _own_parts(column_of(table.frame, table.roles.part))
    _check(table, shares)
    units = _units(table)
    strata = _strata(table, units)
    chosen = _assign(np.bincount(units), strata, _draws(table, units, seed), np.asarray(shares, np.float64))
    parts = np.array(PARTS, dtype=object)[chosen[units]]
    _check_parts(table, parts)
    return parts


def _own_parts(column: pd.Series) -> NDArray[np.object_]:
    parts = column.to_numpy(dtype=object)
    wrong = sorted({repr(part) for part in parts if part not in PARTS})
    if wrong:
        raise AssayError(
            f"part column {column.name!r} holds {', '.join(wrong[:3])}: write train, value, gate or final"
        )
    if "train" not in parts:
        raise AssayError(f"part column {column.name!r} has no row that says train")
    return parts


def _check(table: Table, shares: Sequence[float]) -> None:
    if len(shares) != len(PARTS) or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise AssayError(f"shares {tuple(shares)} must be four positive numbers that add up to 1")
    if len(table) < _LEAST:
        raise AssayError(
            f"table {table.name!r} has {len(table)} rows: a split into four parts takes at least {_LEAST}"
        )


def _units(table: Table) -> NDArray[np.int64]:
    """Number the sets of rows that must stay together: connected by a group or by being twins."""
    n = len(table)
    same = twins(table)
    if table.roles.group is None:
        return same
    codes, groups = pd.factorize(table.frame[table.roles.group])
    if len(groups) < len(PARTS):
        raise AssayError(
            f"group column {table.roles.group!r} has {len(groups)} different values: a split takes at least 4"
        )
    grouped = codes >= 0  # a row without a group goes where it likes
    rows = np.concatenate([np.arange(n), np.flatnonzero(grouped)])
    links = np.concatenate([n + same, n + int(same.max()) + 1 + codes[grouped]])
    size = n + int(same.max()) + 1 + len(groups)
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, links)), shape=(size, size))
    labels = connected_components(graph, directed=False)[1][:n]
    return pd.factorize(labels)[0].astype(np.int64)


def _draws(table: Table, units: NDArray[np.int64], seed: int) -> NDArray[np.object_]:
    """Draw a number for each unit that does not depend on the order of rows: the least digest of its keys."""
    salt = str(seed).encode()
    digests = [hashlib.blake2b(k.encode(), digest_size=16, key=salt).digest() for k in table.keys]
    frame = pd.DataFrame({"unit": units, "digest": pd.Series(digests, dtype=object)})
    return frame.sort_values("digest").drop_duplicates("unit").sort_values("unit")["digest"].to_numpy(object)


def _strata(table: Table, units: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the stratum of each unit: its commonest class, or the quantile bin of its mean."""
    target = table.roles.target
    if target is None:
        return np.zeros(int(units.max()) + 1, dtype=np.int64)
    if table.target_kind == "class":
        classes = pd.factorize(table.frame[target].astype(str), sort=True)[0]
        counts = pd.DataFrame({"unit": units, "class": classes}).value_counts().reset_index()
        best = counts.sort_values(["unit", "count", "class"], ascending=[True, False, True])
        return best.drop_duplicates("unit")["class"].to_numpy(np.int64)
    numbers = as_number(column_of(table.frame, target)).to_numpy(np.float64)
    order = np.argsort(numbers)  # a sum that does not depend on the order of rows
    means = np.bincount(units[order], numbers[order]) / np.bincount(units)
    bins = max(1, min(_BINS, len(means) // _LEAST))
    edges = np.quantile(means, np.arange(1, bins) / bins)
    return np.searchsorted(edges, means, side="right").astype(np.int64)


def _assign(
    sizes: NDArray[np.int64],
    strata: NDArray[np.int64],
    draws: NDArray[np.object_],
    shares: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Give each unit, large ones first and then in order of their draws, to the part that lacks most rows."""
    chosen = np.empty(len(sizes), dtype=np.int64)
    filled, quota = np.zeros(len(PARTS)), np.zeros(len(PARTS))
    order = sorted(range(len(sizes)), key=lambda unit: (strata[unit], -sizes[unit], draws[unit]))
    for members in np.split(np.array(order), np.flatnonzero(np.diff(strata[order])) + 1):
        quota += shares * sizes[members].sum()
        empty = list(range(len(PARTS)))
        for left, unit in zip(range(len(members), 0, -1), members, strict=True):
            part = _choose(empty, left, quota - filled)
            filled[part] += sizes[unit]
            chosen[unit] = part
            if part in empty:
                empty.remove(part)
    return chosen


def _choose(empty: list[int], left: int, lack: NDArray[np.float64]) -> int:
    if left > len(empty):
        return int(np.argmax(lack))
    # The last units of a stratum go where it is not yet; what is scarce must be learnt before it is judged.
    return 0 if 0 in empty else max(empty, key=lambda part: lack[part])


def _check_parts(table: Table, parts: NDArray[np.object_]) -> None:
    missing = [part for part in PARTS if part not in parts]
    if missing:
        raise AssayError(
            f"table {table.name!r} cannot be split, as {', '.join(missing)} would be empty: too many rows"
            " must stay together, or too many classes have fewer than four rows"
        )
