"""The four parts: shares, classes, groups, twins, and nothing that depends on the order of rows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay._errors import AssayError
from assay.tables import PARTS, Table, load, split, twins

SHARES = dict(zip(PARTS, (0.6, 0.1, 0.15, 0.15), strict=True))


def made(labels, *, groups=None, seed=0) -> Table:
    """Return a table of these labels with keys, two features of noise and groups if given."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "id": [f"row {i}" for i in range(len(labels))],
            "a": rng.normal(size=len(labels)),
            "b": rng.normal(size=len(labels)),
            "y": labels,
        }
    )
    if groups is not None:
        frame["who"] = groups
    return load(frame, key="id", target="y", group=None if groups is None else "who")


def share_of(parts, part) -> float:
    """Return the share of rows in one part."""
    return float(np.mean(parts == part))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(4, 60), min_size=2, max_size=5), st.integers(0, 2**40))
def test_every_class_has_its_share_of_every_part(sizes, seed):
    """A class of 4 rows or more is in each part; one of 10 or more is within two rows of its share."""
    labels = [f"class {c}" for c, size in enumerate(sizes) for _ in range(size)]
    parts = split(made(labels), seed=seed)
    for c, size in enumerate(sizes):
        mine = parts[np.array(labels) == f"class {c}"]
        for part, share in SHARES.items():
            count = int((mine == part).sum())
            assert count >= 1
            assert min(sizes) < 10 or abs(count - share * size) <= 2
    if min(sizes) >= 10:
        for part, share in SHARES.items():
            assert abs(int((parts == part).sum()) - share * len(labels)) <= 2


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=60, max_size=120),
    st.integers(0, 10**6),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.booleans(),
)
def test_the_order_of_rows_changes_nothing(groups, seed, random, use_groups, numeric):
    """Each key has the same part when the rows are shuffled, with groups or without, classes or numbers."""
    rng = np.random.default_rng(seed)
    labels = rng.normal(size=len(groups)) if numeric else rng.choice(["a", "b", "c"], len(groups))
    groups = [*range(4), *groups[4:]]
    table = made(labels, groups=groups if use_groups else None)
    rows = list(range(len(groups)))
    random.shuffle(rows)
    try:
        parts = split(table, seed=seed)
    except AssayError:
        with pytest.raises(AssayError):
            split(table.take(rows), seed=seed)
        return
    assert split(table.take(rows), seed=seed).tolist() == parts[rows].tolist()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=80, max_size=200), st.integers(0, 10**6))
def test_a_group_is_never_in_two_parts(groups, seed):
    """Rows of one person stay together, rows of nobody go where they like, and no part is empty."""
    groups = [*range(8), *groups]
    column = pd.array([None if g == 30 else g for g in groups], dtype="Int64")
    parts = split(made(["a", "b"] * (len(groups) // 2) + ["a"] * (len(groups) % 2), groups=column), seed=seed)
    of_group: dict[int, set[str]] = {}
    for group, part in zip(groups, parts, strict=True):
        of_group.setdefault(group, set()).add(part)
    assert all(len(found) == 1 for group, found in of_group.items() if group != 30)
    assert set(parts) == set(PARTS)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 59), min_size=20, max_size=60), st.integers(0, 10**6))
def test_twins_are_never_in_two_parts(copies, seed):
    """A row and its copy, even with another label, cannot be one in train and one in the parts that judge."""
    table = made(["a", "b"] * 30)
    extra = table.frame.iloc[copies].assign(y="b", id=[f"copy {i}" for i in range(len(copies))])
    both = load(pd.concat([table.frame, extra], ignore_index=True), key="id", target="y")
    parts, sets = split(both, seed=seed), twins(both)
    assert len(set(sets)) < len(sets)
    for number in set(sets):
        assert len(set(parts[sets == number])) == 1


def test_groups_that_share_twins_stay_together():
    """Staying together is transitive: group, twin, group."""
    rng = np.random.default_rng(5)
    rows = 60
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=rows),
            "b": rng.normal(size=rows),
            "who": [*range(20)] * 3,
            "y": ["a", "b"] * 30,
        }
    )
    frame.loc[1, ["a", "b"]] = frame.loc[0, ["a", "b"]].to_numpy()  # ties group 1 to group 0
    frame.loc[22, ["a", "b"]] = frame.loc[21, ["a", "b"]].to_numpy()  # and group 2 to group 1
    table = load(frame, target="y", group="who", number_rows=True)
    for seed in range(10):
        parts = split(table, seed=seed)
        assert len(set(parts[np.isin(frame["who"], [0, 1, 2])])) == 1


