"""Words: the numbers of a run as people read them. What was not measured yields None and is not shown."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"  # stands for a figure that was not measured
LONGEST = 240  # characters of a cell
WIDEST = 60  # characters of a name
# Controls, marks that turn the reading direction, invisible spaces, halves of pairs, non-characters.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)


def count(number: Any) -> str:
    """A whole number with thousands separated; an unknown one as a dash.

    >>> count(3000)
    '3,000'
    """
    return DASH if not is_number(number) else f"{int(number):,}".replace("-", MINUS)


def is_number(value: Any) -> TypeGuard[float]:
    """Whether `value` is a finite real number (bool excluded)."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return False
    try:
        return math.isfinite(value)
    except (TypeError, OverflowError):
        return False


def decimals(*numbers: Any) -> int:
    """How many decimals show the largest of `numbers` to three digits and none as a false zero."""
    sizes = [abs(number) for number in numbers if is_number(number) and number != 0]
    largest = max(sizes, default=0.0)
    if largest == 0 or largest >= 0.01:
        places = 3 if largest < 10 else 2 if largest < 100 else 1 if largest < 10_000 else 0
    else:
        places = 1 - math.floor(math.log10(largest))
    while places < 6 and any(round(size, places) == 0 for size in sizes):
        places += 1
    return min(6, places)


def metric(number: Any, places: int | None = None) -> str:
    """A measured figure, three decimals unless it is small or large; an unknown one as a dash.

    >>> metric(0.41249), metric(0.0042), metric(1234.5)
    ('0.412', '0.0042', '1,234.5')
    """
    if not is_number(number):
        return DASH
    text = f"{number:,.{decimals(number) if places is None else places}f}"
    return text.replace("-", MINUS if float(text.replace(",", "")) else "")


def signed(number: Any, places: int | None = None) -> str:
    """As `metric`, with a plus before what is above zero."""
    text = metric(number, places)
    return f"+{text}" if is_number(number) and re.search("[1-9]", text) and number > 0 else text


def percent(share: Any) -> str:
    """A share in 0..1 as a percentage; one decimal where fewer than ten percent are meant.

    >>> percent(0.857), percent(0.012), percent(0)
    ('86%', '1.2%', '0%')
    """
    if not is_number(share):
        return DASH
    hundred = 100 * share
    if 0 < hundred < 0.05:
        return "<0.1%"
    fine = (0 < hundred < 9.95 or 99 < hundred < 99.95) and abs(hundred - round(hundred)) > 1e-9
    return f"{hundred:.1f}%" if fine else f"{hundred:.0f}%"


def plural(number: Any, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> plural(1, "row"), plural(0, "entry", "entries")
    ('1 row', '0 entries')
    """
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def interval(low: Any, high: Any, places: int | None = None) -> str | None:
    """`0.029 to 0.053`, or None where either end was not measured."""
    if not (is_number(low) and is_number(high)):
        return None
    places = decimals(low, high) if places is None else places
    return f"{metric(low, places)} to {metric(high, places)}"


def direction(low: Any, high: Any) -> str | None:
    """What an interval of a gain lets one say: `better`, `worse`, `no measurable change`, or None."""
    if not (is_number(low) and is_number(high)):
        return None
    return "better" if low > 0 else "worse" if high < 0 else "no measurable change"


def clean(text: str) -> str:
    """`text` with everything that a reader could not see, or that would turn the line, made visible."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def cell(value: Any, longest: int = LONGEST) -> str:
    """One cell of a table as text: exact where short, cut with its length where long.

    Text that is empty or has blanks at an end is quoted, so that the blanks can be seen.
    Missing values are told by `is_missing` and never reach this function.
    """
    if isinstance(value, str):
        text = clean(value)
        text = f'"{text}"' if text != text.strip() or not text else text
    elif is_number(value) and hasattr(value, "is_integer"):
        text = f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.10g}"
    elif isinstance(value, Mapping | list | tuple):
        text = clean(json.dumps(value, ensure_ascii=False, default=str))
    else:
        text = clean(str(value))
    if len(text) <= longest:
        return text
    return f"{text[:longest].rstrip()}… ({count(len(text))} characters)"


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, NaT or pandas' NA."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # pandas' NA refuses to be a bool; an array is a vector, not a gap
        return type(value).__name__ == "NAType"


def sentence(text: Any) -> str | None:
    """A reason as a sentence: capital first, full stop last; None where there is none.

    >>> sentence("gains 0.04 on the gate rows")
    'Gains 0.04 on the gate rows.'
    """
    told = re.sub(r"(?<!\w)-(?=\d)", MINUS, cell(text, 600).strip()) if text else ""
    if not told:
        return None
    return told[0].upper() + told[1:] + ("" if told[-1] in ".!?…)" else ".")


def moment(iso: Any) -> str | None:
    """`2026-11-22T10:21:07.5+00:00` as `2026-11-22 10:21 UTC`; other offsets are kept as they are."""
    found = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::[\d.]+)?(.*)$", str(iso or ""))
    if not found:
        return None
    day, clock, zone = found.groups()
    return f"{day} {clock} {'UTC' if zone.strip() in ('+00:00', 'Z') else zone.strip()}".strip()


def duration(seconds: Any) -> str | None:
    """Seconds as `48 s`, `3 min 20 s` or `2 h 05 min`."""
    if not is_number(seconds):
        return None
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
