"""Denomination: the unit that a column's plain numbers are in, inferred from the cells that are strays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ._bulk import Bulk
from ._quantity import Reading
from ._stray import Stray
from ._units import UNITS, Unit, units_in_name
from ._vote import vote

_NAMED = 4.0  # log-odds that a column is in the unit, or a unit of the dimension, that its name holds
_UNNAMED = 6.0  # log-odds that a unit has to overcome where neither name nor cells speak of its dimension
_DECADES = 14.0
_MOST, _LEAST = 4, 0.01  # units kept, and the probability below which one is not
_SAMPLE = 60  # distinct strays that are enough to tell units apart


@dataclass(frozen=True)
class Denomination:
    """What the column's unit may be, likeliest first.

    Parameters
    ----------
    odds : tuple of (Unit or None, float)
        Units (None: not known) with their probabilities; those that hardly count are left out.
    """

    odds: tuple[tuple[Unit | None, float], ...]

    @property
    def unit(self) -> Unit | None:
        """The likeliest."""
        return self.odds[0][0]

    @property
    def certainty(self) -> float:
        """The probability of the likeliest, 0 where the unit is not known."""
        return self.odds[0][1] if self.unit is not None else 0.0


def infer(name: str, bulk: Bulk, strays: Sequence[Stray]) -> Denomination:
    """The unit in which the quantities that texts name, and the bare strays, land in the bulk.

    Parameters
    ----------
    name : str
        The column's name: a unit or a dimension in it counts.
    """
    named = units_in_name(name)
    marked = [stray.marked for stray in strays if stray.marked]
    bare = _thinned([stray for stray in strays if stray.readings and not stray.marked])
    nonsense = [stray.nonsense() for stray in bare]
    spoken = {r.unit.dimension for readings in marked for r in readings if r.unit}
    hypotheses: list[Unit | None] = [None]
    hypotheses += [unit for unit in UNITS if not spoken or unit.dimension in spoken]
    scores = []
    for unit in hypotheses:
        score = vote([stray.options(unit, bulk) for stray in bare], nonsense).evidence
        score += sum(_landing(readings, unit, bulk) for readings in marked)
        if unit is not None and unit in named:
            score += _NAMED
        elif unit is not None and not spoken:
            score -= _UNNAMED
        scores.append(score)
    odds = np.exp(np.array(scores) - max(scores))
    odds /= odds.sum()
    ranked = np.argsort(-odds, kind="stable")[:_MOST]
    return Denomination(tuple((hypotheses[i], float(odds[i])) for i in ranked if odds[i] >= _LEAST))


def _thinned(strays: list[Stray]) -> list[Stray]:
    return strays[:: max(1, len(strays) // _SAMPLE)]


def _landing(readings: Sequence[Reading], unit: Unit | None, bulk: Bulk) -> float:
    """Log of how much likelier a text's quantity is in a column in `unit` than anywhere at all."""
    best = 0.0
    for reading in readings:
        if unit is not None and reading.unit is not None and reading.unit.dimension == unit.dimension:
            value = reading.unit.to(reading.amount, unit)
            best = max(best, reading.trust * float(bulk.density(value)) * abs(value) * _DECADES)
    return float(np.log(0.9 * best + 0.1))
