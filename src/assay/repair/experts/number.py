"""Number: quantities in text, wrong units, slips of the hand and stand-ins for missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ...tables import Table
from ._bulk import Bulk
from ._column import NumberColumn, says_missing
from ._conditional import Conditional
from ._denomination import Denomination, infer
from ._expert import Candidate, Expert
from ._options import Option
from ._stray import Stray, strays
from ._units import Unit
from ._vote import Vote, vote

_FAR = 4.0  # spreads from the bulk beyond which a number without a meaning is called hopeless
_REPEATS = 3  # times that a stand-in such as -999 must stand in a column
_RUNS = (s * d * (10**n - 1) // 9 for s in (1, -1) for d in (7, 8, 9) for n in range(1, 8))
_STAND_INS = frozenset({0, -1, *_RUNS})
_LEAST = 0.05  # confidence below which an option is not worth a look
_SUPPORTED = 3.0  # strays that share a power of ten before it is a unit and no slip
_MOST = 2  # numbers proposed for one cell


class NumberExpert(Expert):
    """Reads strange cells in columns of numbers as a person would, and abstains on ordinary ones.

    For every feature of kind "number" it finds the bulk of the plain numbers, infers the unit they are in,
    and proposes for the other cells only: kinds "text" (a quantity in words and marks), "unit" (a number in
    another unit or notation), "digit" (a slip of the hand), "sentinel" (a stand-in for missing, such as -999)
    and "hopeless" (no meaning lands in the bulk: make it missing). A proposed number is always in the bulk.
    """

    name: ClassVar[str] = "number"

    def propose(self, table: Table, rng: np.random.Generator) -> list[Candidate]:
        """Candidates for the strange cells of every number feature, by column and row; draws nothing."""
        del rng
        found: list[Candidate] = []
        for name in table.roles.features:
            if table.roles.kinds.get(name) == "number":
                found += _candidates(table, NumberColumn.of(name, pd.Series(table.frame[name])))
        return found


@dataclass(frozen=True)
class _Case:
    """What is known about one column when its strays are judged."""

    name: str
    bulk: Bulk
    unit: Denomination
    company: Conditional | None

    def odds(self, row: int, value: float) -> float:
        """How much likelier the rest of a row makes a value."""
        return 1.0 if self.company is None else self.company.odds(row, value)

    def rounded(self, value: float) -> float:
        """Two decimals, or as many as it takes to keep a hundredth of the column's spread; in the bulk."""
        places = max(2, 2 - int(np.floor(np.log10(self.bulk.spread))))
        return min(max(round(value, places), self.bulk.low), self.bulk.high)

    @property
    def basis(self) -> str:
        """What a proposal rests on, for people."""
        unit = self.unit.unit
        seems = f" and look like {unit.plural}" if unit is not None and unit.words else ""
        return (
            f"{self.bulk.size:,} numbers of this column lie in {self.bulk.low:g} to {self.bulk.high:g}{seems}"
        )

    def shown(self, value: float) -> str:
        """A value with the column's unit."""
        return f"{value:.10g}" + (f" {self.unit.unit.name}" if self.unit.unit is not None else "")


@dataclass
class _Meaning:
    """One value that a cell may have meant, gathered over the ways and units that lead to it."""

    confidence: float
    best: float  # what its likeliest way alone adds
    how: str
    kind: str
    support: float

    def add(self, confidence: float, how: str, kind: str, support: float) -> None:
        """Count one more way."""
        self.confidence += confidence
        if confidence > self.best:
            self.best, self.how, self.kind, self.support = confidence, how, kind, support


_Meanings = dict[float, _Meaning]


def _candidates(table: Table, column: NumberColumn) -> list[Candidate]:
    case = _case(table, column)
    found = [] if case is None else strays(column, case.bulk)
    if case is None:
        return []
    bare = [stray for stray in found if stray.readings and not stray.marked]
    meanings, nonsense = _bare(case, bare, Counter(stray.marked[0].how for stray in found if stray.marked))
    judged: list[Candidate] = []
    for stray, meaning, doubt in zip(bare, meanings, nonsense, strict=True):
        judged += [*_numbers(case, stray, meaning), *_missing(case, stray, doubt)]
    for stray in found:
        if stray.marked:
            meaning = _marked(case, stray)
            judged += [*_numbers(case, stray, meaning)] if meaning else [*_missing(case, stray, 1.0)]
        elif not stray.readings:
            judged += _unreadable(case, stray)
    return sorted(judged, key=lambda candidate: (candidate.row, -candidate.confidence))


