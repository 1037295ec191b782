"""From a split table to the question that is asked of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier

from assay._errors import AssayError
from assay.tables import Encoder, load, split, to_problem


def frame(n: int = 60) -> pd.DataFrame:
    """Return n keyed rows whose label is the sign of x."""
    x = np.random.default_rng(0).normal(size=n)
    return pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(n)],
            "x": x,
            "town": ["a", "b", "c"] * (n // 3),
            "y": np.where(x > 0, "up", "down"),
        }
    )


def test_train_and_value_rows_are_asked_about_by_key():
    """Keys, labels and encoded rows of both parts line up; gate and final rows are not there."""
    table = load(frame())
    parts = split(table)
    problem = to_problem(table, parts)
    encoder = Encoder(table.roles).fit(table.frame[parts == "train"])
    for data, part in ((problem.train, "train"), (problem.valid, "value")):
        assert data is not None
        assert data.ids.tolist() == table.frame["id"][parts == part].tolist()
        assert np.asarray(data.y).tolist() == table.frame["y"][parts == part].tolist()
        np.testing.assert_array_equal(data.X, encoder.transform(table.frame[parts == part]))


def test_rows_that_judge_do_not_shape_the_rows_that_train():
    """Changing every row outside train changes nothing in train, to the bit."""
    table = load(frame())
    parts = split(table)
    wild = table.frame.assign(
        x=np.where(parts == "train", table.frame["x"], 1e6),
        town=np.where(parts == "train", table.frame["town"], "z"),
    )
    np.testing.assert_array_equal(
        to_problem(table, parts).train.X, to_problem(table.with_frame(wild), parts).train.X
    )


def test_the_target_chooses_the_model_and_the_score():
    """Logistic regression and accuracy for classes, ridge and r2 for numbers; what is given stands."""
    table = load(frame())
    problem = to_problem(table, split(table))
    assert (type(problem.model), problem.score) == (LogisticRegression, "accuracy")
    numbers = load(frame(), target="x")
    problem = to_problem(numbers, split(numbers))
    assert (type(problem.model), problem.score) == (Ridge, "r2")
    np.testing.assert_array_equal(problem.train.y, numbers.frame["x"][split(numbers) == "train"])
    tree = DecisionTreeClassifier()
    problem = to_problem(table, split(table), model=tree, score="balanced_accuracy")
    assert (problem.model, problem.score) == (tree, "balanced_accuracy")


@pytest.mark.parametrize(
    ("labels", "kind"), [(["a", "b"], "U"), ([True, False], "b"), ([3, 7], "i"), ([3.0, 7.0], "U")]
)
def test_labels_keep_their_type(labels, kind):
    """Text, booleans and integers are labels as they are; others by their text."""
    table = load(frame().assign(y=labels * 30))
    y = to_problem(table, split(table)).train.y
    assert y is not None
    assert y.dtype.kind == kind
    assert {str(label) for label in y} == {str(label) for label in labels}


def test_groups_travel_with_the_rows():
    """Who a row belongs to is known to methods that value groups."""
    table = load(frame().assign(who=list(range(20)) * 3), target="y", group="who")
    parts = split(table)
    groups = to_problem(table, parts).train.groups
    assert groups is not None
    assert groups.tolist() == table.frame["who"][parts == "train"].tolist()


def test_without_value_rows_there_is_nothing_to_judge_by():
    """All rows may train; the method must then judge in another way."""
    table = load(frame())
    problem = to_problem(table, np.full(60, "train", dtype=object))
    assert problem.valid is None
    assert problem.n == 60


@pytest.mark.parametrize(
    ("roles", "parts", "given", "message"),
    [
        (
            {"features": ["x"], "ignore": ["y"]},
            ["train"] * 60,
            {},
            "has no target: name its column with target=",
        ),
        ({}, ["train"] * 59, {}, "for each of the 60 rows"),
        ({}, ["train"] * 59 + ["test"], {}, "parts must say one of train, value, gate, final"),
        ({}, ["value"] * 60, {}, "hold 0 different values of 'y'"),
        (
            {"target": "x"},
            ["train"] * 60,
            {"score": "accuracy"},
            "accuracy is for classes and 'x' holds numbers: ask for r2",
        ),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(roles, parts, given, message):
    """No target, wrong parts, nothing to learn from, a score of another world."""
    with pytest.raises(AssayError, match=message):
        to_problem(load(frame(), **roles), parts, **given)


def test_one_class_among_the_train_rows_is_refused():
    """A model that knows one class has nothing to say."""
    table = load(frame())
    with pytest.raises(AssayError, match="hold 1 different values of 'y'"):
        to_problem(table, np.where(table.frame["y"] == "up", "train", "value"))
