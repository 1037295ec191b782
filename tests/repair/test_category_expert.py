"""The closed-domain expert on tables whose errors were planted."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.repair.experts._expert import Candidate
from assay.repair.experts.category import CategoryExpert
from assay.tables import Roles, Table

RNG = np.random.default_rng(0)


def table(frame: pd.DataFrame, target: str | None = None, **kinds: str) -> Table:
    """A table of categories whose every column but the target is a feature."""
    features = tuple(str(column) for column in frame.columns if column != target)
    of = {str(column): kinds.get(str(column), "category") for column in frame.columns}
    return Table("t", frame, Roles((), target, features, None, None, of, {}))


def propose(frame: pd.DataFrame, **kinds: str) -> list[Candidate]:
    """Candidates for a table of features alone."""
    return CategoryExpert().propose(table(frame, **kinds), np.random.default_rng(0))


def cities(copies: int = 8) -> pd.DataFrame:
    """Twelve codes that settle a city, which settles a region; exact, every row several times."""
    codes = [f"{c}{i}" for c in "pqrs" for i in (17, 28, 39)]
    names = ["Aarhus", "Bergen", "Coimbra", "Dresden", "Esbjerg", "Firenze"]
    rows = [(code, names[i // 2], "north" if i < 6 else "south") for i, code in enumerate(codes)]
    return pd.DataFrame(rows * copies, columns=["code", "city", "region"])


def sure(candidates: list[Candidate], bar: float = 0.5) -> dict[tuple[int, str], object]:
    """Cell -> new value of the most confident candidate, where that is above the bar."""
    ordered = sorted(candidates, key=lambda c: c.confidence)
    return {(c.row, c.column): c.new for c in ordered if c.confidence > bar}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 95), st.integers(0, 5))
def test_planted_city_is_restored_and_nothing_else(row, other):
    """One wrong city leads to its own cell, or to those it contradicts; never to another row."""
    frame = cities()
    names = frame["city"].unique()
    truth = frame.loc[row, "city"]
    if names[other] == truth:
        return
    frame.loc[row, "city"] = names[other]
    found = sure(propose(frame), 0.3)
    rivals = {(row, "code"), (row, "region")}  # with two columns in play either side may be the wrong one
    assert found.get((row, "city"), truth) == truth
    assert (row, "city") in {(c.row, c.column) for c in propose(frame)}
    assert set(found) <= {(row, "city")} | rivals


def redundant(copies: int = 8) -> pd.DataFrame:
    """Five columns that all name the same twelve things."""
    base = cities(copies)
    for name in ("phone", "street", "owner"):
        base[name] = name + base["code"].str[::-1]
    return base.drop(columns=["city", "region"])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 95), st.sampled_from(["code", "phone", "street", "owner"]), st.data())
def test_planted_error_among_redundant_columns(row, column, data):
    """Where several columns name a thing, a cell exchanged for any other value is restored, and it alone."""
    frame = redundant()
    truth = frame.loc[row, column]
    frame.loc[row, column] = data.draw(st.sampled_from([v for v in frame[column].unique() if v != truth]))
    assert sure(propose(frame)) == {(row, column): truth}


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.integers(0, 95), st.integers(0, 5), min_size=1, max_size=5))
def test_planted_slips_are_restored(plants):
    """An x in a name, in up to five rows at once, is taken out again, and nothing else changes."""
    frame = redundant()
    truth = {}
    for row, at in plants.items():
        right = frame.loc[row, "street"]
        truth[row, "street"] = right
        frame.loc[row, "street"] = right[:at] + "x" + right[at + 1 :]
    assert sure(propose(frame)) == truth


def test_missing_cell_is_filled_by_its_group():
    """An empty cell that another column settles is filled; the same for a blank string and NaN."""
    frame = redundant()
    truth = {(5, "phone"): frame.loc[5, "phone"], (40, "owner"): frame.loc[40, "owner"]}
    frame.loc[5, "phone"], frame.loc[40, "owner"] = None, "  "
    found = [c for c in propose(frame) if c.kind == "missing"]
    assert sure(found) == truth


def test_missing_cell_without_a_rule_stays_missing():
    """A frequent value alone is no reason to fill an empty cell."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame({"a": rng.choice(["u", "v"], 300), "b": np.where(rng.random(300) < 0.95, "m", "n")})
    frame.loc[:20, "b"] = None
    assert [c for c in propose(frame) if c.kind == "missing"] == []


