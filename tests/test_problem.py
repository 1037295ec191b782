"""Data and Problem: what is converted, what is kept, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import coo_array, csc_matrix, csr_array, random_array
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


def test_float32_stays_and_other_numbers_become_float64():
    """Half the memory where it was given; whole numbers and booleans are made floats."""
    for kind, kept in ((np.float32, np.float32), (np.float16, float), (int, float), (bool, float)):
        data = Data(np.array(X, kind))
        assert data.X.dtype == kept
        assert data.X.flags.c_contiguous
        assert data.dense.dtype == float
        np.testing.assert_array_equal(data.dense, np.array(X, kind))
        assert Data(coo_array(np.array(X, kind))).X.dtype == kept if kind is not np.float16 else True


@pytest.mark.parametrize("kind", [np.float32, float])
@pytest.mark.parametrize("make", [csr_array, csc_matrix, coo_array])
def test_sparse_features_are_kept_as_csr(make, kind):
    """Any format becomes CSR, read-only, of the same numbers; the caller's matrix is untouched."""
    dense = random_array((7, 9), density=0.3, rng=np.random.default_rng(0)).toarray().astype(kind)
    given_X = make(dense)
    data = Data(given_X, np.arange(7))
    assert isinstance(data.X, csr_array)
    assert data.X.dtype == kind
    np.testing.assert_array_equal(data.dense, dense)
    assert data.dense.dtype == float
    with pytest.raises(ValueError, match="read-only"):
        data.X.data[0] = 1.0
    given_X.data[:] = 5.0
    np.testing.assert_array_equal(data.X.toarray(), dense)
    np.testing.assert_array_equal(data.take(np.array([4, 1])).dense, dense[[4, 1]])


def test_sparse_rows_that_are_equal_become_equal_arrays():
    """Columns out of order, cells given in parts and stored zeros are put in one form."""
    values, columns = [3.0, 1.0, 2.0, 0.0, 6.0, 4.0, -4.0], [2, 0, 0, 1, 2, 3, 3]
    messy = csr_array((values, columns, [0, 4, 7]), shape=(2, 4))
    X = Data(messy).X
    assert X.indices.tolist() == [0, 2, 2]
    assert X.data.tolist() == [3.0, 3.0, 6.0]
    assert X.has_canonical_format
    assert messy.nnz == 7


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 3, 6])
def test_a_sparse_cell_that_is_not_finite_is_refused_with_its_row(row, bad):
    """Empty rows before it do not move its position."""
    dense = np.zeros((7, 4))
    dense[[0, 3], 1] = 1.0
    dense[row, 2] = bad
    with pytest.raises(AssayError, match=rf"missing or infinite value, the first at position {row};"):
        Data(csr_array(dense))


def test_several_labels_a_row_are_columns_of_numbers_or_booleans():
    """`y` of shape (n, labels) is kept and taken along; text in columns, or one column alone, is refused."""
    y = np.array([[0, 1], [1, 1], [1, 0]])
    assert Data(X, y).take(np.array([2, 0])).y.tolist() == [[1, 0], [0, 1]]
    assert Problem(Data(X, y)).classes.tolist() == [0, 1]
    assert Problem(Data(X, y.astype(bool))).target_kind == "class"
    assert Problem(Data(X, y / 3)).target_kind == "number"
    for wrong in (y[:, :1], y[:2], y.astype(str), y[None]):
        with pytest.raises(AssayError, match=r"Data\.y has shape"):
            Data(X, wrong)
    with pytest.raises(AssayError, match="position 1;"):
        Data(X, [[0.0, 1.0], [1.0, np.nan], [0.0, 0.0]])
    with pytest.raises(AssayError, match=r"train have shape \(3, 2\) and those of valid \(3,\)"):
        Problem(Data(X, y), Data(X, [0, 1, 0]))


def test_sparse_rows_too_many_to_be_dense_are_refused_where_that_is_asked():
    """More than 4 GiB are not made; a method that takes sparse rows never asks."""
    data = Data(csr_array((1 << 20, 1 << 10)))
    with pytest.raises(AssayError, match=r"shape \(1048576, 1024\).* more than 4 GiB; reduce its columns"):
        _ = data.dense


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
        (lambda: Data(csr_array((0, 2))), "at least one row"),
        (lambda: Data(csr_array(np.eye(2, dtype=complex))), "sparse, of type complex128; it needs numbers"),
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


@pytest.mark.parametrize("rows", [[3], [-4], [0.5], ["a"], [True, False]])
def test_positions_that_are_none_are_refused(rows):
    """`take` says how many rows there are, and what was asked for."""
    with pytest.raises(AssayError, match=r"Data\.take got what is no position among 3 rows"):
        Data(X, [0, 1, 0]).take(rows)
