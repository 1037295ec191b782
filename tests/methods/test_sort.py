"""The compiled sort of rows equals a stable sort by distance, whatever the distances are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.methods.neighbors._sort import close_runs, rows_of, sort_rows, sort_runs


def sorted_words(keys: np.ndarray, hits: np.ndarray | None = None, whole: bool = False):
    """Words in their order by leading bits, how many bits are not the key, and the scale."""
    n = len(keys)
    hits = np.zeros(n, bool) if hits is None else hits
    room = np.empty(n, np.uint64), np.empty(n, np.uint64)
    words, _, shift, scale = sort_rows(keys.copy(), np.zeros(n), 1.0, whole, hits, *room)
    return words, shift, scale


def rows(words: np.ndarray, shift: int) -> np.ndarray:
    """The rows that words stand for."""
    out = np.empty(len(words), np.int64)
    rows_of(words, shift, out)
    return out


def settled(keys: np.ndarray, units: int = 0) -> np.ndarray:
    """The order of rows once those of close keys are put in order by their exact distances, the keys."""
    words, shift, _ = sorted_words(keys)
    starts, stops = close_runs(words, shift, units)
    order = rows(words, shift)
    runs = [order[a:b] for a, b in zip(starts, stops, strict=True)]
    if runs:
        sort_runs(words, shift, starts, stops, keys[np.concatenate(runs)])
    return rows(words, shift)


def keys_of(kind: str, n: int) -> np.ndarray:
    """Distances that a sort by leading bits may stumble over."""
    rng = np.random.default_rng(n)
    return {
        "normal": rng.normal(size=n) ** 2,
        "constant": np.full(n, 3.7),
        "zeros": np.zeros(n),
        "two values": rng.choice([1.0, np.nextafter(1.0, 2)], n),
        "exponential": 10.0 ** rng.uniform(-300, 300, n),
        "one outlier": np.r_[1e300, rng.random(n - 1)],
        "crowded": 1 + rng.integers(0, 99, n) * 2.0**-52,
        "ascending": np.arange(n) * 1.0,
        "descending": -np.arange(n) * 1.0,
        "few whole": rng.integers(0, 5, n) * 1.0,
        "tiny": rng.random(n) * 1e-320,
    }[kind]


KINDS = [
    *("normal", "constant", "zeros", "two values", "exponential", "one outlier"),
    *("crowded", "ascending", "descending", "few whole", "tiny"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 33, 5000, 2**17 + 3])
def test_order_is_that_of_a_stable_sort(kind, n):
    """Few rows and more than the cache holds; equal, crowded, tiny and very unequal distances."""
    keys = keys_of(kind, n)
    np.testing.assert_array_equal(settled(keys), np.lexsort((np.arange(n), keys)))


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=80), st.integers(0, 2**40))
def test_any_distances_are_sorted(keys, units):
    """However many rows are looked at again, the order is right."""
    array = np.array(keys)
    np.testing.assert_array_equal(settled(array, units), np.argsort(array, kind="stable"))


def test_the_last_bit_is_the_callers():
    """A word carries its row's hit, and the hit does not decide the order of equal rows."""
    rng = np.random.default_rng(0)
    keys, hits = rng.integers(0, 4, 900) * 1.0, rng.random(900) < 0.5
    words, shift, _ = sorted_words(keys, hits)
    order = np.argsort(keys, kind="stable")
    np.testing.assert_array_equal(rows(words, shift), order)
    np.testing.assert_array_equal(words & np.uint64(1), hits[order])


@pytest.mark.parametrize("most", [1, 10**6, 2**40])
def test_whole_distances_are_kept_whole(most):
    """Where they fit a word, no two different ones share a key: the order needs no second look."""
    rng = np.random.default_rng(1)
    keys = rng.integers(0, most, 3000) * 1.0 + most
    words, shift, scale = sorted_words(keys, whole=True)
    assert scale >= 1
    np.testing.assert_array_equal(rows(words, shift), np.argsort(keys, kind="stable"))


def test_offset_and_factor_make_the_distances():
    """They come back in place of the keys."""
    keys, offset = np.array([1.0, 5.0, 2.0]), np.array([3.0, 9.0, 0.0])
    room = np.empty(3, np.uint64), np.empty(3, np.uint64)
    words, _, shift, _ = sort_rows(keys, offset, -2.0, False, np.zeros(3, bool), *room)
    assert keys.tolist() == [1.0, -1.0, -4.0]
    assert rows(words, shift).tolist() == [2, 1, 0]


@given(st.lists(st.integers(0, 12), min_size=1, max_size=40), st.integers(0, 3))
def test_close_runs_are_the_longest_chains(steps, units):
    """A run goes on while keys follow each other by at most `units`; rows alone are no run."""
    keys = np.cumsum(steps)
    words = keys.astype(np.uint64) << np.uint64(7)
    starts, stops = close_runs(words, 7, units)
    cuts = [0, *(i for i in range(1, len(keys)) if keys[i] - keys[i - 1] > units), len(keys)]
    expected = [(a, b) for a, b in pairwise(cuts) if b - a > 1]
    assert list(zip(starts.tolist(), stops.tolist(), strict=True)) == expected


@given(st.lists(st.integers(0, 3), min_size=2, max_size=90), st.randoms(use_true_random=False))
def test_runs_are_sorted_by_exact_distance_then_row(exact, random):
    """Long and short runs alike, from any order; words outside of them stay where they are."""
    n = len(exact)
    order = list(range(n))
    random.shuffle(order)
    words = (np.array([*order, n], np.uint64) << np.uint64(1)) | np.uint64(1)
    far = np.array(exact, float)
    sort_runs(words, 9, np.array([0]), np.array([n]), far[order])
    assert rows(words, 9).tolist() == [*sorted(range(n), key=lambda i: (exact[i], i)), n]
    assert (words & np.uint64(1) == 1).all()
