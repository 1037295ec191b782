"""Data and Problem: what is converted, what is kept, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.linear_model import LogisticRegression, Ridge
from truth import random_game

from assay import AssayError, Data, Problem

X = [[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]]


@given(hnp.arrays(float, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.floats(-1e6, 1e6)))
def test_features_are_kept_bit_for_bit(given_X):
    """Finite numbers come through unchanged, contiguous and read-only; the caller's array stays writable."""
    data = Data(given_X)
    assert data.X.tobytes() == np.ascontiguousarray(given_X).tobytes()
    assert data.X.flags.c_contiguous
    assert not data.X.flags.writeable
    assert given_X.flags.writeable
    assert data.ids.tolist() == list(range(len(given_X)))


@given(
    hnp.arrays(float, (4, 3), elements=st.floats(-9, 9)),
    st.integers(0, 11),
    st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_a_missing_or_infinite_feature_is_refused(array, where, bad):
    """One bad cell anywhere is found, and its row is named."""
    array.flat[where] = bad
    with pytest.raises(AssayError, match=rf"position {where // 3};"):
        Data(array)


@given(st.lists(st.text(max_size=3), min_size=1, max_size=8))
def test_row_keys_are_kept_or_refused_as_not_unique(ids):
    """Keys of text are kept as they are; any that occurs twice is refused."""
    rows = np.zeros((len(ids), 1))
    if len(set(np.array(ids).tolist())) == len(ids):
        assert Data(rows, ids=ids).ids.tolist() == np.array(ids).tolist()
    else:
        with pytest.raises(AssayError, match="more than once"):
            Data(rows, ids=ids)


def test_lists_and_frames_are_converted():
    """Nested lists, frames and series hold the same rows as arrays do."""
    frame = pd.DataFrame(X, columns=["a", "b"])
    data = Data(frame, pd.Series(["x", "y", "x"]), ids=pd.Index([7, 8, 9]), groups=pd.Series([1, 1, 2]))
    np.testing.assert_array_equal(data.X, X)
    assert data.y.tolist() == ["x", "y", "x"]
    assert data.y.dtype.kind == "U"
    assert (data.ids.tolist(), data.groups.tolist()) == ([7, 8, 9], [1, 1, 2])
    assert Data(frame.astype("Int64")).X.dtype == float


def test_taking_rows_takes_their_labels_keys_and_groups():
    """`take` keeps every column of a row together."""
    data = Data(X, ["a", "b", "c"], ids=[5, 6, 7], groups=["g", "h", "g"]).take(np.array([2, 0]))
    assert data.X.tolist() == [[2.0, 2.0], [0.0, 1.0]]
    assert (data.y.tolist(), data.ids.tolist(), data.groups.tolist()) == (["c", "a"], [7, 5], ["g", "g"])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Data([1.0, 2.0]), r"X has shape \(2,\); it needs two dimensions"),
        (lambda: Data(np.zeros((0, 2))), "at least one row"),
        (lambda: Data(np.zeros((2, 0))), "one column"),
        (lambda: Data([["a"], ["b"]]), "numbers only .*from_table"),
        (lambda: Data([[1.0], [1.0, 2.0]]), "numbers only"),
        (lambda: Data(X, [0, 1]), r"y has shape \(2,\); X has 3 rows, so it needs \(3,\)"),
        (lambda: Data(X, [[0], [1], [0]]), r"y has shape \(3, 1\)"),
        (lambda: Data(X, [0.0, np.nan, 1.0]), "y is missing or infinite at position 1"),
        (lambda: Data(X, ["a", None, "b"]), "y is missing at position 1"),
        (lambda: Data(X, np.array(["a", 1, "b"], object)), "mixes or holds int, str"),
        (lambda: Data(X, np.array(["2020", "2021", "2022"], "M8[Y]")), "type datetime64"),
        (lambda: Data(X, ids=["a", "b", "a"]), r"1 row\(s\) more than once, such as 'a'"),
        (lambda: Data(X, ids=[0.5, 1.5, 2.5]), "text or whole numbers"),
        (lambda: Data(X, groups=[1, 2]), "groups has shape"),
        (lambda: Problem(X), r"Problem\.train is list; wrap it"),
        (lambda: Problem(Data(X), X), r"Problem\.valid is list"),
        (lambda: Problem(Data(X), Data([[1.0]])), "1 feature columns, but train has 2"),
        (lambda: Problem(Data(X, [0, 1, 0]), Data(X, list("aba"))), "use one type"),
        (lambda: Problem(Data(X), score="acuracy"), "nearest are accuracy"),
        (lambda: Problem(Data(X), score=3), "scorer's name"),
        (lambda: Problem(Data(X), game=random_game(2, 0)), "2 players, but train has 3"),
        (lambda: Problem(Data(X), model="forest"), "not fitted"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(make, says):
    """Each misuse names the part, what is wrong with it, and what to do."""
    with pytest.raises(AssayError, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("y", "how", "kind"),
    [
        (["a", "b", "a"], {}, "class"),
        ([True, False, True], {}, "class"),
        ([0, 1, 2], {}, "class"),
        ([0.0, 1.0, 1.0], {}, "class"),
        ([0.5, 1.0, 1.0], {}, "number"),
        ([0, 1, 2], {"score": "r2"}, "number"),
        ([0, 1, 2], {"model": Ridge()}, "number"),
        ([0, 1, 2], {"model": LogisticRegression()}, "class"),
    ],
)
def test_labels_are_classes_or_numbers(y, how, kind):
    """Text is classes; a score or model for numbers, or a fraction among the labels, makes them numbers."""
    assert Problem(Data(X, y), **how).target_kind == kind


def test_a_table_becomes_a_problem_by_its_key():
    """Every row of a frame is valued under its key, and a part column keeps judges apart."""
    n = 40
    frame = pd.DataFrame(
        {"id": [f"r{i}" for i in range(n)], "x": np.arange(n) / 7, "y": ["a", "b"] * (n // 2)}
    )
    problem = Problem.from_table(frame, target="y", key="id")
    assert problem.train.ids.tolist() == frame["id"].tolist()
    assert problem.valid is None
    frame["use"] = ["train"] * 30 + ["value"] * 10
    judged = Problem.from_table(frame, target="y", key="id", part="use")
    assert judged.train.ids.tolist() == frame["id"].tolist()[:30]
    assert judged.valid.ids.tolist() == frame["id"].tolist()[30:]