def _case(table: Table, column: NumberColumn) -> _Case | None:
    """The bulk and the unit of a column; None where it has no bulk or no strays."""
    majority = column.majority_unit()
    bulk = Bulk.of(column.in_unit(majority[0]) if majority else column.plain)
    found = [] if bulk is None else strays(column, bulk)
    if bulk is None or not found:
        return None
    unit = Denomination((majority,)) if majority else infer(column.name, bulk, found)
    # What people wrote out in the column's unit is as ordinary as what they typed plainly.
    numbers = column.in_unit(unit.unit)
    bulk = Bulk.of(numbers) or bulk
    return _Case(column.name, bulk, unit, Conditional.fit(table, column.name, numbers, bulk))


def _marked(case: _Case, stray: Stray) -> _Meanings:
    """What a text that names its unit means in each unit that the column may be in."""
    found: _Meanings = {}
    for unit, chance in case.unit.odds:
        for reading in stray.marked:
            if unit is None or reading.unit is None or reading.unit.dimension != unit.dimension:
                continue
            exact = reading.unit.to(reading.amount, unit)
            ordinary = float(case.bulk.density(exact)) * abs(exact)
            if ordinary or (case.bulk.holds(exact) and exact == 0):
                value = float(f"{exact:.12g}") if reading.unit == unit else case.rounded(exact)
                confidence = reading.trust * chance * (ordinary + 0.01) / (ordinary + 0.03)
                meaning = found.setdefault(value, _Meaning(0.0, 0.0, "", "text", 1.0))
                if confidence > meaning.best:  # `oz` of mass and of volume are one reading, not two
                    meaning.add(confidence - meaning.best, reading.how, "text", 1.0)
    return found


def _bare(case: _Case, bare: list[Stray], habits: Counter[str]) -> tuple[list[_Meanings], list[float]]:
    """What cells that name no unit mean, and how likely nothing: averaged over the column's units."""
    found: list[_Meanings] = [{} for _ in bare]
    nonsense = [0.0] * len(bare)
    for unit, chance in case.unit.odds:
        options = [stray.options(unit, case.bulk) for stray in bare]
        ballot = vote(options, [stray.nonsense() for stray in bare], habits)
        for place, (stray, shares) in enumerate(zip(bare, ballot.shares, strict=True)):
            doubt = 0.0 if _near(case, stray, unit, ballot) else 1.0 - float(shares.sum())
            nonsense[place] += chance * doubt
            for option, share in zip(options[place], shares.tolist(), strict=True):
                support = ballot.support[option.way]
                confidence = chance * share * _backing(option, support)
                meaning = found[place].setdefault(case.rounded(option.value), _Meaning(0.0, 0.0, "", "", 0.0))
                meaning.add(confidence, option.how, _kind(stray, option, support), support)
    return found, nonsense


def _near(case: _Case, stray: Stray, unit: Unit | None, ballot: Vote) -> bool:
    """Whether a stray is rare and no nonsense: a way that others went leads just past the bulk's end."""
    found = stray.options(unit, case.bulk.widened())
    inside = any(case.bulk.holds(option.value) for option in found)
    return not inside and any(ballot.support.get(option.way, 0.0) >= _SUPPORTED for option in found)


def _backing(option: Option, support: float) -> float:
    """How far an option may be trusted, given how many strays went the same way."""
    if option.kind == "digit" or (option.kind == "shift" and support < _SUPPORTED):
        return 0.25
    return 0.9 if option.kind == "plain" else support / (support + 1.0)


def _kind(stray: Stray, option: Option, support: float) -> str:
    if not stray.plain:
        return "text"
    return "unit" if option.kind == "unit" or (option.kind == "shift" and support >= _SUPPORTED) else "digit"


