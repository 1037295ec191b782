"""Numbers and cells as people read them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from assay.report import words


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.41249, "0.412"),
        (0, "0.000"),
        (-0.0203, f"{words.MINUS}0.020"),
        (0.00042, "0.00042"),
        (12.345, "12.35"),
        (1234.5, "1,234.5"),
        (-98765.4, f"{words.MINUS}98,765"),
        (None, words.DASH),
        (float("nan"), words.DASH),
        (float("inf"), words.DASH),
    ],
)
def test_metric_shows_three_digits_and_never_invents_one(number: float | None, text: str) -> None:
    """A metric has about three digits; what was not measured is a dash."""
    assert words.metric(number) == text


def test_small_bound_of_an_interval_is_no_false_zero() -> None:
    """An interval that ends just above zero does not read as if it held zero."""
    assert words.interval(0.0004, 0.0821) == "0.0004 to 0.0821"
    assert words.interval(None, 0.1) is None


@pytest.mark.parametrize(
    ("share", "text"), [(0.5, "50%"), (0.0999, "10%"), (0.0004, "<0.1%"), (0.9999, "100%"), (0.995, "99.5%")]
)
def test_percent_keeps_a_decimal_where_it_matters(share: float, text: str) -> None:
    """Shares near zero and near one keep a decimal."""
    assert words.percent(share) == text


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.02, "better"), (-0.2, -0.1, "worse"), (0.0, 0.1, "no measurable change"), (None, 0.1, None)],
)
def test_direction_follows_the_interval(low: float | None, high: float, said: str | None) -> None:
    """Better or worse only where the whole interval is; an interval that touches zero is no change."""
    assert words.direction(low, high) == said


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (" a ", '" a "'),
        ("", '""'),
        (64.0, "64"),
        (np.float64(0.1), "0.1"),
        (np.int64(7), "7"),
        (True, "True"),
        (float("inf"), "inf"),
        ("half \ud83d", "half \ufffd"),
        ("turn \u202eback", "turn \ufffdback"),
        ([1, 2.5], "[1, 2.5]"),
    ],
)
def test_cell_shows_what_is_there(value: object, text: str) -> None:
    """A cell reads as it is; blanks at an end and characters that cannot be seen are made visible."""
    assert words.cell(value) == text


def test_long_cell_is_cut_with_its_length() -> None:
    """A cut cell says how long it was."""
    assert words.cell("x" * 1000, 10) == "xxxxxxxxxx… (1,000 characters)"


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA, pd.NaT, np.float64("nan")])
def test_every_kind_of_gap_is_missing(value: object) -> None:
    """None, NaN, NaT and NA are all missing."""
    assert words.is_missing(value)


@pytest.mark.parametrize("value", ["", 0, False, "nan", [None], np.zeros(2)])
def test_no_value_is_missing(value: object) -> None:
    """An empty text, a zero and a vector are values."""
    assert not words.is_missing(value)


def test_moments_and_durations() -> None:
    """Times are told to the minute in their zone, durations in the unit that fits."""
    assert words.moment("2026-11-22T10:21:07.5+00:00") == "2026-11-22 10:21 UTC"
    assert words.moment("2026-11-22T10:21:07+02:00") == "2026-11-22 10:21 +02:00"
    assert words.moment(None) is None
    assert [words.duration(s) for s in (4.25, 48, 167.6, 7260)] == [
        "4.2 s",
        "48 s",
        "2 min 48 s",
        "2 h 01 min",
    ]
