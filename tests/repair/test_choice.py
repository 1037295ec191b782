"""Thresholds and what is written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.repair.choice import FLOOR, Choice, fitting, plain, repaired, threshold
from assay.repair.experts import Candidate
from assay.tables import Roles, Table


@given(st.lists(st.floats(0, 1), max_size=60), st.floats(0.5, 0.99))
def test_threshold_keeps_the_promise_and_as_many_as_it_can(chances, precision):
    """What lies at or above the threshold is right often enough, and one step lower it would not be."""
    p = np.array(chances)
    limit = threshold(p, precision)
    taken = p[p >= limit]
    if len(taken):
        assert taken.mean() >= precision - 1e-12
        assert limit >= FLOOR
    lower = sorted({x for x in chances if FLOOR <= x < limit}, reverse=True)
    for other in lower:
        assert p[p >= other].mean() < precision


def _choice(row, column, old, new):
    return Choice(Candidate(row, column, old, new, "test", "label", 0.9), 0.9)


def test_repaired_changes_those_cells_and_no_other():
    """The cells of the choices change, types stay, and the table given is not touched."""
    frame = pd.DataFrame({"id": [1, 2, 3], "n": [1, 2, 3], "c": ["a", "b", "c"]})
    table = Table(
        "t", frame, Roles(("id",), "c", ("n",), kinds={"n": "number", "c": "category", "id": "number"})
    )
    after = repaired(table, [_choice(0, "n", 1, 9), _choice(2, "c", "c", "a")]).frame
    assert after["n"].tolist() == [9, 2, 3]
    assert after["c"].tolist() == ["a", "b", "a"]
    assert after["n"].dtype == frame["n"].dtype
    assert frame["n"].tolist() == [1, 2, 3]


def test_a_whole_number_may_become_missing():
    """A None in a column of whole numbers is missing, and the others stay what they were."""
    table = Table("t", pd.DataFrame({"n": [1, 2]}), Roles((), None, ("n",), kinds={"n": "number"}))
    cells = repaired(table, [_choice(0, "n", 1, None)]).frame["n"]
    assert cells.isna().tolist() == [True, False]
    assert cells.iloc[1] == 2


@pytest.mark.parametrize(
    ("new", "column", "written"),
    [
        (64.96, pd.Series(["x"]), "64.96"),
        (72.0, pd.Series(["x"]), "72"),
        (64.96, pd.Series([1]), 65),
        (64.96, pd.Series([1.0]), 64.96),
        (None, pd.Series([1]), None),
        ("b", pd.Series(["a"]), "b"),
        (True, pd.Series([False]), True),
    ],
)
def test_values_fit_their_column(new, column, written):
    """A number goes into a text column as text and into a whole-number column as a whole number."""
    got = fitting(new, column)
    assert got == written
    assert type(got) is type(written)


@pytest.mark.parametrize("cell", [None, float("nan"), pd.NA, pd.NaT, np.float64("nan")])
def test_missing_is_none(cell):
    """Every way of being missing is None."""
    assert plain(cell) is None
