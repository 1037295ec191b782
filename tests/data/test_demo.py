"""The bundled tables: what is in them, and exactly what was put there."""

from __future__ import annotations

import numpy as np
import pytest

from assay import data, tables


@pytest.fixture(scope="module")
def census():
    """Return the census demo of seed 0."""
    return data.census(0)


def test_census_has_5000_people_and_no_key_twice(census):
    """The table has the stated size, key, target and parts, and integers are integers."""
    assert census.frame.shape == (5000, 17)
    assert census.frame["id"].is_unique
    assert census.frame["id"].between(0, 32560).all()
    assert {str(census.frame[c].dtype) for c in ("id", "age", "capital-gain", "education-num")} == {"int64"}
    assert (census.frame["part"] == census.parts).all()
    assert not census.frame.isin(["noValueSetHere123156456"]).to_numpy().any()


def test_exactly_fifteen_percent_of_the_training_labels_are_flipped(census):
    """Apart from those, every cell is as published; gate, value and final labels are never touched."""
    published = data.census(1).frame
    train = census.parts == "train"
    features = [c for c in census.frame.columns if c not in ("income", "part")]
    assert census.frame[features].equals(published[features])
    # Labels of rows that train in neither seed are as published in both: they agree.
    neither = ~train & (data.census(1).parts != "train")
    assert (census.frame["income"] == published["income"])[neither].all()
    wrong = census.frame["income"] != census.truth["income"]
    before = int(wrong[~train].sum()) / (~train).sum()
    # A flip makes a right label wrong and a wrong one right: labels that were wrong count too.
    expected = train.sum() * (0.15 * (1 - before) + 0.85 * before)
    assert abs(int(wrong[train].sum()) - expected) < 40
    assert f"{round(0.15 * train.sum())} of {train.sum():,} training labels" in census.injected[1]


def test_the_truth_has_the_same_rows_and_no_part(census):
    """Truth is aligned by key and differs in about one cell in twenty, as published."""
    truth = census.truth
    assert truth["id"].tolist() == census.frame["id"].tolist()
    assert truth.columns.tolist() == [c for c in census.frame.columns if c != "part"]
    columns = [c for c in truth.columns if c not in ("id", "income")]
    differ = np.mean([(census.frame[c].astype(str) != truth[c].astype(str)).mean() for c in columns])
    assert 0.04 < differ < 0.06


def test_a_seed_is_a_demo(census):
    """The same seed gives the same table, another seed another split and other flips."""
    assert data.census(0).frame.equals(census.frame)
    other = data.census(1)
    assert (other.parts != census.parts).mean() > 0.3


def test_the_flips_do_not_move_the_parts(census):
    """A user who loads the demo's frame gets the parts that the flips were drawn from."""
    table = tables.load(census.frame, key=census.key, target=census.target)
    assert tables.split(table, seed=99).tolist() == census.parts.tolist()
    assert table.target_kind == "class"
    assert len(table.roles.features) == 14
    counts = {part: int((census.parts == part).sum()) for part in tables.PARTS}
    assert counts == pytest.approx({"train": 3000, "value": 500, "gate": 750, "final": 750}, abs=2)


def test_the_true_census_holds_no_error(census):
    """The control is the truth itself, split in the same shares."""
    control = data.census_true(0)
    assert control.frame.drop(columns="part").equals(control.truth)
    assert control.truth.equals(census.truth)
    assert (control.frame["part"] == control.parts).all()


def test_heights_are_as_they_were_typed():
    """81 entries are no number, 211 more are outside 50 to 84, and nothing was added."""
    demo = data.heights()
    assert demo.frame["id"].tolist() == list(range(1, 1096))
    numbers = tables.as_number(demo.frame["height"])
    assert int(numbers.isna().sum()) == 81
    assert int(((numbers < 50) | (numbers > 84)).sum()) == 211
    assert set(demo.frame["height"]) >= {"5' 4\"", "165cm", ">9000", "yyy", "708,661"}
    assert demo.truth is None
    table = tables.load(demo.frame, key=demo.key, target=demo.target)
    assert table.roles.kinds["height"] == "number"
    assert table.roles.features == ("time_stamp", "height")
    assert tables.split(table).tolist() == demo.parts.tolist()
