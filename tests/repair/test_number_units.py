"""Units: factors against definitions, and conversions that undo each other."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.repair.experts._units import PAIRS, UNITS, Unit, unit_named, units_in_name


@pytest.mark.parametrize(
    ("amount", "unit", "same", "other"),
    [
        (1, "in", 2.54, "cm"), (1, "ft", 12, "in"), (1, "yd", 3, "ft"), (1, "mi", 1760, "yd"),
        (1, "km", 1e6, "mm"),
        (1, "lb", 16, "oz"), (1, "st", 14, "lb"), (1, "lb", 0.45359237, "kg"), (1, "t", 1e9, "mg"),
        (1, "gal", 4, "qt"), (1, "qt", 2, "pt"), (1, "pt", 16, "fl oz"), (1, "l", 100, "cl"),
        (1, "week", 10080, "min"), (1, "d", 24, "h"), (1, "s", 1000, "ms"),
        (0, "°C", 32, "°F"), (-40, "°C", -40, "°F"), (100, "°C", 373.15, "K"), (50, "%", 0.5, "share"),
    ],
)  # fmt: skip
def test_definitions(amount: float, unit: str, same: float, other: str) -> None:
    """International yard, pound and US gallon; Celsius and Fahrenheit meet at -40."""
    assert unit_named(unit).to(amount, unit_named(other)) == pytest.approx(same, rel=1e-8, abs=1e-9)


@given(st.sampled_from(UNITS), st.data(), st.floats(-1e6, 1e6))
def test_there_and_back(unit: Unit, data: st.DataObject, amount: float) -> None:
    """Converting back gives the amount again."""
    other = data.draw(st.sampled_from([u for u in UNITS if u.dimension == unit.dimension]))
    base = abs(unit.offset / unit.scale)
    assert other.to(unit.to(amount, other), unit) == pytest.approx(amount, rel=1e-9, abs=1e-9 * (1 + base))


def test_pairs_have_the_base_of_their_units() -> None:
    """As many minor units as make a major one."""
    for pair in PAIRS:
        assert Fraction(pair.base) == round(pair.major.to(1, pair.minor), 9)


@pytest.mark.parametrize(
    ("column", "names"),
    [
        ("height_cm", {"cm"}),
        ("ounces", {"oz", "fl oz"}),
        ("price $", {"$"}),
        ("m", set()),
        ("minimum", set()),
    ],
)
def test_units_in_names(column: str, names: set[str]) -> None:
    """Whole words and marks count; single letters do not."""
    assert {unit.name for unit in units_in_name(column)} == names


def test_topics_in_names() -> None:
    """A word such as weight means any unit of its dimension."""
    assert {unit.dimension for unit in units_in_name("Body Weight")} == {"mass"}
