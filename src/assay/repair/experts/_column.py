"""NumberColumn: the cells of one column of numbers, as people typed them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..._types import Floats
from ...tables import as_number
from ._quantity import Reading, read
from ._units import Unit

_MISSING = frozenset(
    (
        *(
            "?",
            "-",
            "--",
            "---",
            ".",
            "..",
            "/",
            "*",
            "na",
            "n/a",
            "n.a.",
            "#n/a",
            "nan",
            "nil",
            "null",
            "none",
        ),
        *("missing", "unknown", "unk", "blank", "empty", "undefined", "refused", "don't know", "no answer"),
        *("not available", "not known", "not applicable", "prefer not to say"),
    )
)
_HUGE = 1e100  # no quantity: as little a number as infinity


@dataclass(frozen=True)
class NumberColumn:
    """One column, split into plain numbers and texts.

    Parameters
    ----------
    name : str
    cells : list
        As they are stored.
    plain : (n,) floats
        The cells that are plain finite numbers; NaN elsewhere.
    texts : Mapping
        Text -> positions of the cells that hold it, for cells that are neither plain numbers nor empty.
    readings : Mapping
        Text -> the ways to read it, for the same texts.
    """

    name: str
    cells: list[Any]
    plain: Floats
    texts: Mapping[str, list[int]]
    readings: Mapping[str, list[Reading]]

    @classmethod
    def of(cls, name: str, series: pd.Series) -> NumberColumn:
        """Split `series`; cost grows with its distinct texts only."""
        plain = as_number(series).to_numpy(np.float64)
        plain = np.where(np.abs(plain) < _HUGE, plain, np.nan)
        texts: dict[str, list[int]] = {}
        cells = series.tolist()
        if not pd.api.types.is_numeric_dtype(series.dtype):
            for row in np.flatnonzero(np.isnan(plain)).tolist():
                if isinstance(cells[row], str) and cells[row].strip():
                    texts.setdefault(cells[row], []).append(row)
        return cls(name, cells, plain, texts, {text: read(text) for text in texts})

    def marked(self, text: str) -> list[Reading]:
        """The readings of `text` whose unit it names itself."""
        return [reading for reading in self.readings[text] if reading.marked]

    def majority_unit(self) -> tuple[Unit, float] | None:
        """The unit that most cells name and its share, where more cells name a unit than do not."""
        counts: dict[Unit, int] = {}
        marked = 0
        for text, rows in self.texts.items():
            units = dict.fromkeys(reading.unit for reading in self.marked(text) if reading.unit is not None)
            marked += len(rows) if units else 0
            for unit in units:
                counts[unit] = counts.get(unit, 0) + len(rows)
        if marked <= np.isfinite(self.plain).sum():
            return None
        unit = max(counts, key=lambda unit: counts[unit])
        return unit, counts[unit] / marked

    def in_unit(self, unit: Unit | None) -> Floats:
        """The plain numbers, and the texts as numbers: bare ones as they stand, marked ones in `unit`."""
        numbers = self.plain.copy()
        for text, rows in self.texts.items():
            for reading in self.marked(text) or self.readings[text]:
                if reading.unit is None or (unit is not None and reading.unit.dimension == unit.dimension):
                    numbers[rows] = (
                        reading.amount
                        if reading.unit is None or unit is None
                        else reading.unit.to(reading.amount, unit)
                    )
                    break
        return numbers


def says_missing(text: str) -> bool:
    """Whether `text` is one of the words and marks with which people say that there is no value."""
    return text.strip().lower() in _MISSING
