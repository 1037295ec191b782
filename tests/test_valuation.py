"""Valuation: order, shares, and the file it is kept in."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from assay import AssayError, Status, Valuation

NUMBERS = st.floats(-1e9, 1e9)
SOME = Valuation(np.array([0.2, -0.5, 0.2, 0.0]), ids=np.array(["a", "b", "c", "d"]))


def test_lowest_and_highest_break_ties_by_row():
    """Positions, not keys; equal values come in row order both ways."""
    assert SOME.ranking().tolist() == [1, 3, 0, 2]
    assert SOME.lowest(2).tolist() == [1, 3]
    assert SOME.highest(3).tolist() == [0, 2, 3]
    assert SOME.ids[SOME.lowest(1)].tolist() == ["b"]
    assert SOME.lowest(9).tolist() == SOME.ranking().tolist()


def test_scores01_by_hand():
    """The share of rows worth less, ties counted half."""
    np.testing.assert_allclose(SOME.scores01(), [(2 + 1) / 4, 0.5 / 4, (2 + 1) / 4, 1.5 / 4])


@given(hnp.arrays(float, st.integers(1, 30), elements=NUMBERS))
def test_scores01_are_shares_in_the_order_of_the_values(values):
    """They lie strictly within 0..1, and compare as the values do."""
    scores = Valuation(values).scores01()
    assert ((scores > 0) & (scores < 1)).all()
    np.testing.assert_array_equal(
        np.sign(np.subtract.outer(scores, scores)), np.sign(np.subtract.outer(values, values))
    )


@given(
    hnp.arrays(float, 5, elements=NUMBERS),
    st.none() | hnp.arrays(float, 5, elements=st.floats(0, 9)),
    st.none() | hnp.arrays(float, (5, 3), elements=st.floats(-9, 9) | st.just(np.nan)),
    st.sampled_from([[3, 1, 2, 9, 0], ["é", "", "a'b", "10", "01"]]),
    st.sampled_from(list(Status)),
)
def test_a_file_keeps_every_bit(values, stderr, per_valid, ids, status):
    """What is saved is loaded: values, errors, keys of whole numbers or text, and the facts."""
    one = Valuation(values, stderr, per_valid, np.array(ids), 7, 3, 1.5, status, "KNNShapley", "because")
    with TemporaryDirectory() as folder:
        one.save(Path(folder) / "v.parquet")
        two = Valuation.load(Path(folder) / "v.parquet")
    for name in ("values", "stderr", "per_valid"):
        a, b = getattr(one, name), getattr(two, name)
        assert (a is None) == (b is None)
        if a is not None:
            assert a.shape == b.shape
            assert a.tobytes() == b.tobytes()
    assert two.ids.tolist() == ids
    facts = ("evals", "draws", "seconds", "status", "method", "why")
    assert [getattr(one, f) for f in facts] == [getattr(two, f) for f in facts]


def test_what_is_no_valuation_is_not_loaded(tmp_path):
    """No file, no Parquet and a Parquet of something else are refused by name."""
    with pytest.raises(AssayError, match=r"none\.parquet"):
        Valuation.load(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("not a table")
    with pytest.raises(AssayError, match="cannot be read as a Parquet file"):
        Valuation.load(tmp_path / "text.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(AssayError, match="holds no valuation"):
        Valuation.load(tmp_path / "other.parquet")


def test_a_frame_has_a_row_a_key():
    """Indexed by key, in row order, with the rank from the lowest."""
    frame = SOME.to_frame()
    assert frame.index.tolist() == ["a", "b", "c", "d"]
    assert frame.index.name == "id"
    assert frame["rank"].tolist() == [3, 1, 4, 2]
    assert frame["value"].tolist() == SOME.values.tolist()
    assert frame["stderr"].isna().all()


def test_a_plot_holds_every_row_once():
    """The bars of the histogram add up to the rows, and those below 0 are told apart."""
    chart = json.loads(Valuation(np.linspace(-1, 2, 500), method="Shapley").plot().to_json())
    bars = next(iter(chart["datasets"].values()))
    assert sum(bar["rows"] for bar in bars) == 500
    assert {bar["sign"] for bar in bars if bar["high"] <= 0} == {"harms"}
    assert chart["title"] == "Shapley"


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"values": np.array([0.0, np.nan])}, "finite"),
        ({"values": np.zeros((2, 2))}, "one for each row"),
        ({"values": np.zeros(2), "stderr": np.zeros(3)}, "stderr has 3 rows"),
        ({"values": np.zeros(2), "stderr": np.array([0, -1.0])}, "at least 0"),
        ({"values": np.zeros(2), "per_valid": np.zeros((3, 2))}, "per_valid has 3 rows"),
        ({"values": np.zeros(2), "ids": np.arange(1)}, "ids has 1 rows"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts, says):
    """A valuation cannot hold rows of different numbers, or values that are none."""
    with pytest.raises(AssayError, match=says):
        Valuation(**parts)


def test_it_shows_itself_in_a_line():
    """Method, span and what to do next; not the arrays."""
    assert repr(Valuation(np.array([1.0, 2.0]), method="Random", status=Status.exact)) == (
        "Valuation(Random: 2 values 1 .. 2; Complete: no further evaluation would change these values.)"
    )
