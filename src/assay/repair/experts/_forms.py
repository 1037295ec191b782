"""Forms: the ways in which people write a right number wrongly, for planting errors of known truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from ...tables import Table, as_number
from ._bulk import Bulk
from ._column import NumberColumn
from ._denomination import infer
from ._stray import strays
from ._units import PAIRS, UNITS, Unit

STAND_INS = (-999, -1, 0, 999, 9999, 99999)
NONSENSE = ("?", "n.a.", "yes", "see above", "too many", ">9000", "xxx")


def number_forms(table: Table, column: str) -> Callable[[float, np.random.Generator], object]:
    """Return a function from a right number of a column to a wrong way of writing it.

    Parameters
    ----------
    table, column : Table, str
        The column; only where it is stored as text can a wrong form be text.
    """
    cells = pd.Series(table.frame[column])
    takes_text = not pd.api.types.is_numeric_dtype(cells.dtype)
    unit = _unit(column, cells)

    def wrong(value: float, rng: np.random.Generator) -> object:
        ways = [_slip, _shift, _stand_in]
        if unit is not None:
            ways += [_converted] * 3
        if takes_text:
            ways += [_nonsense] * 2 + ([_noted] * 3 if unit is not None else [])
        way = ways[rng.integers(len(ways))]
        made = way(value, unit, rng)
        if made is None or not (takes_text or isinstance(made, int | float)):
            return None
        return str(made) if takes_text else made

    return wrong


def _unit(column: str, cells: pd.Series) -> Unit | None:
    read = NumberColumn.of(column, cells)
    bulk = Bulk.of(as_number(cells).dropna().to_numpy(float))
    if bulk is None:
        return None
    return infer(column, bulk, strays(read, bulk)).unit


def _others(unit: Unit) -> list[Unit]:
    return [u for u in UNITS if u.dimension == unit.dimension and u != unit and not u.rare]


def _converted(value: float, unit: Unit | None, rng: np.random.Generator) -> object:
    assert unit is not None
    choices = _others(unit)
    if not choices:
        return None
    other = choices[rng.integers(len(choices))]
    return float(f"{unit.to(value, other):.4g}")


def _noted(value: float, unit: Unit | None, rng: np.random.Generator) -> object:
    assert unit is not None
    pairs = [pair for pair in PAIRS if pair.minor == unit]
    if pairs and rng.random() < 0.5:
        pair = pairs[rng.integers(len(pairs))]
        major, minor = divmod(value, pair.base)
        mark = pair.major.words[rng.integers(min(2, len(pair.major.words)))]
        return f"{major:.0f}{mark} {minor:g}"
    choices = [unit, *_others(unit)]
    other = choices[rng.integers(len(choices))]
    return f"{unit.to(value, other):.4g} {other.name}"


def _slip(value: float, unit: Unit | None, rng: np.random.Generator) -> object:
    del unit
    digits = f"{value:g}"
    at = int(rng.integers(len(digits)))
    made = digits[: at + 1] + digits[at:] if rng.random() < 0.5 else digits[:at] + digits[at + 1 :]
    try:
        return float(made)
    except ValueError:
        return None


def _shift(value: float, unit: Unit | None, rng: np.random.Generator) -> object:
    del unit
    return value * float(rng.choice([0.01, 0.1, 10.0, 100.0, 1000.0]))


def _stand_in(value: float, unit: Unit | None, rng: np.random.Generator) -> object:
    del value, unit
    return STAND_INS[rng.integers(len(STAND_INS))]


def _nonsense(value: float, unit: Unit | None, rng: np.random.Generator) -> object:
    del value, unit
    return NONSENSE[rng.integers(len(NONSENSE))]
