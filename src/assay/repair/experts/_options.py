"""Options: what a bare number far from its column's bulk may have meant, and how likely it was typed so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ._bulk import Bulk
from ._units import PAIRS, UNITS, Pair, Unit

# How often people type 0, 1, 2 ... decimals; beyond that as rarely as two.
_DECIMALS = (0.3, 0.4, 0.3)
_RARE = 0.1  # how much rarer a unit that few leave unsaid
_DECADES = 14.0  # natural logs of the range over which a number that means nothing is spread


@dataclass(frozen=True)
class Option:
    """One meaning of a bare number.

    Parameters
    ----------
    way : str
        The slip or the unit behind it, such as "cm": numbers with the same way support each other.
    kind : str
        "unit" (a factor or a notation), "digit" (a slip of the hand) or "plain" (as it stands).
    value : float
        In the column's own unit, inside the bulk.
    weight : float
        How likely this number is typed, if this is the way: the bulk's density at `value`, times the width
        of the values that would have been typed alike.
    how : str
        For people: "5.7 as (how) is 67".
    habit : str
        The unit or pair of units that texts of the column may name outright, which makes this way likelier.
    """

    way: str
    kind: str
    value: float
    weight: float
    how: str
    habit: str = ""


def nonsense(value: float, digits: str) -> float:
    """How likely a number is typed by someone who meant nothing: even on the logarithmic scale."""
    return _grain(digits) / (_DECADES * min(max(abs(value), 1e-3), 1e12))


def options(value: float, digits: str, unit: Unit | None, bulk: Bulk) -> list[Option]:
    """Every meaning of `value` that lies inside the bulk of a column in `unit` (None: not known).

    Parameters
    ----------
    value, digits : float and str
        The number, and as it was typed, with a decimal point; notations hide in the digits.
    """
    grain = _grain(digits)
    drafts = [Option("plain", "plain", value, grain, "a plain number")]
    drafts += _shifted(value, grain)
    drafts += _slipped(digits, grain)
    if unit is not None:
        drafts += _converted(value, grain, unit)
        drafts += _notations(digits, unit)
    landed = [draft for draft in drafts if bulk.low <= draft.value <= bulk.high]
    density = bulk.density([draft.value for draft in landed])
    return [
        Option(draft.way, draft.kind, draft.value, float(draft.weight * thick), draft.how, draft.habit)
        for draft, thick in zip(landed, density, strict=True)
    ]


def typed(value: float) -> str:
    """The digits of a number that is stored as one.

    >>> typed(5.110)
    '5.11'
    """
    return np.format_float_positional(value, trim="-")


def _grain(digits: str) -> float:
    """Width of the values that round to the same digits, times how often so many digits are typed."""
    places = len(digits.partition(".")[2])
    return 10.0 ** -min(places, 12) * _DECIMALS[min(places, 2)]


def _converted(value: float, grain: float, unit: Unit) -> Iterator[Option]:
    for other in UNITS:
        if other.dimension == unit.dimension and other is not unit and _differ(other, unit):
            stretch = other.scale / unit.scale * (_RARE if other.rare else 1.0)
            yield Option(other.name, "unit", other.to(value, unit), grain * stretch, other.name, other.name)


def _differ(a: Unit, b: Unit) -> bool:
    return a.scale != b.scale or a.offset != b.offset


def _shifted(value: float, grain: float) -> Iterator[Option]:
    for power in (-3, -2, -1, 1, 2, 3):
        stretch = 10.0**power
        how = f"a number {10 ** abs(power):,} times too {'small' if power > 0 else 'large'}"
        yield Option(f"x1e{power}", "shift", value * stretch, grain * stretch, how)
    if value:
        yield Option("sign", "digit", -value, grain, "a number with a wrong sign")


def _slipped(digits: str, grain: float) -> Iterator[Option]:
    """A digit typed too often, or two that changed places."""
    if not re.fullmatch(r"\d{2,6}", digits):
        return
    fewer = {digits[:i] + digits[i + 1 :] for i in range(len(digits))}
    swaps = {digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :] for i in range(len(digits) - 1)}
    for text in sorted(fewer):
        yield Option(
            "extra digit", "digit", float(text), grain / len(fewer), "a number with a digit too many"
        )
    for text in sorted(swaps - {digits}):
        yield Option(
            "swapped digits", "digit", float(text), grain / len(swaps), "a number with two digits swapped"
        )


def _notations(digits: str, unit: Unit) -> Iterator[Option]:
    """5.11 and 511 for 5 ft 11 in: a major and a minor unit written as one number."""
    for pair in PAIRS:
        if pair.major.dimension != unit.dimension:
            continue
        if match := re.fullmatch(r"(\d+)\.(\d{1,2})", digits):
            yield from _noted(pair, match, unit, f"{pair.name} with a point", pair.name)
            if len(match[2]) == 1 and int(match[2]) * 10 < pair.base:
                # Stored as a number, 5.10 has lost its zero.
                longer = re.fullmatch(r"(\d+)\.(\d+)", digits + "0")
                yield from _noted(pair, longer, unit, f"{pair.name} with a point, a zero lost", "")
        if match := re.fullmatch(r"([1-9]\d?)(\d\d)", digits):
            yield from _noted(pair, match, unit, f"{pair.name} run together", pair.name)


def _noted(pair: Pair, match: re.Match[str] | None, unit: Unit, way: str, habit: str) -> Iterator[Option]:
    if match is None or int(match[2]) > pair.base or int(match[1]) == 0:
        return
    amount = pair.amount(int(match[1]), int(match[2]))
    odd = 0.05 if int(match[2]) == pair.base else 1.0  # 5 ft 12 in
    how = f"{int(match[1])} {pair.major.name} {int(match[2])} {pair.minor.name}"
    yield Option(way, "unit", pair.minor.to(amount, unit), odd * pair.minor.to(1.0, unit), how, habit)
