"""Masked recovery for cells: plant errors among undisputed cells, and see what an expert makes of them.

The planted errors follow the ways in which tables go wrong, by the kind of column: another value of the
domain, a slip of the keyboard, another unit or notation, a stand-in for missing, and plain nonsense.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .._types import Floats
from ..tables import Table, as_number, is_missing
from .experts import Expert
from .experts._expert import Candidate
from .experts._forms import number_forms

SHARE = 0.15  # of the undisputed rows of a trial get one wrong cell each: the rest keeps its voice
TRIALS = 3
LETTERS = "abcdefghijklmnopqrstuvwxyz"
TOLERANCE = 0.02  # relative: a number recovered up to rounding is right


@dataclass(frozen=True)
class Recovery:
    """What an expert said of cells whose truth is known.

    Parameters
    ----------
    kinds : (m,) of str
        Kind of each candidate.
    scores : (m,) floats
        Its confidence.
    right : (m,) of bool
        Whether it restores the cell, or makes a wrong one missing; candidates for cells that were not touched
        are wrong.
    """

    kinds: NDArray[Any]
    scores: Floats
    right: NDArray[np.bool_]


@dataclass(frozen=True)
class _Planted:
    row: int
    column: str
    truth: Any


def masked_recovery(
    expert: Expert,
    table: Table,
    undisputed: NDArray[np.bool_],
    columns: Sequence[str],
    rng: np.random.Generator,
) -> Recovery:
    """Plant errors in `columns` of the undisputed rows, `TRIALS` times over, and collect the expert's
    candidates.

    Parameters
    ----------
    expert : Expert
        Whose candidates are counted, the best one of each cell.
    table : Table
        The training rows.
    undisputed : (n,) bool
        Rows on which the expert abstains: their cells are taken for right.
    columns : sequence of str
        Where errors are planted: the columns in which the expert sees any.
    rng : Generator
        What is planted where.
    """
    kinds: list[str] = []
    scores: list[float] = []
    right: list[bool] = []
    rows = np.flatnonzero(undisputed)
    for _ in range(TRIALS if len(rows) and len(columns) else 0):
        chosen = rng.permutation(rows)[: max(1, round(SHARE * len(rows)))]
        corrupted, planted = plant(table, chosen, columns, rng)
        truth = {(p.row, p.column): p.truth for p in planted}
        for candidate in best_of_each_cell(expert.propose(corrupted, rng)):
            cell = (candidate.row, candidate.column)
            if undisputed[candidate.row]:
                kinds.append(candidate.kind)
                scores.append(candidate.confidence)
                # To make a wrong cell missing is right too: it invents nothing.
                right.append(
                    cell in truth and (candidate.new is None or same_value(candidate.new, truth[cell]))
                )
    return Recovery(np.array(kinds, dtype=object), np.array(scores, dtype=float), np.array(right, dtype=bool))


def plant(
    table: Table, rows: NDArray[np.intp], columns: Sequence[str], rng: np.random.Generator
) -> tuple[Table, list[_Planted]]:
    """Return the table with one wrong cell in each of `rows`, the columns in turn, and the right ones."""
    frame = table.frame.copy()
    planted: list[_Planted] = []
    for place, column in enumerate(columns):
        mine = rows[place :: len(columns)]
        cells = frame[column].astype(object)
        slip = _slips(table, column)
        for row in mine:
            truth = cells.iat[row]
            wrong = None if is_missing(truth) else slip(truth, rng)
            if wrong is not None and not same_value(wrong, truth):
                cells.iat[row] = wrong
                planted.append(_Planted(int(row), column, truth))
        frame[column] = cells
    return table.with_frame(frame), planted


def best_of_each_cell(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidate of highest confidence for each cell, in the order in which the cells first occur."""
    best: dict[tuple[int, str], Candidate] = {}
    for candidate in candidates:
        cell = (candidate.row, candidate.column)
        if cell not in best or candidate.confidence > best[cell].confidence:
            best[cell] = candidate
    return list(best.values())


def same_value(a: Any, b: Any, *, tolerance: float = TOLERANCE) -> bool:
    """Whether two cells say the same: as numbers up to rounding, else as stripped text."""
    if is_missing(a) or is_missing(b):
        return is_missing(a) and is_missing(b)
    if str(a).strip() == str(b).strip():
        return True
    try:
        x, y = float(a), float(b)
    except (TypeError, ValueError):
        return False
    return bool(abs(x - y) <= tolerance * max(abs(x), abs(y), 1e-12))


def _slips(table: Table, column: str) -> Callable[[Any, np.random.Generator], Any]:
    """How cells of this column go wrong: a function from a right cell to a wrong one, or None for none."""
    if table.roles.kinds.get(column) == "number" and as_number(pd.Series(table.frame[column])).nunique() > 20:
        forms = number_forms(table, column)
        return lambda truth, rng: forms(float(truth), rng) if _is_number(truth) else None
    domain = table.frame[column].dropna().to_numpy(dtype=object)

    def another(truth: Any, rng: np.random.Generator) -> Any:
        if isinstance(truth, str) and len(truth) > 3 and rng.random() < 0.5:
            return mistyped(truth, rng)
        return domain[rng.integers(len(domain))]

    return another


def _is_number(cell: Any) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except (TypeError, ValueError):
        return False


def mistyped(text: str, rng: np.random.Generator) -> str:
    """Return `text` with one letter replaced, left out, doubled, put in, or swapped with the next."""
    at, letter = int(rng.integers(len(text) - 1)), LETTERS[rng.integers(len(LETTERS))]
    ways = (
        text[:at] + letter + text[at + 1 :],
        text[:at] + text[at + 1 :],
        text[: at + 1] + text[at:],
        text[:at] + letter + text[at:],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    )
    return ways[rng.integers(len(ways))]
