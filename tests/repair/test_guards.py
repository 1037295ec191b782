"""What the guards object to, and what they let pass."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from assay.repair.choice import Choice, repaired
from assay.repair.experts import Candidate
from assay.repair.guards import drift, objections
from assay.tables import Roles, Table

N = 200


@pytest.fixture
def train():
    """200 rows of a number and a category."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=N), "c": rng.choice(["a", "b"], N)})
    return Table("t", frame, Roles((), "c", ("x",), kinds={"x": "number", "c": "category"}))


def _choices(train, rows, column, new):
    old = train.frame[column]
    return [Choice(Candidate(r, column, old.iat[r], new(r), "e", "k", 0.9), 0.9) for r in rows]


def _objections(train, choices, *, decoys=10, fooled=0, before=0, most=0.3):
    return objections(train, choices, repaired(train, choices), decoys, fooled, before, most)


def test_a_modest_batch_passes(train):
    """Ten labels turned over among two hundred raise no objection."""
    flip = {"a": "b", "b": "a"}
    assert not _objections(train, _choices(train, range(10), "c", lambda r: flip[train.frame["c"].iat[r]]))


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"decoys": 40, "fooled": 3}, "decoys"),
        ({"before": 55}, "budget"),
        ({"most": 0.04}, "budget"),
    ],
)
def test_each_guard_objects(train, settings, word):
    """Changed decoys, and a budget over what was changed before, are named."""
    batch = _choices(train, range(10), "x", lambda r: 0.1)
    assert any(word in reason for reason in _objections(train, batch, **settings))


def test_one_value_written_all_over_is_drift(train):
    """A quarter of a column set to one value is a major shift of its distribution."""
    assert any("drift" in r for r in _objections(train, _choices(train, range(50), "x", lambda r: 0.0)))


def test_mended_outliers_are_no_drift():
    """Wild values brought back among the others do not count: only untouched cells are compared with."""
    rng = np.random.default_rng(1)
    good = pd.Series(rng.normal(70, 4, 1000))
    assert drift(good[:750], good, "number") < 0.05


def test_index_is_that_of_the_formula():
    """The stability index is the sum of (q - p) ln(q / p)."""
    before, after = pd.Series(["a"] * 50 + ["b"] * 50), pd.Series(["a"] * 75 + ["b"] * 25)
    truth = 0.25 * np.log(0.75 / 0.5) - 0.25 * np.log(0.25 / 0.5)
    assert drift(before, after, "category") == pytest.approx(truth)


def test_missing_counts_as_a_value():
    """A number column that loses a third of its cells drifts."""
    full = pd.Series(np.arange(90.0))
    assert drift(full, full.where(full >= 30), "number") > 0.25
