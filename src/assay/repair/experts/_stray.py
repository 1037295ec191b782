"""Stray: a distinct cell outside the bulk of its column, whose meaning is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ._bulk import Bulk
from ._column import NumberColumn
from ._options import Option, nonsense, options, typed
from ._quantity import Reading
from ._units import Unit

_HAND = (
    "shift",
    "digit",
)  # slips of the hand: looked for in plain numbers only, not in what people wrote out
_REPEATED = 3  # as often, the same thing is no slip of the hand


@dataclass(frozen=True)
class Stray:
    """Cells that hold the same thing, which is no ordinary number of the column.

    Parameters
    ----------
    old : Any
        The cell.
    rows : tuple of int
        Where it stands.
    readings : tuple of Reading
        The quantities in it: for a plain number one, for a text none or several.
    plain : bool
        Whether the cell is a plain number.
    """

    old: Any
    rows: tuple[int, ...]
    readings: tuple[Reading, ...]
    plain: bool

    @property
    def marked(self) -> tuple[Reading, ...]:
        """The readings whose unit the cell itself names; where there are some, the others are no rivals."""
        return tuple(reading for reading in self.readings if reading.marked)

    @property
    def value(self) -> float:
        """The number in the cell, NaN for a text."""
        return self.readings[0].amount if self.plain else float("nan")

    def nonsense(self) -> float:
        """How likely the cell is typed by someone who meant nothing."""
        return max((nonsense(abs(r.amount), r.digits) for r in self.readings), default=1.0)

    def options(self, unit: Unit | None, bulk: Bulk) -> list[Option]:
        """Its meanings in the bulk of a column in `unit`, where the cell names no unit itself."""
        found: list[Option] = []
        for reading in self.readings:
            if reading.unit is None:
                means = options(reading.amount, reading.digits, unit, bulk)
            elif unit is not None and reading.unit.dimension == unit.dimension:
                means = _apart(reading, reading.unit, unit, bulk)
            else:
                means = []
            for option in means:
                if option.kind not in _HAND or (self.plain and len(self.rows) < _REPEATED):
                    found.append(replace(option, weight=option.weight * reading.trust))
        return found


def _apart(reading: Reading, own: Unit, unit: Unit, bulk: Bulk) -> list[Option]:
    """A pair of numbers with nothing but a space or a mark between them, read as `own` and its major unit."""
    value = own.to(reading.amount, unit)
    weight = float(bulk.density(value)) * own.to(1.0, unit)
    how = f"{reading.how}, {reading.amount:g} {own.name} together"
    return [Option(f"{reading.how} apart", "unit", value, weight, how, reading.how)] if weight else []


def strays(column: NumberColumn, bulk: Bulk) -> list[Stray]:
    """The distinct strays of a column: plain numbers outside the bulk, and every text."""
    places: dict[tuple[type, str], list[int]] = {}
    outside = np.isfinite(column.plain) & ~bulk.holds(column.plain)
    for row in np.flatnonzero(outside).tolist():
        cell = column.cells[row]
        same = cell if isinstance(cell, str) else _digits(cell, column.plain[row])
        places.setdefault((type(cell), same), []).append(row)
    found: list[Stray] = []
    for rows in places.values():
        cell, value = column.cells[rows[0]], float(column.plain[rows[0]])
        reading = Reading(value, None, "number", 1.0, digits=_digits(cell, value))
        found.append(Stray(cell, tuple(rows), (reading,), plain=True))
    for text, rows in column.texts.items():
        found.append(Stray(text, tuple(rows), tuple(column.readings[text]), plain=False))
    return found


def _digits(cell: Any, value: float) -> str:
    """The number as it was typed, where it is stored so."""
    text = cell.strip() if isinstance(cell, str) else ""
    return text if re.fullmatch(r"-?\d+(\.\d+)?", text) else typed(value)
