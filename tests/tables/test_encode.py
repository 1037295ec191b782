"""The encoder: fitted on the rows given, finite whatever the cells hold."""

from __future__ import annotations

import datetime
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay._errors import AssayError
from assay.tables import Encoder, Roles, guess_roles


def encoder(frame: pd.DataFrame, **kinds: str) -> Encoder:
    """Return an encoder of all columns of `frame`, fitted on it."""
    guessed = guess_roles(frame, number_rows=True, features=tuple(frame.columns), kinds=kinds).kinds
    return Encoder(Roles((), None, tuple(frame.columns), kinds=guessed)).fit(frame)


def mixed(n: int, seed: int = 0) -> pd.DataFrame:
    """Return n rows with a column of every kind, some of them missing."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=n),
            "typed": [f"{x:.2f}" for x in rng.normal(size=n)],
            "town": rng.choice(["Riga", "Oslo", "Lima"], n),
            "street": [f"street {i}" for i in rng.integers(0, 100, n)],
            "note": [
                " ".join(rng.choice(["warm", "cold", "house", "road", "green", "blue"], 6)) for _ in range(n)
            ],
            "day": pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
            "truth": rng.random(n) < 0.5,
        }
    )
    frame = frame.mask(pd.DataFrame(rng.random(frame.shape) < 0.05, columns=frame.columns))
    return frame.assign(vector=list(rng.normal(size=(n, 3))))


KINDS = {
    "number": "number",
    "typed": "number",
    "town": "category",
    "street": "category",
    "note": "text",
    "day": "date",
    "truth": "boolean",
    "vector": "vector",
}
ROLES = Roles((), None, tuple(KINDS), kinds=KINDS)


def test_numbers_are_centred_and_scaled_by_the_rows_fitted_on():
    """A number becomes its distance from the mean in standard deviations, written out or stored."""
    train = pd.DataFrame({"a": [1.0, 2.0, 6.0], "b": ["1", "2", "6"]})
    made = encoder(train).transform(pd.DataFrame({"a": [3.0, 5.0], "b": ["3", " 5.0 "]}))
    deviation = np.std([1.0, 2.0, 6.0])
    np.testing.assert_allclose(made, np.repeat([[0.0], [2.0 / deviation]], 2, axis=1), atol=1e-12)


def test_missing_numbers_become_the_median_and_are_marked():
    """A gap is filled from the training rows and leaves a trace of its own."""
    train = pd.DataFrame({"a": [0.0, 10.0, None, 20.0, 70.0]})
    fitted = encoder(train)
    assert fitted.columns == ["a", "a"]
    made = fitted.transform(pd.DataFrame({"a": [None, 15.0]}, dtype=float))
    assert made[0, 0] == made[1, 0]
    assert made[0, 1] > 0 > made[1, 1]


def test_categories_are_told_apart_and_unknown_ones_are_none():
    """Equal values get equal rows, different ones different rows; a new value is none of the old ones."""
    fitted = encoder(pd.DataFrame({"c": ["a", "b", "b", None]}))
    a, b, missing, new = fitted.transform(pd.DataFrame({"c": ["a", "b", None, "new"]}))
    rows = [a, b, missing, new]
    assert len({row.tobytes() for row in rows}) == 4
    for row, marks in zip(rows, ([1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]), strict=True):
        assert (row > 0).astype(int).tolist() == marks


def test_codes_stay_categories():
    """Numerals given as a category are not measured, and 1 is not 1.0."""
    fitted = encoder(pd.DataFrame({"c": ["1", "1.0", "2", "3"]}), c="category")
    assert len(fitted.columns) == 4


def test_a_category_has_at_most_forty_dimensions():
    """Rare values share one dimension, with values never seen."""
    values = [f"v{i}" for i in range(60) for _ in range(60 - i)]
    fitted = encoder(pd.DataFrame({"c": values}))
    assert fitted.columns == ["c"] * 40
    rare, new, common = fitted.transform(pd.DataFrame({"c": ["v59", "never", "v0"]}))
    np.testing.assert_array_equal(rare, new)
    assert not np.array_equal(rare, common)


def test_one_wild_cell_is_no_farther_than_three_deviations():
    """A typing error cannot outweigh all other rows."""
    fitted = encoder(pd.DataFrame({"a": [70.0, 68.0, 66.0, 72.0]}))
    assert fitted.transform(pd.DataFrame({"a": [1e300, -np.inf]}))[:, 0].tolist() == [3.0, 0.0]


def test_a_vector_is_its_numbers():
    """A vector of width three has three dimensions, and a missing one is the median and marked."""
    frame = pd.DataFrame({"v": [np.array([0.0, 1.0, 5.0]), np.array([2.0, 1.0, 7.0])]})
    fitted = encoder(frame)
    assert fitted.columns == ["v"] * 3
    np.testing.assert_allclose(fitted.transform(frame), [[-1, 0, -1], [1, 0, 1]])
    with pytest.raises(AssayError, match="'v' holds vectors of 3 and of 2 numbers"):
        fitted.transform(pd.DataFrame({"v": [[1.0, 2.0]]}))


def test_only_the_rows_fitted_on_decide_how_a_row_is_encoded():
    """Whatever else is encoded with them, in whatever order, the training rows stay where they are."""
    train, other = mixed(120), mixed(80, seed=1)
    fitted = Encoder(ROLES).fit(train)
    alone = fitted.transform(train)
    together = fitted.transform(pd.concat([other, train], ignore_index=True))
    np.testing.assert_array_equal(together[len(other) :], alone)
    np.testing.assert_array_equal(Encoder(ROLES).fit(train).transform(other), together[: len(other)])


def test_columns_name_the_source_of_each_dimension():
    """Changing one column moves the dimensions that are said to be its, and no others."""
    train = mixed(150)
    fitted = Encoder(ROLES).fit(train)
    base = fitted.transform(train)
    names = np.array(fitted.columns)
    assert list(dict.fromkeys(fitted.columns)) == list(KINDS)
    assert base.shape == (150, len(names))
    for column in KINDS:
        changed = train.assign(**{column: train[column].iloc[::-1].to_list()})
        moved = (fitted.transform(changed) != base).any(axis=0)
        assert set(names[moved]) == {column}


def test_dimensions_have_mean_zero_and_deviation_one_over_the_rows_fitted_on():
    """Standardised, but for constants, which are zero, and wild cells, which are cut."""
    made = Encoder(ROLES).fit(mixed(300)).transform(mixed(300))
    uncut = np.abs(made).max(axis=0) < 3
    assert uncut.sum() > 20
    np.testing.assert_allclose(made[:, uncut].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(made[:, uncut].std(axis=0), 1, atol=1e-6)


def test_polars_and_pandas_rows_are_encoded_alike():
    """The frame's library makes no difference."""
    frame = mixed(60)
    fitted = Encoder(ROLES).fit(frame)
    np.testing.assert_array_equal(fitted.transform(pl.from_pandas(frame)), fitted.transform(frame))


