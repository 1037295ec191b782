"""CSV files: types that lose nothing, and one clear sentence for what cannot be read."""

from __future__ import annotations

import datetime
import gzip

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay._errors import AssayError
from assay.tables import load


def read(tmp_path, text, name="t.csv", **roles):
    """Write a file and load it."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path, number_rows=True, **roles)


@pytest.mark.parametrize(
    ("cells", "dtype", "values"),
    [
        (["1", "-20", "0"], "int64", [1, -20, 0]),
        (["1", "NA", "3"], "Int64", [1, pd.NA, 3]),
        (["1", " 2 ", "3.5"], "float64", [1.0, 2.0, 3.5]),
        (["1e3", ".5", "5."], "float64", [1000.0, 0.5, 5.0]),
        (["true", "False", "TRUE"], "bool", [True, False, True]),
        (["02139", "10001", "00501"], "str", ["02139", "10001", "00501"]),
        (["1234567890123456789", "1", "2"], "str", ["1234567890123456789", "1", "2"]),
        (["NA", "DE", "FR"], "str", ["NA", "DE", "FR"]),
        (["5' 4", "70", "165cm"], "str", ["5' 4", "70", "165cm"]),
        (["1,5", "2,5", "3,5"], "str", ["1,5", "2,5", "3,5"]),
        ([" a", "b ", "c"], "str", [" a", "b ", "c"]),
        (["2020-02-30", "2020-01-01", "2020-01-01"], "str", ["2020-02-30", "2020-01-01", "2020-01-01"]),
        (
            ["2020-02-29", "2020-01-01", "2020-01-01"],
            "object",
            [datetime.date(2020, 2, 29), *[datetime.date(2020, 1, 1)] * 2],
        ),
        (
            ["2020-01-01 10:00", "2020-01-01T10:00:01", "2020-01-01 10:00:01.5"],
            "datetime64[us]",
            [
                pd.Timestamp("2020-01-01 10:00"),
                pd.Timestamp("2020-01-01 10:00:01"),
                pd.Timestamp("2020-01-01 10:00:01.5"),
            ],
        ),
    ],
)
def test_a_column_gets_the_narrowest_type_that_keeps_every_cell(tmp_path, cells, dtype, values):
    """Codes keep their zeros, long numbers their digits, and typed text every character."""
    text = "a;b\n" + "".join(f"{cell};x{i}\n" for i, cell in enumerate(cells))
    column = read(tmp_path, text).frame["a"]
    assert str(column.dtype).replace("object", dtype if dtype == "str" else "object") == dtype
    assert column.tolist() == values


def test_empty_cells_are_missing_and_words_in_text_are_not(tmp_path):
    """An empty cell is missing in every column; "nan" is missing among numbers only."""
    frame = read(tmp_path, 'a,b,c\n1,,x\nnan,nan,""\n3,q,z\n').frame
    assert frame["a"].isna().tolist() == [False, True, False]
    assert frame["b"].fillna("-").tolist() == ["-", "nan", "q"]
    assert frame["c"].fillna("-").tolist() == ["x", "-", "z"]


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\r\0", codec="utf-8")), min_size=3, max_size=3),
        min_size=1,
        max_size=5,
    )
)
def test_text_comes_back_to_the_character(tmp_path_factory, rows):
    """Quotes, separators, newlines and every letter survive, whatever the cells hold."""
    rows = [[f"_{cell}" for cell in row] for row in rows]
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    pd.DataFrame(rows, columns=["a", "b", "c"]).to_csv(path, index=False, lineterminator="\n")
    assert load(path, number_rows=True).frame.values.tolist() == rows


@pytest.mark.parametrize(
    ("name", "mark"),
    [("t.csv", ","), ("t.csv", ";"), ("t.csv", "\t"), ("t.csv", "|"), ("t.tsv", "\t"), ("t.tsv", ",")],
)
def test_the_separator_is_the_one_that_the_header_holds(tmp_path, name, mark):
    """A CSV with semicolons is still a CSV."""
    frame = read(tmp_path, f"a{mark}b\n1{mark}x\n2{mark}y\n", name).frame
    assert frame.to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


def test_compressed_marked_windows_and_unnamed_files_read_alike(tmp_path):
    """Gzip, a byte order mark, CRLF and a header without a first name change nothing else."""
    expected = {"column_1": [0, 1], "b": ["x", "y"]}
    plain = ",b\n0,x\n1,y\n"
    for name, data in {
        "a.csv": plain.encode(),
        "b.csv.gz": gzip.compress(plain.encode()),
        "c.csv": b"\xef\xbb\xbf" + plain.encode(),
        "d.csv": plain.replace("\n", "\r\n").encode(),
    }.items():
        table = read(tmp_path, data, name)
        assert table.frame.to_dict("list") == expected
        assert table.name == name[0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"a,b\n", "has no rows"),
        (b"a,b\n1,x\n2,caf\xe9\n", "is not UTF-8: line 3 holds byte 0xe9 at position 13; convert it"),
        ("a,b\n1,2\n".encode("utf-16"), "is not UTF-8: line 1"),
        (b"a,b\n1,2\n1,2,3\n", "row 3 has 3 cells, the header .* has 2"),
        (b"a,b\n1,2\n1\n", "row 3 has 1 cells, the header .* has 2"),
        (b"a,b,a\n1,2,3\n", "has several columns 'a'"),
    ],
)
def test_a_bad_file_is_one_sentence_that_names_it(tmp_path, data, message):
    """What is wrong, where, and in which file; never a traceback of another library."""
    with pytest.raises(AssayError, match=message) as caught:
        read(tmp_path, data, "people.csv")
    assert "people" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_broken_archive_is_one_sentence(tmp_path):
    """A .gz that is none, or that was cut off, is named."""
    for data in (b"a,b\n1,2\n", gzip.compress(b"a,b\n1,2\n" * 1000)[:-20]):
        with pytest.raises(AssayError, match=r"t\.csv\.gz' cannot be read"):
            read(tmp_path, data, "t.csv.gz")
