"""Row keys, and that they survive."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest

from assay.tables import load


def test_one_key_column_is_its_text_and_several_are_a_json_array():
    """Keys are canonical text, with integers and strings told apart where several columns make one key."""
    frame = pd.DataFrame({"a": [1, 1, 2], "b": ["x", 'y"', "ž"], "y": [0, 1, 0]})
    assert load(frame, key="b").keys.tolist() == ["x", 'y"', "ž"]
    several = load(frame, key=["a", "b"]).keys.tolist()
    assert several == ['[1, "x"]', '[1, "y\\""]', '[2, "ž"]']
    assert [json.loads(key) for key in several] == frame[["a", "b"]].values.tolist()


@pytest.mark.parametrize("dtype", ["int64", "Int32", "uint8", object])
def test_the_key_of_a_row_does_not_depend_on_how_integers_are_stored(dtype):
    """The same id is the same key in every integer type."""
    frame = pd.DataFrame({"id": pd.Series([7, 8], dtype=dtype), "z": [1, 1], "y": [0, 1]})
    assert load(frame, key="id").keys.tolist() == ["7", "8"]
    assert load(frame, key=["id", "z"]).keys.tolist() == ["[7, 1]", "[8, 1]"]


def test_taken_rows_keep_their_keys():
    """Rows are renumbered in the frame, never in their keys, whether taken by position or by mask."""
    keyed = load(pd.DataFrame({"id": ["a", "b", "c", "d"], "y": [0, 1, 0, 1]}))
    numbered = load(pd.DataFrame({"x": [5.0, 6.0, 7.0, 8.0], "y": [0, 1, 0, 1]}), number_rows=True)
    for table, keys in ((keyed, ["a", "b", "c", "d"]), (numbered, ["0", "1", "2", "3"])):
        assert table.keys.tolist() == keys
        twice = table.take([3, 1, 2]).take(np.array([True, False, True]))
        assert twice.keys.tolist() == [keys[3], keys[2]]
        assert twice.frame.index.tolist() == [0, 1]
        pd.testing.assert_frame_equal(twice.frame, table.frame.iloc[[3, 2]].reset_index(drop=True))


def test_other_cells_keep_the_names_of_their_rows():
    """with_frame changes cells and nothing else; the original stays as it was."""
    table = load(pd.DataFrame({"x": [5.0, 6.0], "y": [0, 1]}), number_rows=True).take([1])
    other = table.with_frame(table.frame.assign(x=9.0))
    assert (other.keys.tolist(), other.frame["x"].tolist(), table.frame["x"].tolist()) == (
        ["1"],
        [9.0],
        [6.0],
    )


def test_a_table_can_go_to_another_process():
    """Parallel experts receive tables by pickle."""
    table = load(pd.DataFrame({"id": [1, 2], "y": ["a", "b"]}))
    again = pickle.loads(pickle.dumps(table))
    assert again.roles == table.roles
    assert again.keys.tolist() == table.keys.tolist()