def _numbers(case: _Case, stray: Stray, meanings: _Meanings) -> Iterator[Candidate]:
    """The likeliest numbers for each cell of a stray; the rest of its row tips the scales between rivals."""
    trust = 1.0 if stray.marked else max(reading.trust for reading in stray.readings)
    total = sum(meaning.confidence for meaning in meanings.values())
    for row in stray.rows if total else ():
        weights = {value: meaning.confidence * case.odds(row, value) for value, meaning in meanings.items()}
        scale = trust * total / sum(weights.values())
        ranked = sorted(weights, key=lambda value: -weights[value])[:_MOST]
        for value in ranked:
            meaning, confidence = meanings[value], scale * weights[value]
            if confidence >= _LEAST:
                others = f"; {meaning.support:.0f} cells went this way" if meaning.support >= 2 else ""
                why = f"{stray.old} as {meaning.how} is {case.shown(value)}; {case.basis}{others}"
                evidence = {"rivals": len(meanings) - 1.0, "support": meaning.support}
                yield _proposal(case, stray, row, value, meaning.kind, confidence, {**evidence, "why": why})


def _missing(case: _Case, stray: Stray, nonsense: float) -> Iterator[Candidate]:
    """The proposal that a stray without a good meaning is missing."""
    why = f"no reading of {stray.old} fits; {case.basis}"
    if not stray.plain:
        if nonsense > 0.5:
            yield from _each(case, stray, "hopeless", 0.8 * nonsense, why)
        return
    gap = float(case.bulk.gap(stray.value))
    # Beside a spike little is known of what else is ordinary, but for a sign that nothing else has.
    if gap < _FAR or (case.bulk.spiked and not stray.value < 0 <= case.bulk.low):
        return
    distant = 1.0 - float(np.exp(-(gap - 2.0) / 8.0))
    repeats = len(stray.rows)
    if stray.value in _STAND_INS and repeats >= _REPEATS:
        why = f"{stray.old} stands {repeats} times, far from all others: a stand-in for missing; {case.basis}"
        confidence = (0.5 + 0.45 * distant * repeats / (repeats + 2.0)) * (0.5 + 0.5 * nonsense)
        yield from _each(case, stray, "sentinel", confidence, why)
    elif nonsense * distant * 0.8 >= _LEAST:
        yield from _each(case, stray, "hopeless", 0.8 * nonsense * distant, why)


def _unreadable(case: _Case, stray: Stray) -> Iterator[Candidate]:
    """A text in which there is no quantity."""
    if says_missing(stray.old):
        yield from _each(case, stray, "sentinel", 0.95, f"{stray.old!r} says that there is no value")
    else:
        yield from _each(case, stray, "hopeless", 0.9, f"{stray.old!r} holds no quantity; {case.basis}")


def _each(case: _Case, stray: Stray, kind: str, confidence: float, why: str) -> Iterator[Candidate]:
    """The proposal that every cell of a stray is missing."""
    for row in stray.rows:
        yield _proposal(case, stray, row, None, kind, confidence, {"rivals": 0.0, "support": 1.0, "why": why})


def _proposal(
    case: _Case,
    stray: Stray,
    row: int,
    value: float | None,
    kind: str,
    confidence: float,
    evidence: dict[str, Any],
) -> Candidate:
    """One candidate, with what all of them tell."""
    bulk, company = case.bulk, case.company
    shared = {
        "gap_before": float(bulk.gap(stray.value)) if stray.plain else 0.0,
        "z_before": float(bulk.distance(stray.value)) if stray.plain else 0.0,
        "z_after": 0.0 if value is None else float(bulk.distance(value)),
        "z_in_row": 0.0 if value is None or company is None else company.z(row, value),
        "trust": max((reading.trust for reading in stray.readings), default=0.0),
        "unit_certainty": case.unit.certainty,
        "repeats": float(len(stray.rows)),
    }
    old, expert = stray.old, NumberExpert.name
    return Candidate(row, case.name, old, value, expert, kind, min(confidence, 1.0), {**shared, **evidence})
