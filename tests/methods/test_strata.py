"""Strata: every coalition once, as many of each size as the error asks for."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from truth import bits_of, random_game, semivalue

from assay.methods.semivalue._strata import Strata, allot, held, root_mean_square, weights

SHAPLEY = {n: np.full(n, 1 / n) for n in (1, 2, 3, 5, 6, 8, 9, 12, 60, 400)}


def asked(strata: Strata, budgets, rng) -> np.ndarray:
    """All that a sequence of budgets is given."""
    return np.concatenate([strata.next(budget, rng) for budget in budgets])


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 9])
def test_every_coalition_is_asked_once_and_then_none(n, paired):
    """Whatever the batches, all 2**n coalitions come, each once; `left` counts the others on the way."""
    strata, rng = Strata(n, [SHAPLEY[n]], paired=paired), np.random.default_rng(n)
    coalitions = strata.next(6, rng)
    while strata.left:
        assert len(coalitions) + strata.left == 2**n
        coalitions = np.concatenate([coalitions, strata.next(10, rng)])
    assert len(np.unique(coalitions, axis=0)) == len(coalitions) == 2**n
    assert strata.next(10, rng).shape == (0, n)


def test_complements_come_together():
    """After the empty and the full one, lines 2k and 2k + 1 are complements, the smaller one first."""
    coalitions = asked(Strata(9, [SHAPLEY[9]]), (20, 30, 40), np.random.default_rng(0))
    assert coalitions[0].sum() == 0
    assert coalitions[1].all()
    np.testing.assert_array_equal(coalitions[2::2], ~coalitions[3::2])
    assert (coalitions[2::2].sum(axis=1) <= 4).all()


def test_the_same_generator_gives_the_same_coalitions():
    """Coalitions depend on the generator alone."""
    one, two = (asked(Strata(60, [SHAPLEY[60]]), (50, 64), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_sizes_get_the_shares_of_the_law():
    """For Shapley values sizes are asked as 1 / sqrt(t (n - t)) wants, in full where that is all there is."""
    n, budget = 60, 4002
    coalitions = Strata(n, [SHAPLEY[n]]).next(budget, np.random.default_rng(0))
    size = np.arange(1, n)
    law = 1 / np.sqrt(size * (n - size))
    every = np.array([float(comb(n, int(t))) for t in size])
    low, high = 0.0, 1e9  # bisect for the scale that spends the budget
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(every, middle * law).sum() < budget - 2 else (low, middle)
    counts = np.bincount(coalitions.sum(axis=1), minlength=n + 1)[1:n]
    assert np.abs(counts - np.minimum(every, low * law)).max() <= 2
    assert counts[0] == counts[-1] == n


def test_rows_are_in_equally_often():
    """Within a size every row has the same chance, with few and with most of the coalitions asked."""
    inside, count = np.zeros((3, 6)), np.zeros(3)
    for seed in range(400):
        coalitions = Strata(6, [SHAPLEY[6]]).next(30, np.random.default_rng(seed))[2:]
        for s in (2, 3):
            some = coalitions[coalitions.sum(axis=1) == s]
            inside[s - 1] += some.sum(axis=0)
            count[s - 1] += len(some)
    for s in (2, 3):
        share = inside[s - 1] / count[s - 1]
        assert np.abs(share - s / 6).max() < 4 * np.sqrt(s / 6 * (1 - s / 6) / count[s - 1])


def test_where_worths_scatter_more_is_asked():
    """A size with ten times the spread gets ten times its share; no size is left out for good."""
    n = 60
    spread = np.ones(n + 1)
    spread[15] = 10.0
    strata = Strata(n, [SHAPLEY[n]])
    strata.next(2002, np.random.default_rng(0), spread)
    ratio = strata.expected[15] / strata.expected[16] / (np.sqrt(16 * 44) / np.sqrt(15 * 45))
    assert 8 < ratio < 10
    spread[:] = 0
    spread[15] = 1.0
    strata = Strata(n, [SHAPLEY[n]])
    strata.next(2002, np.random.default_rng(0), spread)
    assert strata.expected[16:30].min() > 1


def test_several_semivalues_share_the_coalitions():
    """With two laws each size has at least its share of either, up to what both cost together."""
    n = 60
    banzhaf = np.array([comb(n - 1, s) / 2.0 ** (n - 1) for s in range(n)])
    both, alone = Strata(n, [SHAPLEY[n], banzhaf]), Strata(n, [banzhaf])
    for strata in (both, alone):
        strata.next(1002, np.random.default_rng(0))
    assert both.expected[30] > 0.5 * alone.expected[30]
    assert both.expected[1] > 5 > alone.expected[1]


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("n", [2, 5, 6])
def test_weights_turn_worths_into_semivalues(n, paired):
    """Mean over all coalitions of each size, times z, summed over sizes: the semivalue by enumeration."""
    rng = np.random.default_rng(n)
    mass, worths, every = rng.dirichlet(np.ones(n)), random_game(n, n).worths, bits_of(n)
    z = weights(mass, paired=paired)
    size = every.sum(axis=1)
    values = mass[-1] * worths[-1] - mass[0] * worths[0] + np.zeros(n)
    for z_in, z_out, sign in zip(z[::2], z[1::2], (-1, 1), strict=False):
        for t in range(1, n // 2 + 1 if paired else n):
            lines = np.flatnonzero((size == t) & (every[:, 0] | (2 * t != n) | (not paired)))
            targets = worths[lines] + (sign * worths[2**n - 1 - lines] if paired else 0)
            values += (np.where(every[lines], z_in[t], z_out[t]) * targets[:, None]).mean(axis=0)
            assert len(lines) == held(n, paired=paired)[t]
    np.testing.assert_allclose(values, semivalue(worths, mass), atol=1e-12)


def test_symmetric_masses_need_differences_only():
    """For Shapley values the weights of the sums v(S) + v(complement) are 0."""
    for n in (5, 6):
        z = weights(SHAPLEY[n], paired=True)
        assert root_mean_square(*z[2:]).max() < 1e-15


def test_allotment_spends_the_budget_and_keeps_what_is_there():
    """Shares are within what is held, add up to the budget, and follow the law where nothing binds."""
    law, top = np.array([0.0, 4.0, 2.0, 1.0, 1.0]), np.array([0.0, 10.0, 50.0, 50.0, 50.0])
    shares = allot(law, top, np.zeros(5), 30)
    np.testing.assert_allclose(shares, [0, 10, 10, 5, 5])
    more = allot(law, top, np.array([0.0, 10, 10, 20, 5]), 20)
    np.testing.assert_allclose(more, [0, 0, 40 / 3, 0, 20 / 3])  # law x 35 / 3, less what is there
    np.testing.assert_allclose(allot(law, top, np.zeros(5), 1000), top)


def test_a_thousand_rows():
    """Sizes beyond the largest floating number of coalitions are no trouble."""
    coalitions = Strata(400, [SHAPLEY[400]]).next(300, np.random.default_rng(0))
    assert coalitions.shape == (300, 400)
    assert np.isfinite(held(2000, paired=True)).all()
