"""Typed JSON: what goes in comes out, and one text means one cell."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay._errors import AssayError
from assay.store._cell import Other, from_json, is_missing, to_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    TEXT,
    st.binary(),
    st.uuids(),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.datetimes(timezones=st.just(dt.UTC)),
    TEXT.map(Other),
)
CELLS = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4), max_leaves=6)


@given(CELLS)
def test_a_cell_comes_back_as_it_was(value):
    """Value, type and every digit."""
    back = from_json(to_json(value))
    assert back == value
    assert type(back) is type(value)
    assert to_json(back) == to_json(value)


@given(SCALARS, SCALARS)
def test_different_cells_have_different_texts(a, b):
    """1, 1.0, "1", True and Decimal("1") are five cells; so are 1.5 and 1.50 as decimals."""
    same = type(a) is type(b) and repr(a) == repr(b)
    assert (to_json(a) == to_json(b)) == same


@given(st.lists(st.floats(width=32), max_size=5))
def test_vectors_keep_every_bit(numbers):
    """32-bit floats, NaN among them."""
    vector = np.array(numbers, np.float32)
    back = from_json(to_json(vector))
    assert back.dtype == np.float32
    assert back.tobytes() == vector.tobytes()


def test_nan_and_missing_are_two_things():
    """NaN is a float, missing is no value; pandas' marks are missing."""
    assert math.isnan(from_json(to_json(float("nan"))))
    assert [to_json(value) for value in (None, pd.NA, pd.NaT, np.datetime64("NaT"))] == ["null"] * 4
    assert all(
        is_missing(v) for v in (None, pd.NA, pd.NaT, float("nan"), np.float32("nan"), np.datetime64("NaT"))
    )
    assert not any(is_missing(v) for v in ("", 0, False, [], "nan"))


def test_numpy_and_pandas_are_read_as_python():
    """A cell from a frame and the same cell from the database have one text."""
    assert to_json(np.int64(5)) == to_json(5)
    assert to_json(np.bool_(True)) == "true"
    assert to_json(np.str_("a")) == '"a"'
    assert to_json(pd.Timestamp("2020-01-31 10:00:00.5")) == to_json(
        dt.datetime(2020, 1, 31, 10, 0, 0, 500000)
    )
    assert from_json(to_json(pd.Timestamp("2020-01-31 10:00:00.123456789"))).nanosecond == 789
    assert to_json(np.array([1.0, 2.0])) == to_json([1.0, 2.0])


def test_a_moment_has_one_text_in_every_zone():
    """The same moment, told in two zones."""
    zone = dt.timezone(dt.timedelta(hours=5, minutes=30))
    moment = dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC)
    assert to_json(moment.astimezone(zone)) == to_json(moment)


def test_it_is_json_and_no_number_passes_through_a_float():
    """Any other reader can parse it; digits are text."""
    row = {"a": 2**53 + 1, "b": Decimal("1.50"), "c": [None, "x"]}
    expected = {"row": {"a": {"int": "9007199254740993"}, "b": {"decimal": "1.50"}, "c": [None, "x"]}}
    assert json.loads(to_json(row)) == expected
    assert from_json(to_json(row)) == row


def test_what_has_no_exact_form_is_refused():
    """One sentence names the type."""
    with pytest.raises(AssayError, match="cannot be a complex"):
        to_json(1j)