def test_clean_table_is_left_alone():
    """On exact tables, and on a table of independent columns, nothing is proposed above one half."""
    rng = np.random.default_rng(1)
    noise = pd.DataFrame({c: rng.choice(list("uvwxyz"), 2_000) for c in "abcdef"})
    for frame in (cities(), redundant(), noise):
        assert sure(propose(frame)) == {}


def test_systematic_swap_is_told_apart_by_the_other_columns():
    """A value of two one-to-one columns that is often miswritten is repaired in the column where it was."""
    rng = np.random.default_rng(7)
    n = 3_000
    kind = rng.integers(0, 12, n)
    frame = pd.DataFrame(
        {
            "name": [f"kind {chr(97 + k)}" for k in kind],
            "number": kind,
            "habit": np.where(rng.random(n) < 0.5, kind, rng.integers(0, 12, n)).astype(str),
        }
    )
    wrong = (kind == 2) & (rng.random(n) < 0.5)
    frame.loc[wrong, "number"] = 7  # half of the rows of one kind bear the number of another
    found = sure(propose(frame, number="number"))
    truth = {(row, "number"): 2 for row in np.flatnonzero(wrong).tolist()}
    assert len(found.items() & truth.items()) > 0.9 * len(truth)
    assert len(found.items() - truth.items()) < 0.1 * len(truth)


def test_exception_of_a_whole_region_is_no_error():
    """Where all rows of some kind break a rule, the rule does not hold for them; no row is rewritten."""
    frame = pd.DataFrame({"measure": [f"m{chr(97 + i % 20)}" for i in range(800)]})
    frame["state"] = np.where(np.arange(800) >= 780, "ak", "al")
    frame["average"] = frame["state"] + "_" + frame["measure"]
    assert sure(propose(frame)) == {}


def test_a_like_name_that_does_not_suit_the_row_is_no_slip():
    """A rare name one letter from a frequent one is kept where the rest of its row belongs to neither."""
    states = ["maine", "ohio", "utah", "iowa", "texas"]
    names = [
        "portland",
        "ashton",
        "kirkby",
        "woodside",
        "highfield",
        *(f"{2 * c}ville" for c in "abcdefghij"),
    ]
    rows = [(name, states[i % 5]) for i, name in enumerate(names)] * 10
    frame = pd.DataFrame([*rows, ("cortland", "utah"), ("portlxnd", "maine")], columns=["city", "state"])
    assert sure(propose(frame), 0.45) == {(151, "city"): "portland"}


def test_improbable_company_is_noticed():
    """A value that never stands beside the rest of its row is proposed to become the one that does."""
    rng = np.random.default_rng(7)
    sex = rng.choice(["Male", "Female"], 1_000)
    frame = pd.DataFrame({"sex": sex, "role": np.where(sex == "Male", "Husband", "Wife")})
    lone = rng.choice(1_000, 500, replace=False)
    frame.loc[lone, "role"] = rng.choice(["Child", "Other"], 500)
    row = int(np.flatnonzero(frame["role"] == "Husband")[0])
    frame.loc[row, "sex"] = "Female"
    found = [c for c in propose(frame) if c.row == row]
    assert {(c.column, c.new) for c in found if c.kind == "cooccurrence"} >= {("sex", "Male")}


def test_target_and_keys_are_neither_repaired_nor_asked():
    """The same candidates come whatever the target holds, and none is for it."""
    frame = redundant()
    frame.loc[3, "phone"] = frame.loc[4, "phone"]
    frame["y"] = frame["code"]
    frame.loc[7, "y"] = frame.loc[8, "y"]
    first = CategoryExpert().propose(table(frame, "y"), RNG)
    frame["y"] = "constant"
    assert CategoryExpert().propose(table(frame, "y"), RNG) == first
    assert {c.column for c in first} <= {"code", "phone", "street", "owner"}


