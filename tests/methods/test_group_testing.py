"""Group testing: its identities by enumeration, efficiency, honest errors, and the samples it may need."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from truth import bits_of, of_game, random_game, shapley

from assay import Data, Problem, Status, Stop, TableGame, value
from assay.methods.semivalue.group_testing import GroupTesting, _law


def run(worths, **how):
    """Value the players of the game of `worths`."""
    return value(of_game(TableGame(worths)), GroupTesting(), progress=False, **how)


def test_the_law_of_sizes():
    """Sizes 1, 2 and 3 of four rows have the probabilities 4/11, 3/11 and 4/11, and Z is 11/3."""
    z, law = _law(4)
    assert z == pytest.approx(11 / 3)
    np.testing.assert_allclose(law, [4 / 11, 3 / 11, 4 / 11])


@pytest.mark.parametrize("n", [2, 3, 6])
def test_the_mean_over_all_coalitions_is_the_shapley_value(n):
    """U / n + Z E[(u - c(size)) (b - size / n)] is exactly the Shapley value, whatever c is."""
    worths, members = random_game(n, 3).worths, bits_of(n)
    sizes = members.sum(axis=1)
    z, law = _law(n)
    chance = np.array([law[k - 1] / comb(n, k) if 0 < k < n else 0.0 for k in sizes])
    assert chance.sum() == pytest.approx(1)
    c = np.random.default_rng(0).normal(size=n + 1)[sizes]
    mean = z * (chance * (worths - c)) @ (members - sizes[:, None] / n)
    np.testing.assert_allclose((worths[-1] - worths[0]) / n + mean, shapley(worths), atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "evals"), [("random", 100), ("random", 1000), ("vote", 300), ("sum", 300), ("roots", 300)]
)
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e6, 1e7)])
def test_standard_errors_are_honest(kind, evals, scale, shift):
    """Over 100 seeds the errors, in standard errors, scatter as a standard normal does, in every unit."""
    members = bits_of(6)
    worths = {
        "random": random_game(6, 1).worths,
        "vote": (members.sum(axis=1) > 3).astype(float),
        "sum": members @ np.arange(6.0),
        "roots": np.sqrt(members @ np.arange(6.0)),
    }[kind]
    worths = scale * worths + shift
    truth = shapley(worths)
    runs = [run(worths, stop=Stop(evals=evals), seed=seed) for seed in range(100)]
    z = np.array([(r.values - truth) / r.stderr for r in runs])
    assert 0.85 < z.std() < 1.2
    assert abs(z.mean()) < 0.15
    assert 0.9 <= (np.abs(z) < 1.96).mean() <= 0.98
    assert all(r.evals <= evals for r in runs)


@pytest.mark.parametrize("seed", range(5))
def test_values_share_out_the_whole(seed):
    """Efficiency: whatever was drawn, values sum to worth(all) - worth(none)."""
    worths = random_game(7, seed).worths
    valuation = run(worths, stop=Stop(evals=80), seed=seed)
    assert valuation.values.sum() == pytest.approx(worths[-1] - worths[0], abs=1e-12)


def test_size_says_what_size_explains():
    """Where worths follow from sizes, errors fall faster than the root of the evaluations."""
    worths = np.sqrt(bits_of(8).sum(axis=1))
    few, many = (run(worths, stop=Stop(evals=evals)) for evals in (200, 3200))
    assert many.stderr.max() < few.stderr.max() / 8


def test_one_row_is_exact():
    """A single row is worth the whole, and that is final."""
    valuation = run(np.array([1.0, 4.0]))
    assert valuation.status is Status.exact
    assert valuation.values.tolist() == [3.0]


def test_a_constant_game_ends():
    """Where all is worth the same, a run asked for an error ends, with values of 0."""
    valuation = run(np.full(16, 0.7), stop=Stop(stderr=0.05))
    assert valuation.status is Status.converged
    np.testing.assert_allclose(valuation.values, 0, atol=1e-12)


def test_a_rare_event_does_not_converge_by_luck():
    """On a game worth 1 for one coalition only, next to no seed is called converged far from the truth."""
    worths = (np.arange(64) == 0b000110).astype(float)
    runs = [run(worths, stop=Stop(stderr=0.03, evals=20_000), seed=seed) for seed in range(100)]
    assert all(r.status is Status.converged for r in runs)
    far = [(np.abs(r.values - shapley(worths)) > 3 * 0.03).any() for r in runs]
    assert np.mean(far) <= 0.03


def test_more_rows_than_draws():
    """200 rows and 250 evaluations: finite values that sum to the whole, with errors that are not 0."""

    def size(coalitions):
        return np.sqrt(coalitions.sum(axis=1))

    size.n = 200
    problem = Problem(Data(np.zeros((200, 1))), game=size)
    valuation = value(problem, GroupTesting(), stop=Stop(evals=250), progress=False)
    assert valuation.evals <= 250
    assert valuation.values.sum() == pytest.approx(np.sqrt(200))
    assert valuation.stderr.min() > 0