cell = st.one_of(
    st.none(),
    st.floats(),
    st.integers(),
    st.text(max_size=8),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.just(pd.NA),
    st.just(np.nan),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(cell, min_size=1, max_size=12),
    st.lists(cell, min_size=1, max_size=12),
    st.sampled_from(["number", "category", "text", "date", "boolean"]),
)
def test_any_cells_of_any_kind_become_finite_numbers_without_a_warning(train, other, kind):
    """Nulls, infinities, huge integers, empty text, one row: finite, C-ordered, within three deviations."""
    roles = Roles((), None, ("a", "b"), kinds={"a": kind, "b": "number"})
    train, other = (pd.DataFrame({"a": pd.Series(cells, dtype=object), "b": 1.0}) for cells in (train, other))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = Encoder(roles).fit(train).transform(other)
    assert made.dtype == np.float64
    assert made.flags.c_contiguous
    assert made.shape[0] == len(other)
    assert np.abs(made).max() <= 3


def test_dates_of_every_storage_are_the_same_dates():
    """Text, date objects and timestamps with and without a zone encode alike."""
    days = pd.date_range("2020-01-01", periods=30, freq="40D")
    as_text = pd.Series([str(d.date()) for d in days])
    as_dates = pd.Series([d.date() for d in days], dtype=object)
    expected = encoder(pd.DataFrame({"d": as_text})).transform(pd.DataFrame({"d": as_text}))
    assert expected.shape[1] > 1
    for column in (
        as_dates,
        pd.Series(days),
        pd.Series(days.tz_localize("UTC")),
        pd.Series([datetime.datetime(d.year, d.month, d.day) for d in days], dtype=object),
    ):
        fitted = encoder(pd.DataFrame({"d": column}))
        np.testing.assert_array_equal(fitted.transform(pd.DataFrame({"d": column})), expected)


@pytest.mark.parametrize(
    ("features", "frame", "message"),
    [
        ((), pd.DataFrame({"a": [1]}), "no column is a feature"),
        (("b",), pd.DataFrame({"a": [1]}), "feature 'b' is not in the frame"),
        (("a",), pd.DataFrame({"a": []}), "no row to encode"),
    ],
)
def test_nothing_to_encode_is_one_sentence(features, frame, message):
    """No feature, no column, no row."""
    with pytest.raises(AssayError, match=message):
        Encoder(Roles((), None, features, kinds={"a": "number", "b": "number"})).fit(frame)


def test_text_without_a_word_is_nothing_to_learn_from():
    """A text column that is empty in all training rows has no dimension."""
    frame = pd.DataFrame({"t": ["", None, "  "], "x": [1.0, 2.0, 3.0]})
    assert Encoder(Roles((), None, ("t", "x"), kinds={"t": "text", "x": "number"})).fit(frame).columns == [
        "x"
    ]
    with pytest.raises(AssayError, match="nothing to learn from"):
        Encoder(Roles((), None, ("t",), kinds={"t": "text"})).fit(frame)
