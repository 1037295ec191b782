"""Misspellings: planted slips are found, things that only look alike are not."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.repair.experts._domain import Domain
from assay.repair.experts._spelling import find_misspellings

NAMES = ("birmingham", "montgomery", "huntsville", "tuscaloosa", "gadsden north")


def found(counts: dict[str, int]) -> dict[str, list[str]]:
    """The right spellings of each wrong one in a column of these values."""
    texts = list(counts)
    domain = Domain(
        "c", np.empty(0, np.int64), list(texts), texts, np.array(list(counts.values()), dtype=np.int64), True
    )
    slips = find_misspellings(domain)
    pairs: dict[str, list[str]] = {}
    for wrong, right in zip(slips.wrong.tolist(), slips.right.tolist(), strict=True):
        pairs.setdefault(texts[wrong], []).append(texts[right])
    return pairs


@given(st.sampled_from(NAMES), st.data())
def test_planted_slip_is_found(name, data):
    """A letter replaced, put in, left out or swapped leads back to the one right name, and to no other."""
    at = data.draw(st.integers(0, len(name) - 2))
    edit = data.draw(st.sampled_from(["replace", "insert", "delete", "swap"]))
    slip = {
        "replace": name[:at] + "x" + name[at + 1 :],
        "insert": name[:at] + "x" + name[at:],
        "delete": name[:at] + name[at + 1 :],
        "swap": name[:at] + name[at + 1] + name[at] + name[at + 2 :],
    }[edit]
    if slip in NAMES:
        return
    assert found({**dict.fromkeys(NAMES, 20), slip: 1}) == {slip: [name]}


@pytest.mark.parametrize(
    ("rare", "common"),
    [
        ("ami-2", "ami-1"),
        ("Married-AF-spouse", "Married-civ-spouse"),
        ("1991", "1992"),
        ("9:05", "9:15"),
        ("Local-gov", "Federal-gov"),
        ("no", "yes"),
    ],
)
def test_other_things_are_no_slips(rare, common):
    """Another digit, another word, or no letter at all is another thing."""
    assert found({common: 500, rare: 2}) == {}


@pytest.mark.parametrize(
    ("rare", "common"),
    [
        ("hf-x", "hf-1"),
        ("1xx19", "10019"),
        ("ENG", "eng"),
        ("St Paul", "St. Paul"),
        ("a  b", "a b"),
        ("cafe", "café"),
    ],
)
def test_letters_for_digits_and_variants_are_slips(rare, common):
    """A letter where a digit was, and another case, blank or mark, lead to the frequent value."""
    assert found({common: 50, rare: 2}) == {rare: [common]}


def test_equally_frequent_values_are_left_alone():
    """Neither of two values of like frequency is a slip of the other."""
    assert found({"gray": 30, "grey": 25}) == {}


@given(st.dictionaries(st.text(max_size=8), st.integers(1, 50), max_size=12))
def test_wrong_is_always_rarer(counts):
    """Whatever the values, a slip is three times rarer, has a letter, and is never its own repair."""
    for wrong, rights in found(counts).items():
        assert any(c.isalpha() for c in wrong.casefold())
        assert wrong not in rights
        assert max(Counter(rights).values()) == 1
        assert all(counts[wrong] * 3 <= counts[right] for right in rights)
