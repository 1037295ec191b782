"""Domain: the values that a column repeats, as codes. Cells of a code less than 0 are missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...tables import as_number

if TYPE_CHECKING:
    from ...tables import Table

Codes = NDArray[np.int64]
"""(n,) position of each cell's value in its domain; -1 where the cell is missing."""

SMALL = 64
"""A domain of at most so many values can be modelled value by value from the other columns."""
_NUMBERS = 32
_BINS = 8


@dataclass(frozen=True)
class Domain:
    """One column as codes into the values that it repeats.

    Parameters
    ----------
    column : str
        The column's name.
    codes : array of int, shape (n,)
        -1 where missing.
    values : list
        The k values as the table holds them (the first of each spelling, as plain Python objects).
    texts : list of str
        The k values as text; two cells are equal exactly where their texts are.
    counts : array of int, shape (k,)
        Cells that hold each value.
    closed : bool
        Whether its values are names of things, so that a rare one may be a misspelling of another; numbers of
        many values are not.
    """

    column: str
    codes: Codes
    values: list[Any]
    texts: list[str]
    counts: NDArray[np.int64]
    closed: bool

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.texts)


def read_domains(table: Table) -> list[Domain]:
    """Domains of the feature columns whose values repeat, in the features' order.

    A column takes part where at least half of its present cells hold a value that another cell holds too,
    and there are two values or more. Vectors never do.
    """
    domains = [
        _read(column, pd.Series(table.frame[column]), table.roles.kinds[column])
        for column in table.roles.features
        if table.roles.kinds[column] != "vector"
    ]
    return [domain for domain in domains if domain is not None]


def _read(column: str, cells: pd.Series, kind: str) -> Domain | None:
    objects = cells.astype(object).to_numpy()
    texts = ["" if _missing(value) else str(value) for value in objects]
    present = np.array([bool(text.strip()) for text in texts], dtype=bool)
    codes = np.full(len(texts), -1, dtype=np.int64)
    codes[present], found = pd.factorize(np.array(texts, dtype=object)[present])
    counts = np.bincount(codes[codes >= 0], minlength=len(found))
    if len(found) < 2 or counts[counts > 1].sum() < 0.5 * counts.sum():
        return None
    first = np.zeros(len(found), dtype=np.int64)
    backwards = np.flatnonzero(present)[::-1]
    first[codes[backwards]] = backwards  # the first row that holds a value is written last
    values = [_plain(objects[position]) for position in first]
    closed = kind not in ("number", "date") or len(found) <= _NUMBERS
    return Domain(column, codes, values, [str(text) for text in found], counts, closed)


def _missing(value: Any) -> bool:
    verdict = pd.isna(value)
    return verdict if isinstance(verdict, bool) else False


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def context_codes(table: Table, domains: list[Domain]) -> list[tuple[str, Codes]]:
    """Each feature column as few codes: rare values share one, numbers fall into eight equal shares.

    Returns (column, codes) pairs; a missing cell has the code 0, so that missing can speak too. Columns
    that do not repeat and are no numbers are left out.
    """
    known = {domain.column: domain for domain in domains}
    contexts: list[tuple[str, Codes]] = []
    for column in table.roles.features:
        domain = known.get(column)
        if domain is not None and (domain.closed or domain.size <= _NUMBERS):
            contexts.append((column, _fold(domain)))
        elif table.roles.kinds[column] == "number":
            contexts.append((column, _bin(pd.Series(table.frame[column]))))
    return contexts


def _fold(domain: Domain) -> Codes:
    """Codes 2, 3, ... for the most frequent values, 1 for the rest, 0 for missing."""
    rank = np.empty(domain.size, dtype=np.int64)
    rank[np.argsort(-domain.counts, kind="stable")] = np.arange(domain.size)
    fold = np.where((rank < SMALL) & (domain.counts > 1), rank + 2, 1)
    return np.where(domain.codes < 0, 0, fold[domain.codes])


def _bin(cells: pd.Series) -> Codes:
    numbers = as_number(cells).to_numpy()
    known = np.isfinite(numbers)
    if not known.any():
        return np.zeros(len(numbers), dtype=np.int64)
    edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.where(known, np.searchsorted(edges, numbers, side="left") + 1, 0)
