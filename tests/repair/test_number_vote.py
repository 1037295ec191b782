"""The vote: closed forms for few strays, and support that grows with company."""

from __future__ import annotations

import numpy as np
import pytest

from assay.repair.experts._bulk import Bulk
from assay.repair.experts._options import Option, options, typed
from assay.repair.experts._units import unit_named
from assay.repair.experts._vote import vote


def _option(way: str, weight: float, kind: str = "unit", habit: str = "") -> Option:
    return Option(way, kind, 1.0, weight, way, habit)


def test_a_lone_stray_is_no_witness_for_itself() -> None:
    """Its shares are prior times likelihood: 0.5 a and 0.5 b against 2 nonsense."""
    ballot = vote([[_option("a", 3.0), _option("b", 1.0)]], [0.5])
    assert ballot.shares[0] == pytest.approx(np.array([1.5, 0.5]) / 3.0)


def test_company_decides_between_ways() -> None:
    """What others went is likelier than what fits this stray alone twice as well."""
    others = [[_option("cm", 1.0)]] * 20
    ballot = vote([[_option("cm", 1.0), _option("yd", 2.0)], *others], [0.01] * 21)
    assert ballot.shares[0][0] > 0.9
    assert ballot.support["cm"] == pytest.approx(21, abs=1)


def test_shares_agree_with_each_other() -> None:
    """Each is prior plus the others' shares, times likelihood: the fixed point, on random strays."""
    rng = np.random.default_rng(0)
    weights = rng.uniform(0, 1, (6, 3)) ** 3
    ballot = vote(
        [[_option(way, w) for way, w in zip("abc", row, strict=True)] for row in weights], [0.01] * 6
    )
    shares = np.column_stack([np.array(ballot.shares), 1 - np.sum(ballot.shares, axis=1)])
    prior, likelihood = np.array([0.5, 0.5, 0.5, 2.0]), np.column_stack([weights, np.full(6, 0.01)])
    again = (prior + shares.sum(axis=0) - shares) * likelihood
    assert shares == pytest.approx(again / again.sum(axis=1, keepdims=True), abs=1e-3)


def test_a_habit_of_the_column_counts_for_its_way() -> None:
    """Texts that name feet and inches outright make the notation likelier."""
    stray = [[_option("point", 1.0, habit="ft and in"), _option("decimal", 1.0, habit="ft")]]
    assert vote(stray, [0.1]).shares[0].tolist() == pytest.approx(
        vote(stray, [0.1], {"other": 9}).shares[0].tolist()
    )
    ballot = vote(stray, [0.1], {"ft and in": 10})
    assert ballot.shares[0][0] / ballot.shares[0][1] == pytest.approx(5.5 / 0.5)


def test_nonsense_takes_what_no_way_explains() -> None:
    """A stray without options is nonsense, and evidence for no unit."""
    ballot = vote([[], [_option("a", 1e-6)]], [1.0, 1.0])
    assert len(ballot.shares[0]) == 0
    assert ballot.shares[1][0] < 1e-5
    assert ballot.evidence < 0.01


def test_options_land_in_the_bulk_and_name_their_unit() -> None:
    """170 in a column of inches is centimetres; 5.11 and 511 are 5 ft 11 in; 5.25 is decimal feet only."""
    bulk = Bulk.of(np.random.default_rng(0).normal(68, 4, 500))
    assert bulk is not None
    inch = unit_named("in")
    ways = {
        digits: {o.way: o.value for o in options(float(digits), digits, inch, bulk)}
        for digits in ("170", "5.11", "511", "5.25")
    }
    assert ways["170"]["cm"] == pytest.approx(66.93, abs=0.01)
    assert ways["5.11"]["ft and in with a point"] == pytest.approx(71)
    assert ways["511"]["ft and in run together"] == pytest.approx(71)
    assert "ft" in ways["5.25"]
    assert "ft and in with a point" not in ways["5.25"]
    assert all(bulk.holds(value) for found in ways.values() for value in found.values())


def test_a_full_minor_amount_is_an_odd_notation() -> None:
    """612 as 6 ft 12 in is far less likely than 611 as 6 ft 11 in."""
    bulk = Bulk.of(np.random.default_rng(0).uniform(50, 90, 500))
    assert bulk is not None
    inch, way = unit_named("in"), "ft and in run together"
    weights = [next(o.weight for o in options(x, str(x), inch, bulk) if o.way == way) for x in (612, 611)]
    assert weights[0] < weights[1] / 5


def test_digits_as_typed() -> None:
    """Shortest digits that give the number, without an exponent."""
    assert [typed(value) for value in (5.11, 6.0, 1e-3, 12345678.0, -2.5)] == [
        "5.11",
        "6",
        "0.001",
        "12345678",
        "-2.5",
    ]
