"""Reading quantities: what texts say, literally."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.repair.experts._quantity import read
from assay.repair.experts._units import PAIRS, UNITS, Pair, Unit
from assay.repair.experts._words import SMALL, take_number

_ONES = [word for word, value in SMALL.items() if value < 20]
_TENS = {value: word for word, value in SMALL.items() if value >= 20 and word != "fourty"}
_WRITTEN = [unit for unit in UNITS if unit.words]


def _words(number: int) -> str:
    """0..999 in English, written independently of the parser."""
    if number >= 100:
        rest = f" and {_words(number % 100)}" if number % 100 else ""
        return f"{_ONES[number // 100]} hundred{rest}"
    if number < 20:
        return _ONES[number]
    return _TENS[number - number % 10] + (f"-{_ONES[number % 10]}" if number % 10 else "")


def _amounts(text: str, unit: str) -> list[float]:
    return [reading.amount for reading in read(text) if reading.unit and reading.unit.name == unit]


def _bare(text: str) -> list[float]:
    return [reading.amount for reading in read(text) if reading.unit is None]


@pytest.mark.parametrize(
    ("text", "unit", "amount"),
    [
        ("5\u2032 4\u2033", "in", 64),  # primes
        ("5\u2019 4\u201d", "in", 64),  # curly quotes
        ("5 FT. 4 IN.", "in", 64),
        ("5'4 1/2\"", "in", 64.5),
        ("six feet", "ft", 6),
        ("1.234,5 kg", "kg", 1234.5),
        ("about 12 stone 7", "lb", 175),
        ("2 hours and 5 minutes", "min", 125),
        ("1 h 2 min 3 s", "s", 3723),
        ("1h30", "min", 90),
        ("98.6 \u00b0F", "\u00b0F", 98.6),
        ("-12 C", "\u00b0C", -12),
        ("4.5 per cent", "%", 4.5),
        ("12 fl. oz.", "fl oz", 12),
        ("$1,234.50", "$", 1234.5),
        ("US$ 3 million", "$", 3e6),
        ("\u20ac1.5k", "\u20ac", 1500),
    ],
)
def test_marked_quantities(text: str, unit: str, amount: float) -> None:
    """The unit that a text names, with its amount, is among the readings."""
    assert amount in [pytest.approx(found) for found in _amounts(text, unit)]


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("1,70", [1.7]),
        ("1,234", [1234, 1.234]),
        ("1,234,567", [1234567]),
        ("1.234.567", [1234567]),
        ("6*12", [72]),
        ("5 .11", [5.11]),
        ("3 1/4", [3.25]),
        ("12k", [12000]),
        ("seventy two", [72]),
        (">9000", [9000]),
    ],
)
def test_bare_numbers(text: str, amounts: list[float]) -> None:
    """Decimal commas, thousands, products and fractions; the likelier reading first."""
    assert _bare(text) == amounts


@pytest.mark.parametrize(
    "text",
    ["yyy", "", "  ", "'", "kg", "1/0", "5 4 3 2", "4 in 0 ft", "a" * 99, "60-65 70", "\u2603 5", "12,34,5"],
)
def test_no_quantity(text: str) -> None:
    """Texts in which a person finds none."""
    assert read(text) == []


@pytest.mark.parametrize(("text", "unit"), [("2'33", "in"), ("5'13\"", "in"), ("1h75", "min")])
def test_minor_amounts_above_the_base_are_not_read(text: str, unit: str) -> None:
    """33 inches are more than a foot has."""
    assert _amounts(text, unit) == []


def test_twelve_inches_over_are_read_with_little_trust() -> None:
    """5 ft 12 in is odd, but can only be 72."""
    odd, usual = read("5'12"), read("5'11")
    assert next(r.trust for r in odd if r.amount == 72) < 0.7 < next(r.trust for r in usual if r.amount == 71)


def test_hedges_and_tails_lower_trust() -> None:
    """`about`, a bound, a question mark and words after the number are trusted less than the number alone."""
    alone = read("70 kg")[0].trust
    assert all(
        read(text)[0].trust < alone for text in ("about 70 kg", ">70 kg", "70 kg?", "70 kg with shoes")
    )


@given(st.sampled_from(_WRITTEN), st.data(), st.integers(0, 10**6))
def test_formatted_amounts_round_trip(unit: Unit, data: st.DataObject, cents: int) -> None:
    """A number followed by any spelling of a unit is read as that amount of it."""
    word = data.draw(st.sampled_from([word for word in unit.words if word not in ("k",)]))
    gap = data.draw(st.sampled_from(["", " "]))
    assert cents / 100 in _amounts(f"{cents / 100:.2f}{gap}{word}", unit.name)


@given(st.sampled_from(PAIRS), st.integers(1, 300), st.data())
def test_formatted_pairs_round_trip(pair: Pair, major: int, data: st.DataObject) -> None:
    """A major and a minor amount are read as their sum, with the minor unit written or left out."""
    minor = data.draw(st.integers(0, pair.base - 1))
    total = major * pair.base + minor
    for text in (f"{major} {pair.major.name} {minor} {pair.minor.name}", f"{major}{pair.major.name}{minor}"):
        assert total in _amounts(text, pair.minor.name)


@given(st.integers(0, 999))
def test_number_words_round_trip(number: int) -> None:
    """Every number up to 999, as written in English."""
    assert _amounts(f"{_words(number)} cm", "cm") == [number]
    words = _words(number).replace("-", " ").split()
    assert take_number([*words, "cm"]) == (number, len(words))


@given(st.text(max_size=80))
def test_any_text_is_safe(text: str) -> None:
    """No text breaks the reader; readings are finite, trusted in 0..1, most literal first."""
    found = read(text)
    assert all(abs(reading.amount) < float("inf") and 0 < reading.trust <= 1 for reading in found)
    assert [r.trust for r in found] == sorted((r.trust for r in found), reverse=True)
