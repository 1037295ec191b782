"""Twins: the same row, spelt or rounded in another way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.tables import load, twins


def wide(rows: list[dict[str, object]]):
    """Return a table of these rows among 300 others that no chance makes alike."""
    rng = np.random.default_rng(0)
    others = [
        {"a": rng.normal(), "b": f"w{rng.integers(10**6)}", "c": rng.normal(), "y": i % 2} for i in range(300)
    ]
    base = {"a": 1.23456, "b": "Main Street", "c": -7.0, "y": 0}
    return load(pd.DataFrame([base | row for row in rows] + others), target="y", number_rows=True)


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"b": "  main   STREET "},
        {"b": "\uff2dain Street"},
        {"a": 1.23461},
        {"a": 1.2349, "b": "MAIN street"},
        {"y": 1},
    ],
)
def test_spelling_rounding_and_the_label_do_not_tell_rows_apart(row):
    """Case, blanks, compatible letters, the fifth digit and the target are no difference."""
    found = twins(wide([{}, row]))
    assert found[0] == found[1] == 0
    assert len(set(found[2:])) == 300


@pytest.mark.parametrize(
    "row", [{"a": 1.2360}, {"a": -1.23456}, {"a": None}, {"b": "Main Stret"}, {"b": None}, {"c": 7.0}]
)
def test_another_value_makes_another_row(row):
    """The fourth digit, the sign, a missing cell and another word are a difference."""
    found = twins(wide([{}, row]))
    assert len(set(found)) == len(found)


def test_missing_equals_missing_and_zero_equals_minus_zero():
    """Two rows that both lack a cell are twins; so are 0 and -0."""
    found = twins(wide([{"a": None, "c": 0.0}, {"a": np.nan, "c": -0.0}]))
    assert found[0] == found[1]


def test_numbers_typed_as_text_compare_as_numbers_and_the_rest_as_text():
    """The text 70.0 is the number 70, but two different jokes are not the same height."""
    rng = np.random.default_rng(1)
    heights = ["70", "70.0", ">9000", "yyy", *(f"{h:.3f}" for h in rng.normal(68, 4, 200))]
    other = [1.0, 1.0, 2.0, 2.0, *rng.normal(size=200)]
    frame = pd.DataFrame({"h": heights, "x": other, "y": ["m", "f"] * 102})
    found = twins(load(frame, target="y", number_rows=True))
    assert found[0] == found[1]
    assert found[2] != found[3]


def test_vectors_are_rounded_too():
    """Two embeddings that differ in the sixth digit are the same text."""
    rng = np.random.default_rng(2)
    vectors = list(rng.normal(size=(50, 4)))
    vectors.append(vectors[7] * (1 + 1e-9))
    found = twins(load(pd.DataFrame({"v": vectors, "y": [0, 1, 1] * 17}), target="y", number_rows=True))
    assert found[50] == found[7] == 7
    assert len(set(found)) == 50


def test_coarse_features_make_no_twins():
    """Where equal rows are to be expected by chance, being equal says nothing."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"a": rng.integers(0, 5, 200), "b": rng.integers(0, 5, 200), "y": rng.integers(0, 2, 200)}
    )
    found = twins(load(frame, target="y", number_rows=True))
    assert found.tolist() == list(range(200))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_twins_are_an_equivalence_that_ignores_the_order_of_rows(copies, random):
    """Pairs are twins exactly when they were made as copies, in every order of rows."""
    rng = np.random.default_rng(4)
    originals = [(x, f"n{i}") for i, x in enumerate(rng.normal(size=41))]
    rows = list(range(41)) + copies
    random.shuffle(rows)
    frame = pd.DataFrame([originals[i] for i in rows], columns=["x", "name"]).assign(
        z=[i * 1.7 for i in rows]
    )
    found = twins(load(frame, number_rows=True, features=["x", "name", "z"]))
    np.testing.assert_array_equal(np.equal.outer(found, found), np.equal.outer(rows, rows))


def test_many_copies_do_not_excuse_themselves():
    """One row copied twenty times, and a whole table copied three times, are copies and no coincidence."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60)})
    for rows in ([*range(60), *[0] * 20], [*range(60)] * 3):
        found = twins(load(frame.iloc[rows], number_rows=True, features=["a", "b"]))
        assert found.tolist() == rows


def test_one_coarse_number_makes_no_twins():
    """People of the same height are not the same person."""
    heights = np.random.default_rng(8).integers(60, 80, 500)
    found = twins(load(pd.DataFrame({"height": heights}), number_rows=True))
    assert found.tolist() == list(range(500))
