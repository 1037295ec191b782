"""Dependencies against brute force, and the one-to-one pairing against what a person would say."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.repair.experts._dependency import Dependency, count_pairs, find_dependencies, strength
from assay.repair.experts._domain import Domain

pairs_of_codes = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 3)), min_size=1, max_size=40)


def domain(name: str, codes: list[int]) -> Domain:
    """A domain of the values "0", "1", ... as they stand in `codes`."""
    size = max(codes) + 1
    counts = np.bincount([c for c in codes if c >= 0], minlength=size)
    texts = [str(c) for c in range(size)]
    return Domain(name, np.array(codes), list(texts), texts, counts, True)


def brute_strength(rows: list[tuple[int, int]]) -> tuple[float, float]:
    """Tau corrected for chance, straight from its definition, with plain counting."""
    rows = [(x, y) for x, y in rows if x >= 0 and y >= 0]
    n, left, right, both = len(rows), Counter(), Counter(), Counter(rows)
    for x, y in rows:
        left[x] += 1
        right[y] += 1
    agree = sum(max(both[x, y] for y in right) for x in left) / n
    alone = sum((c / n) ** 2 for c in right.values())
    if len(right) == 1 or len(left) == n:
        return 0.0, agree
    within = sum(both[x, y] / n * both[x, y] / left[x] for x, y in both)
    expected = alone + (len(left) - 1) / (n - 1) * (1 - alone)  # over all orders of the right column
    return (within - expected) / (1 - expected), agree


@given(pairs_of_codes)
def test_strength_is_the_definition(rows):
    """Strength and share equal the definition on random small columns with missing cells."""
    if not any(x >= 0 and y >= 0 for x, y in rows):
        return
    left, right = (np.array(column) for column in zip(*rows, strict=True))
    found = strength(count_pairs(left, right, 4), 5)
    assert found == pytest.approx(brute_strength(rows))


@given(pairs_of_codes)
def test_counts_are_the_counts(rows):
    """Pair counts equal plain counting, and turning the pairs keeps them."""
    left, right = (np.array(column) for column in zip(*rows, strict=True))
    if not ((left >= 0) & (right >= 0)).any():
        return
    pairs = count_pairs(left, right, 4)
    truth = Counter((x, y) for x, y in rows if x >= 0 and y >= 0)
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(-1, 5), np.arange(-1, 4)))
    expected = [truth[a, b] for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    assert pairs.count(x, y).tolist() == expected
    assert pairs.turned(5).count(y, x).tolist() == expected


def test_independent_columns_have_no_strength():
    """Over random orders of a column the strength is 0 on average."""
    rng = np.random.default_rng(7)
    left, right = np.repeat(np.arange(20), 3), rng.integers(0, 4, 60)
    found = [strength(count_pairs(left, rng.permutation(right), 4), 20)[0] for _ in range(2_000)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found))


def found_between(left: list[int], right: list[int]) -> dict[tuple[int, int], Dependency]:
    """Dependencies of two columns by direction."""
    return {(d.left, d.right): d for d in find_dependencies([domain("x", left), domain("y", right)])}


def test_exact_dependency_is_found_one_way():
    """Where x settles y and not the other way, only x -> y is exact and its image is the map."""
    left = [0, 1, 2, 3] * 10
    found = found_between(left, [x // 2 for x in left])
    assert found[0, 1].strength == pytest.approx(1.0)
    assert found[0, 1].image.tolist() == [0, 0, 1, 1]
    assert (1, 0) not in found


def test_frequent_error_does_not_become_the_rule():
    """A code miswritten in most rows of its value still belongs to it when it has no other owner."""
    left = [0] * 100 + [1] * 100 + [2] * 30
    right = [0] * 100 + [1] * 42 + [2] * 58 + [2] * 30  # value 1 is mostly written as the code of value 2
    left, right = left + list(range(3, 20)) * 30, right + list(range(3, 20)) * 30
    found = found_between(left, right)
    assert found[0, 1].one_to_one
    assert found[0, 1].image[:3].tolist() == [0, 1, 2]


@given(pairs_of_codes, st.integers(0, 39))
def test_belief_leaves_the_cell_out(rows, at):
    """Belief in the held value does not change when the row itself is removed from the table."""
    rows = [(0, 0), (0, 0), (1, 1), (1, 1)] + [(x, y) for x, y in rows if x >= 0 and y >= 0]
    at %= len(rows)
    left, right = ([row[i] for row in rows] for i in (0, 1))
    dependency = Dependency(
        0,
        1,
        1.0,
        1.0,
        count_pairs(np.array(left), np.array(right), 4),
        np.bincount(left, minlength=5),
        np.zeros(5, dtype=np.int64),
        np.full(4, -1),
    )
    x, y = rows[at]
    others = [b for i, (a, b) in enumerate(rows) if a == x and i != at]
    told = dependency.belief(np.array([x]), np.array([y]), np.array([y]))
    assert told[0] == pytest.approx(others.count(y) / (len(others) + 2))