def test_propose_is_pure_and_deterministic():
    """Neither the table nor the generator changes, and the same table gives the same candidates."""
    frame = redundant()
    frame.loc[3, "phone"], frame.loc[9, "code"] = "phonx71p", None
    before, rng = frame.copy(deep=True), np.random.default_rng(5)
    first = CategoryExpert().propose(table(frame), rng)
    pd.testing.assert_frame_equal(frame, before)
    assert rng.bit_generator.state == np.random.default_rng(5).bit_generator.state
    assert CategoryExpert().propose(table(frame), np.random.default_rng(9)) == first


def test_candidates_are_fit_for_json_and_for_people():
    """Evidence is JSON, the same numbers for each candidate, with a sentence that names the counts."""
    frame = redundant()
    frame.loc[3, "phone"], frame.loc[9, "street"] = frame.loc[4, "phone"], "streetx71p"
    found = propose(frame)
    assert len({frozenset(c.evidence) for c in found}) == 1
    for candidate in found:
        json.loads(json.dumps(dict(candidate.evidence), allow_nan=False))
        assert 0 <= candidate.confidence <= 1
        assert candidate.old == frame[candidate.column].iloc[candidate.row]
        assert candidate.new != candidate.old
    why = next(c.evidence["why"] for c in found if (c.row, c.column, c.kind) == (3, "phone", "dependency"))
    assert why.startswith("7 of 7 other rows with code = q17 have phone = phone71q")


def test_values_keep_the_types_of_the_table():
    """A new number is a plain number, a new truth value a plain truth value."""
    frame = pd.DataFrame(
        {"name": list("abcdefgh") * 30, "even": [True, False] * 120, "number": list(range(8)) * 30}
    )
    frame["copy"] = frame["name"] + "!"
    frame.loc[0, "even"], frame.loc[1, "number"] = False, 6
    found = propose(frame, number="number", even="boolean")
    best = {(c.row, c.column): c for c in sorted(found, key=lambda c: c.confidence)}
    assert best[0, "even"].new is True
    assert type(best[1, "number"].new) is int
    assert best[1, "number"].new == 1


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [], "b": []}, dtype=object),
        pd.DataFrame({"a": ["x"], "b": ["y"]}),
        pd.DataFrame({"a": [None] * 9, "b": [np.nan] * 9}),
        pd.DataFrame({"a": ["x"] * 9, "b": ["y"] * 9}),
        pd.DataFrame({"a": ["é", "é", "漢字", "🙂"] * 9, "b": ["ß", "ß", "", "\x00"] * 9}),
        pd.DataFrame({"a": [1, "1", 2.5, None, True, ("t",)] * 5, "b": ["p", "q", "r", None, "p", "q"] * 5}),
        pd.DataFrame({"a": ["x", "x", "z"] * 9, "b": [[1], [2], [1]] * 9}),
        pd.DataFrame(
            {"a": pd.Categorical(["u", "v", None] * 9), "b": pd.array([1, 2, None] * 9, dtype="Int64")}
        ),
        pd.DataFrame({"a": pd.to_datetime(["2020-01-01", "2020-01-02", None] * 9), "b": [True] * 27}),
        pd.DataFrame({"a": [1.0, 2.0, np.inf] * 9, "b": [f"{i}" for i in range(27)]}),
    ],
    ids=[
        "empty",
        "one row",
        "missing",
        "constant",
        "unicode",
        "mixed",
        "lists",
        "extension",
        "dates",
        "infinite",
    ],
)
def test_odd_tables_give_no_sure_candidates(frame):
    """Degenerate tables are read without complaint and nothing is proposed with confidence."""
    assert sure(propose(frame)) == {}
    assert sure(propose(frame, a="number", b="text")) == {}
