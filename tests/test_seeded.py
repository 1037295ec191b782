"""Seeded batches: a line depends on its number alone, and the draws are fair."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from assay._seeded import SHORT, SeededCoalitions, SeededOrders

BATCHES = [
    SeededOrders(7, 3, 5, 40),
    SeededOrders(7, 3, 5, 40, antithetic=True),
    SeededCoalitions(13, 3, 5, 40),
    SeededCoalitions(13, 3, 5, 40, 0.2),
    SeededOrders(SHORT + 1, 3, 5, 40, antithetic=True),
    SeededCoalitions(SHORT + 1, 3, 5, 40),
]


@pytest.mark.parametrize("batch", BATCHES)
def test_a_line_is_the_same_however_the_batch_is_cut(batch):
    """Whole, in slices of any length, one by one, in another process, or drawn once more."""
    whole = np.asarray(batch)
    assert whole.shape == (len(batch), batch.n)
    for size in (1, 3, 16, 27):
        parts = [np.asarray(batch[start : start + size]) for start in range(0, len(batch), size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(batch[4:9]))), whole[4:9])
    np.testing.assert_array_equal(np.asarray(batch[2:][3:5]), whole[5:7])
    assert len(batch[40:]) == len(np.asarray(batch[7:2])) == 0


@pytest.mark.parametrize("batch", BATCHES)
def test_another_seed_is_another_list(batch):
    """And no line is the one before it."""
    other = type(batch)(batch.n, 4, batch.first, batch.count)
    assert (np.asarray(other) != np.asarray(batch)).any(axis=1).mean() > 0.9
    assert (np.diff(np.asarray(batch).astype(int), axis=0) != 0).any(axis=1).mean() > 0.9


@pytest.mark.parametrize("antithetic", [False, True])
def test_orders_are_even(antithetic):
    """All 6 orders of 3 rows are as frequent: chi-square on 5 degrees of freedom, below its 99.9% point."""
    orders = np.asarray(SeededOrders(3, 11, 0, 6000, antithetic))
    drawn = orders[::2] if antithetic else orders  # the others are not independent
    counts = np.unique(drawn, axis=0, return_counts=True)[1]
    assert len(counts) == 6
    assert ((counts - len(drawn) / 6) ** 2).sum() / (len(drawn) / 6) < 20.5


def test_odd_lines_are_the_even_ones_backwards():
    """Line 2j + 1 is line 2j reversed, wherever a batch starts."""
    orders = np.asarray(SeededOrders(9, 0, 6, 40, antithetic=True))
    np.testing.assert_array_equal(orders[1::2], orders[::2, ::-1])


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 1.0])
def test_rows_are_in_with_their_probability(p):
    """Each row's share is within 4.5 standard errors, and pairs are in together as often."""
    member = np.asarray(SeededCoalitions(11, 5, 0, 8000, p))
    assert member.dtype == bool
    assert np.abs(member.mean(axis=0) - p).max() <= 4.5 * np.sqrt(p * (1 - p) / 8000)
    both = (member[:, :-1] & member[:, 1:]).mean(axis=0)
    assert np.abs(both - p**2).max() <= 4.5 * np.sqrt(p**2 * (1 - p**2) / 8000)