def test_numbers_are_stratified_by_quantile():
    """The tenths of a target of numbers have the same share of every part."""
    y = np.random.default_rng(6).lognormal(size=1000)
    parts = split(made(y), seed=3)
    tenth = pd.qcut(y, 10, labels=False)
    for part, share in SHARES.items():
        counts = np.bincount(tenth[parts == part], minlength=10)
        assert np.abs(counts - 100 * share).max() <= 1


def test_what_is_scarce_is_learnt_before_it_is_judged():
    """A class of one to three rows is in train first, and never twice in one part."""
    for scarce in (1, 2, 3):
        labels = ["common"] * 50 + ["rare"] * scarce
        for seed in range(5):
            rare = split(made(labels), seed=seed)[50:]
            assert "train" in rare
            assert len(set(rare)) == scarce


def test_the_seed_decides_and_nothing_else():
    """The same seed gives the same parts; other seeds give others, all rows alike over many seeds."""
    table = made(["a", "b"] * 50)
    assert split(table, seed=1).tolist() == split(table, seed=1).tolist()
    counts = sum((split(table, seed=seed) == "train").astype(int) for seed in range(80))
    # Binomial(80, .6) has deviation 4.38: a row outside 4.5 deviations has probability 7e-6.
    assert np.abs(counts - 48).max() < 4.5 * 4.38


def test_shares_can_be_chosen():
    """Four positive numbers that add up to one are kept to the row."""
    parts = split(made(["a", "b"] * 100), shares=(0.25, 0.25, 0.25, 0.25))
    assert set(Counter(parts.tolist()).values()) == {50}
    for shares in ((0.5, 0.5), (0.7, 0.3, 0.2, -0.2), (0.6, 0.1, 0.15, 0.1)):
        with pytest.raises(AssayError, match="four positive numbers that add up to 1"):
            split(made(["a", "b"] * 100), shares=shares)


def test_a_table_without_a_target_is_split_too():
    """Labels are not needed to keep rows apart."""
    frame = made(["a", "b"] * 50).frame.drop(columns="y")
    parts = split(load(frame, key="id"))
    assert {part: share_of(parts, part) for part in PARTS} == pytest.approx(SHARES, abs=0.01)


def test_a_part_column_is_taken_as_it_is():
    """What the user decided stands, whatever the seed; wrong words are named."""
    frame = made(["a", "b"] * 10).frame.assign(part=["train"] * 10 + ["value", "final"] * 5)
    for seed in (0, 1):
        assert split(load(frame, target="y"), seed=seed).tolist() == frame["part"].tolist()
    frame.loc[3, "part"] = "test"
    with pytest.raises(
        AssayError, match="part column 'part' holds 'test': write train, value, gate or final"
    ):
        split(load(frame, target="y", part="part"))
    with pytest.raises(AssayError, match="has no row that says train"):
        split(load(frame.assign(part="gate"), target="y", part="part"))
    with pytest.raises(AssayError, match="holds nan"):
        split(load(frame.assign(part=["train"] * 19 + [None]), target="y", part="part"))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (made(["a", "b", "a"]), "'frame' has 3 rows: a split into four parts takes at least 8"),
        (
            made(["a", "b"] * 10, groups=["x", "y"] * 10),
            "'who' has 2 different values: a split takes at least 4",
        ),
        (
            made([f"class {i % 10}" for i in range(10)]),
            "cannot be split, as value, gate, final would be empty",
        ),
    ],
)
def test_what_cannot_be_split_is_one_sentence(table, message):
    """Too few rows, too few groups, too many classes for the rows."""
    with pytest.raises(AssayError, match=message):
        split(table)


def test_eight_rows_are_enough():
    """Two classes of four rows are in all parts."""
    parts = split(made(["a"] * 4 + ["b"] * 4))
    assert [set(parts[:4]), set(parts[4:])] == [set(PARTS)] * 2
