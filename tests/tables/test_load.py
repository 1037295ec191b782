"""One table is the same table from wherever it is loaded."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay._errors import AssayError
from assay.tables import load

ROWS = {
    "id": [3, 1, 2],
    "whole": [1, None, 3],
    "real": [0.5, None, 2.5],
    "text": ["a", None, "é"],
    "day": [datetime.date(2020, 1, 1), None, datetime.date(2020, 1, 3)],
    "truth": [True, None, False],
    "price": [Decimal("1.10"), None, Decimal("2.20")],
    "vector": [[1.0, 2.0], None, [3.0, 4.0]],
    "y": ["no", "yes", "no"],
}


def cells(frame: pd.DataFrame) -> dict[str, list]:
    """Return the cells with one word for missing and plain lists for vectors."""

    def plain(cell):
        if isinstance(cell, list | np.ndarray):
            return [float(x) for x in cell]
        return None if pd.isna(cell) else cell

    return {str(column): [plain(cell) for cell in values.tolist()] for column, values in frame.items()}


@pytest.mark.parametrize("maker", [pl.DataFrame, pa.table, lambda rows: pa.Table.to_pandas(pa.table(rows))])
def test_every_frame_gives_the_same_cells(maker):
    """Polars, Arrow and pandas hold the same rows, so they load as the same rows."""
    table = load(maker(ROWS))
    assert cells(table.frame) == ROWS
    assert table.frame.index.equals(pd.RangeIndex(3))
    assert table.roles.key == ("id",)


def test_whole_numbers_stay_whole_where_some_are_missing(tmp_path):
    """An integer column with a gap is not a column of floats, from Arrow or Parquet."""
    pq.write_table(pa.table(ROWS), tmp_path / "t.parquet")
    for source in (pa.table(ROWS), tmp_path / "t.parquet", str(tmp_path / "t.parquet")):
        frame = load(source).frame
        assert str(frame["whole"].dtype) == "Int64"
        assert cells(frame) == ROWS


def test_a_pandas_frame_is_copied_in_name_only_and_never_changed():
    """Types are the user's own, and the user's frame stays as it was."""
    mine = pd.DataFrame({"x": np.array([1, 2], dtype="int8"), 5: ["a", "b"]}, index=[9, 4])
    before = mine.copy(deep=True)
    table = load(mine, number_rows=True)
    assert str(table.frame["x"].dtype) == "int8"
    assert table.frame.columns.tolist() == ["x", "5"]
    assert table.frame.index.tolist() == [0, 1]
    pd.testing.assert_frame_equal(mine, before)


def test_a_named_index_becomes_a_column():
    """Keys kept in the index are keys."""
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]}, index=pd.Index(["a", "b"], name="id"))
    assert load(frame).keys.tolist() == ["a", "b"]


def test_source_order_is_kept():
    """Files and frames are read in the order in which they stand."""
    assert load(pa.table(ROWS)).keys.tolist() == ["3", "1", "2"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing.csv", "file 'missing.csv' does not exist"),
        (".", "is a directory"),
        ("postgresql://host/db", "a database URL is duckdb:///absolute/path"),
        ("duckdb://relative.duckdb", "a database URL is duckdb:///absolute/path"),
        ("duckdb:///no/such.duckdb?table=t", "file '/no/such.duckdb' does not exist"),
        ([1, 2], "cannot read a list as a table"),
        (pl.LazyFrame({"a": [1]}), "cannot read a LazyFrame as a table"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'frame' has several columns 'a'"),
        (pd.DataFrame([[1, 2]], columns=["1", 1]), "'frame' has several columns '1'"),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "several levels"),
        (pd.DataFrame({"a": []}), "table 'frame' has no rows"),
    ],
)
def test_what_cannot_be_loaded_is_one_sentence(source, message):
    """Wrong paths, URLs, objects and column names are said plainly."""
    with pytest.raises(AssayError, match=message):
        load(source, number_rows=True)


def test_files_of_another_kind_are_named(tmp_path):
    """An unknown ending, and a Parquet file that is none, are one sentence each."""
    for name, message in {
        "t.xlsx": "is of no known kind",
        "t": "is of no known kind",
        "t.parquet": "cannot be read as Parquet",
    }.items():
        (tmp_path / name).write_text("hello")
        with pytest.raises(AssayError, match=message):
            load(tmp_path / name)


def test_a_table_is_named_in_databases_only(tmp_path):
    """table= for a file that holds one table is a mistake, and said to be."""
    (tmp_path / "t.csv").write_text("id,y\n1,a\n2,b\n")
    with pytest.raises(AssayError, match="'u' was named, but the source is no database"):
        load(tmp_path / "t.csv", table="u")
