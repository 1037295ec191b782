"""Surrogates: whatever they are, the values are unbiased, and the standard errors honest."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from truth import bits_of, random_game, semivalue

from assay.methods.semivalue._strata import Strata, weights
from assay.methods.semivalue._surrogate import Record
from assay.methods.semivalue._surrogate_fit import Surrogate, fitted
from assay.methods.semivalue._surrogate_kernel import kernel, mean_weights

FAMILIES = [(1,), (1, 3, 5), (2, 4), (1, 2, 3)]


def adjusted(coalitions, worths, masses, expected, *, paired=True):
    """Every semivalue of `masses` from the same coalitions."""
    record = Record(coalitions, worths, expected, paired=paired)
    return [record.estimate(mass) for mass in masses]


def masses(n: int) -> list[np.ndarray]:
    """Shapley, Banzhaf, leave-one-out, and one that leans to small coalitions."""
    banzhaf = np.array([comb(n - 1, s) for s in range(n)]) / 2.0 ** (n - 1)
    small = (n - np.arange(n)) ** 3.0
    return [np.full(n, 1 / n), banzhaf, np.eye(n)[-1], small / small.sum()]


def smooth(n: int, seed: int) -> np.ndarray:
    """Worths that rise with what is held, less and less, and a little noise: (2**n,)."""
    rng = np.random.default_rng(seed)
    return np.sqrt(bits_of(n) @ rng.random(n)) + 0.05 * rng.normal(size=2**n)


def estimates(worths, budgets, seed, *, paired=True):
    """Semivalues of a table after some budgets, asked where the spread of the first one says."""
    n = len(worths).bit_length() - 1
    rng, strata, spread = np.random.default_rng(seed), Strata(n, masses(n), paired=paired), None
    coalitions = np.zeros((0, n), bool)
    found = []
    for budget in budgets:
        coalitions = np.concatenate([coalitions, strata.next(budget, rng, spread)])
        asked = worths[coalitions @ (1 << np.arange(n))]
        found = adjusted(coalitions, asked, masses(n), strata.expected, paired=paired)
        spread = found[0].spread
    return found


@pytest.mark.parametrize("degrees", FAMILIES)
@pytest.mark.parametrize("n", [2, 5, 6])
def test_kernels_have_their_means_in_closed_form(n, degrees):
    """The mean of z times a kernel over all coalitions of a size is what enumeration gives."""
    every, rng = bits_of(n), np.random.default_rng(n)
    z_in, z_out = np.where((np.arange(n + 1) % n) > 0, rng.normal(size=(2, n + 1)), 0)
    sets, size = every[1:-1:3], every.sum(axis=1)
    inside, outside = mean_weights(z_in, z_out, sets.sum(axis=1), degrees)
    for j, one in enumerate(sets):
        near = kernel(every, one[None], degrees)[:, 0]
        for t in range(1, n):
            here = size == t
            z = np.where(every[here], z_in[t], z_out[t])
            mean = (z * near[here, None]).mean(axis=0)
            np.testing.assert_allclose(np.where(one, inside[t, j], outside[t, j]), mean, atol=1e-12)


def test_misses_are_those_of_fits_without_the_coalition():
    """Each miss equals that of a kernel ridge regression solved anew without it."""
    rng = np.random.default_rng(0)
    sets, targets, noise, degrees = rng.random((25, 7)) < 0.5, rng.normal(size=25), 0.3, (1, 3)
    sets[:, 0], sets[:, 1] = True, False  # neither empty nor full
    near = kernel(sets, sets, degrees)
    inverse = np.linalg.inv(near + noise * np.eye(25))
    surrogate = Surrogate(sets, inverse, inverse @ targets, degrees)
    for j in range(25):
        others = np.delete(np.arange(25), j)
        weights_ = np.linalg.solve(near[np.ix_(others, others)] + noise * np.eye(24), targets[others])
        assert surrogate.misses[j] == pytest.approx(targets[j] - near[j, others] @ weights_, abs=1e-10)
    np.testing.assert_allclose(surrogate.predict(sets), near @ inverse @ targets, atol=1e-12)


def test_a_surrogate_is_valued_as_enumeration_values_it():
    """The values of a fitted function are those of its worths on every coalition."""
    n = 6
    every = bits_of(n)
    surrogate = fitted(every[1:-1:2], smooth(n, 1)[1:-1:2], np.ones(31), FAMILIES[:1] + FAMILIES[3:])
    mass = masses(n)[3]
    z_in, z_out = weights(mass, paired=False)
    worths = np.zeros(2**n)
    worths[1:-1] = surrogate.predict(every[1:-1])
    got = surrogate.values(z_in, z_out, np.tile(surrogate.coefficients, (n + 1, 1)))
    np.testing.assert_allclose(got, semivalue(worths, mass), atol=1e-9)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3, 6, 7])
def test_exact_once_all_was_asked(n, paired):
    """With all coalitions every semivalue is its enumeration, with an error of 0."""
    worths = random_game(n, n).worths
    for mass, found in zip(masses(n), estimates(worths, (20, 2**n), 0, paired=paired), strict=True):
        np.testing.assert_allclose(found.values, semivalue(worths, mass), atol=1e-12)
        np.testing.assert_array_equal(found.stderr, 0)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("make", [lambda: random_game(8, 1).worths, lambda: smooth(8, 2)])
def test_unbiased_and_honest_for_every_semivalue(make, paired):
    """Over 60 seeds errors average to 0, and scatter as the standard errors say."""
    worths, runs = make(), []
    for seed in range(60):
        runs.append(estimates(worths, (40, 40), seed, paired=paired))
    for k, mass in enumerate(masses(8)):
        truth = semivalue(worths, mass)
        errors = np.array([run[k].values - truth for run in runs])
        stderr = np.array([run[k].stderr for run in runs])
        if k == 2:  # leave-one-out: the few coalitions that matter were all asked
            assert np.abs(errors).max() < 1e-10
            continue
        assert np.abs(errors.mean(axis=0) / (errors.std(axis=0) / np.sqrt(60))).max() < 4
        covered = (np.abs(errors) <= 1.96 * stderr).mean()
        assert 0.9 < covered < 0.99


def test_additive_games_are_exact_from_few():
    """Where a coalition is worth the sum of its rows, little more than n pairs give the parts."""
    parts = np.random.default_rng(0).normal(size=30)
    strata, rng = Strata(30, [np.full(30, 1 / 30)]), np.random.default_rng(1)
    coalitions = strata.next(130, rng)
    (found,) = adjusted(coalitions, coalitions @ parts, [np.full(30, 1 / 30)], strata.expected)
    np.testing.assert_allclose(found.values, parts, atol=1e-9)
    assert (found.stderr > 0).all()  # nobody can know that from so few


def test_values_share_out_the_whole():
    """Shapley values sum to worth(all) - worth(none), after any number of coalitions."""
    worths = smooth(8, 3)
    for budgets in ((12,), (30, 20), (100, 30)):
        found = estimates(worths, budgets, 0)[0]
        assert found.values.sum() == pytest.approx(worths[-1] - worths[0], abs=1e-9)


def test_an_earlier_surrogate_serves_again():
    """A record that takes over the surrogate of an earlier one is as unbiased, without a new fit."""
    worths, n = smooth(8, 4), 8
    mass, errors, stderr = masses(n)[0], [], []
    truth = semivalue(worths, mass)
    for seed in range(60):
        rng, strata = np.random.default_rng(seed), Strata(n, [masses(n)[0]])
        coalitions = strata.next(40, rng)
        first = Record(coalitions, worths[coalitions @ (1 << np.arange(n))], strata.expected)
        spread = first.estimate(mass).spread
        coalitions = np.concatenate([coalitions, strata.next(50, rng, spread)])
        again = Record(coalitions, worths[coalitions @ (1 << np.arange(n))], strata.expected, before=first)
        found = again.estimate(mass)
        assert again.surrogates[0] is first.surrogates[0]
        errors.append(found.values - truth)
        stderr.append(found.stderr)
    errors, stderr = np.array(errors), np.array(stderr)
    assert np.abs(errors.mean(axis=0) / (errors.std(axis=0) / np.sqrt(60))).max() < 4
    assert 0.9 < (np.abs(errors) <= 1.96 * stderr).mean() < 0.99
