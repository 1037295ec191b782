"""The label expert on tables with planted label errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from assay.repair.experts import LabelExpert
from assay.repair.experts.label import alternatives, wrong_probability
from assay.tables import Roles, Table


def _table(n, noise, seed, labels=("no", "yes")):
    """Two numbers that tell the classes apart, and labels of which a share is wrong."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(len(labels), size=n)
    X = rng.normal(size=(n, 2)) + 3 * np.column_stack([truth, truth % 2])
    wrong = rng.random(n) < noise
    given = np.where(wrong, (truth + rng.integers(1, len(labels), n)) % len(labels), truth)
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": np.array(labels, dtype=object)[given]})
    kinds = {"a": "number", "b": "number", "y": "category"}
    return (
        Table("t", frame, Roles((), "y", ("a", "b"), kinds=kinds)),
        wrong,
        np.array(labels, dtype=object)[truth],
    )


@pytest.mark.parametrize("model", [LogisticRegression(), RandomForestClassifier()])
def test_planted_errors_are_found_and_their_labels_known(model):
    """What it holds for wrong is wrong, most of what is wrong it finds, and it names the true label."""
    table, wrong, truth = _table(900, 0.2, 1)
    found = LabelExpert(model).propose(table, np.random.default_rng(0))
    p = np.array([candidate.evidence["p"] for candidate in found])
    new = np.array([candidate.new for candidate in found], dtype=object)
    sure = p >= 0.5
    assert wrong[sure].mean() > 0.9
    assert sure[wrong].mean() > 0.7
    assert (new[sure & wrong] == truth[sure & wrong]).all()


def test_the_estimated_share_is_near_the_true_one():
    """The probabilities add up to about as many rows as are wrong."""
    table, wrong, _ = _table(1500, 0.15, 2)
    p = [c.evidence["p"] for c in LabelExpert(LogisticRegression()).propose(table, np.random.default_rng(0))]
    assert abs(np.sum(p) / wrong.sum() - 1) < 0.35


def test_a_clean_table_is_left_alone():
    """Without label errors hardly a row is held for wrong, though the classes overlap."""
    table, _, _ = _table(900, 0.0, 3)
    p = np.array(
        [c.evidence["p"] for c in LabelExpert(LogisticRegression()).propose(table, np.random.default_rng(0))]
    )
    assert (p >= 0.5).mean() < 0.01


def test_three_classes():
    """With three classes the right one of the two others is named for most errors."""
    table, wrong, truth = _table(1200, 0.15, 4, labels=("a", "b", "c"))
    found = LabelExpert(LogisticRegression()).propose(table, np.random.default_rng(0))
    sure = np.array([c.evidence["p"] >= 0.5 for c in found])
    right = np.array([c.new for c in found], dtype=object) == truth
    assert right[sure].mean() > 0.85
    assert (sure & wrong).sum() > 60


def test_a_row_s_own_label_has_no_say_in_its_chance():
    """The premise of free masked recovery: a flipped label hardly moves its own row's probabilities."""
    table, _, _ = _table(600, 0.1, 5)
    flipped = table.frame.copy()
    flipped.loc[0, "y"] = "yes" if flipped.loc[0, "y"] == "no" else "no"
    expert = LabelExpert(LogisticRegression())
    before, after = (
        expert.probabilities(t, np.unique(t.frame["y"], return_inverse=True)[1], np.random.default_rng(0))
        for t in (table, table.with_frame(flipped))
    )
    assert np.abs(before[0] - after[0]).max() < 0.05


def test_numbers_are_not_labels():
    """For a target of numbers the expert abstains."""
    frame = pd.DataFrame({"a": [1.0, 2.0], "y": [0.5, 0.7]})
    table = Table("t", frame, Roles((), "y", ("a",), kinds={"a": "number", "y": "number"}))
    assert LabelExpert(LogisticRegression()).propose(table, np.random.default_rng(0)) == []


def test_alternatives():
    """The best other class and its share of the two, worked by hand."""
    other, share = alternatives(np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]]), np.array([0, 0]))
    assert other.tolist() == [1, 2]
    assert share.tolist() == pytest.approx([0.3 / 0.9, 0.6 / 0.8])


def test_rare_classes_are_left_alone():
    """A class of fewer than 30 rows is too small to learn its errors from."""
    codes = np.array([0] * 10 + [1] * 200)
    chance = np.tile([0.01, 0.99], (210, 1))
    other, share = alternatives(chance, codes)
    assert (wrong_probability(chance, codes, other, share)[:10] == 0).all()


def test_rows_without_a_group_and_few_groups():
    """A missing group is a group of its own; where a class has a single group the expert abstains."""
    table, _, _ = _table(300, 0.1, 6)
    named = replace(table.roles, group="g")
    rng = np.random.default_rng(0)
    some = table.frame.assign(g=pd.Series(rng.choice(["a", "b", "c", None], 300), dtype=object))
    one = table.frame.assign(g="a")
    expert = LabelExpert(LogisticRegression())
    assert len(expert.propose(replace(table, frame=some, roles=named), np.random.default_rng(0))) == 300
    assert expert.propose(replace(table, frame=one, roles=named), np.random.default_rng(0)) == []


def test_a_class_of_one_row():
    """A class of which no row can be left out makes the expert abstain."""
    table, _, _ = _table(100, 0.0, 7)
    labels = ["yes"] + ["no"] * 99
    assert (
        LabelExpert(LogisticRegression()).propose(
            table.with_frame(table.frame.assign(y=labels)), np.random.default_rng(0)
        )
        == []
    )
