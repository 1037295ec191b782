"""What is a number, and what is not."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.tables import as_number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_written_out_is_read_back(number):
    """The text of a float reads as that float, to the last bit."""
    assert as_number(pd.Series([repr(number), f" {number!r}\t"])).tolist() == [number, number]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "nan",
        "inf",
        "-Infinity",
        "1,000",
        "708,661",
        "5' 4\"",
        "165cm",
        "0x10",
        "1_000",
        "1e999",
        "--1",
        ".",
        "e5",
        "٣",
    ],
)
def test_what_is_no_plain_number_is_missing(text):
    """Words, separators, units, other digits and overflow are never turned into a number."""
    assert as_number(pd.Series([text])).isna().all()


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([1, None], dtype="Int64"), [1.0, math.nan]),
        (pd.Series([True, False]), [1.0, 0.0]),
        (pd.Series([True, None], dtype="boolean"), [1.0, math.nan]),
        (
            pd.Series([Decimal("1.5"), "2", 3, None, np.float32(0.5), [1]], dtype=object),
            [1.5, 2, 3, math.nan, 0.5, math.nan],
        ),
        (pd.Series([np.inf, -np.inf, 2.0]), [math.nan, math.nan, 2.0]),
        (pd.Series([pd.Timedelta("1min"), None]), [60.0, math.nan]),
        (pd.Series([pd.Timestamp("2020-01-01"), None]), [math.nan, math.nan]),
        (pd.Series([datetime.date(2020, 1, 1)], dtype=object), [math.nan]),
        (pd.Series(["1", "2", "x"], dtype="category"), [1.0, 2.0, math.nan]),
        (pd.Series([7, 8], dtype="category"), [7.0, 8.0]),
    ],
)
def test_each_type_reads_as_its_numbers(column, expected):
    """Nullable, boolean, mixed, infinite, time and category columns have one reading each."""
    np.testing.assert_array_equal(as_number(column).to_numpy(), np.array(expected))


def test_index_and_name_are_kept():
    """A value can be joined to the cell that it was read from."""
    read = as_number(pd.Series(["1", "x"], index=[7, 3], name="height"))
    assert read.index.tolist() == [7, 3]
    assert (read.name, str(read.dtype)) == ("height", "float64")
