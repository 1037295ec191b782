"""Average marginal effects: the regression's target by enumeration, both estimators, honest errors."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from truth import banzhaf, bits_of, of_game, random_game, semivalue

from assay import AssayError, Data, Problem, Status, Stop, TableGame, value
from assay.methods.semivalue.ame import AME

GRID = (0.2, 0.4, 0.6, 0.8)


def ame(worths, grid=GRID):
    """Average marginal effects by enumeration."""
    n = len(worths).bit_length() - 1
    weights = [[comb(n - 1, s) * p**s * (1 - p) ** (n - 1 - s) for s in range(n)] for p in grid]
    return semivalue(worths, np.mean(weights, axis=0))


def run(worths, method=None, **how):
    """Value the players of the game of `worths`."""
    return value(of_game(TableGame(worths)), method or AME(), progress=False, **how)


@pytest.mark.parametrize("grid", [GRID, (0.5,), (0.1, 0.9, 0.9)])
def test_the_best_linear_fit_is_the_average_marginal_effect(grid):
    """Fitted to all coalitions by their probability, the coefficients are exactly AME / V."""
    worths, members = random_game(5, 2).worths, bits_of(5)
    rows, weights = [], []
    for p in grid:
        weights.append(np.where(members, p, 1 - p).prod(axis=1))
        rows.append((members - p) / (p * (1 - p)))
    left, root = np.vstack(rows), np.sqrt(np.concatenate(weights))
    fit = np.linalg.lstsq(left * root[:, None], np.tile(worths, len(grid)) * root, rcond=None)[0]
    scale = np.mean([1 / (p * (1 - p)) for p in grid])
    np.testing.assert_allclose(scale * fit, ame(worths, grid), atol=1e-12)


@pytest.mark.parametrize("grid", [GRID, (0.5,), (0.1, 0.7)])
def test_the_mass_is_that_of_the_mixture(grid):
    """Its weights add up to 1, and enumerated with them it is the average marginal effect."""
    method = AME(probabilities=grid)
    assert np.exp(method.log_mass(7)).sum() == pytest.approx(1)
    worths = random_game(6, 1).worths
    np.testing.assert_allclose(semivalue(worths, np.exp(method.log_mass(6))), ame(worths, grid), atol=1e-12)
    exact = run(worths, AME(probabilities=grid, design="exact"))
    assert exact.status is Status.exact
    np.testing.assert_allclose(exact.values, ame(worths, grid), atol=1e-12)


def test_fair_coins_alone_are_banzhaf():
    """With p = 1/2 only, the values are Banzhaf's."""
    worths = random_game(6, 4).worths
    np.testing.assert_allclose(ame(worths, (0.5,)), banzhaf(worths))
    valuation = run(worths, AME(probabilities=(0.5,)), stop=Stop(evals=4000))
    assert (np.abs(valuation.values - banzhaf(worths)) < 4 * valuation.stderr).all()


@pytest.mark.parametrize(
    ("kind", "evals"), [("random", 100), ("random", 1000), ("vote", 300), ("roots", 300)]
)
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e6, 1e7)])
def test_standard_errors_of_least_squares_are_honest(kind, evals, scale, shift):
    """Over 100 seeds the errors, in standard errors, scatter as a standard normal does, in every unit."""
    members = bits_of(6)
    worths = {
        "random": random_game(6, 1).worths,
        "vote": (members.sum(axis=1) > 3).astype(float),
        "roots": np.sqrt(members @ np.arange(6.0)),
    }[kind]
    worths = scale * worths + shift
    truth = ame(worths)
    runs = [run(worths, stop=Stop(evals=evals), seed=seed) for seed in range(100)]
    z = np.array([(r.values - truth) / r.stderr for r in runs])
    assert 0.85 < z.std() < 1.2
    assert abs(z.mean()) < 0.2
    assert 0.9 <= (np.abs(z) < 1.96).mean() <= 0.98
    assert all(r.evals <= evals for r in runs)


def test_additive_games_are_valued_at_their_parts():
    """What rows add one by one is found exactly, although the scale of the regressors depends on p."""
    parts = np.array([3.0, -1.0, 0.5, 0.0, 2.0])
    valuation = run(1e3 * (bits_of(5) @ parts) + 5, stop=Stop(evals=64))
    np.testing.assert_allclose(valuation.values, 1e3 * parts, atol=1e-9)


class Parts:
    """A game of many rows: the parts of those in, and a noise that is a function of the coalition."""

    def __init__(self, parts, noise):
        self.parts, self.noise, self.n = parts, noise, len(parts)
        self.wave = 1e3 * np.random.default_rng(1).normal(size=self.n)

    def __call__(self, coalitions):
        """Worths; the sine of many unrelated numbers is noise to all intents and purposes."""
        return coalitions @ self.parts + self.noise * np.sin(coalitions @ self.wave)


FEW_MATTER = np.where(np.arange(40) < 4, 1.0, 0.0)
ALL_MATTER = np.random.default_rng(0).normal(1, 1, 40)


def sampled(parts, noise, evals, seeds):
    """Runs on a game of parts."""
    problem = Problem(Data(np.zeros((len(parts), 1))), game=Parts(parts, noise))
    stop = Stop(evals=evals)
    return [value(problem, AME(), stop=stop, seed=seed, progress=False) for seed in range(seeds)]


@pytest.mark.parametrize(("parts", "evals"), [(FEW_MATTER, 64), (FEW_MATTER, 128), (ALL_MATTER, 128)])
def test_standard_errors_of_the_lasso_are_large_enough(parts, evals):
    """With few draws, 95% intervals cover nine rows of ten; more where most rows are worth nothing."""
    runs = sampled(parts, 0.7, evals, 25)
    covered = np.array([np.abs(r.values - parts) < 1.96 * r.stderr for r in runs])
    assert 0.9 <= covered.mean() <= 0.995


def test_the_lasso_finds_the_rows_that_matter():
    """Of 40 rows the 4 that matter are the highest after 64 draws, at 0.5 to 1; many others are exactly 0."""
    for valuation in sampled(FEW_MATTER, 0.7, 64, 10):
        assert set(valuation.highest(4).tolist()) == {0, 1, 2, 3}
        assert 0.5 < valuation.values[:4].mean() < 1.1
        assert (valuation.values[4:] == 0).mean() > 0.4


def test_says_which_regression():
    """Each estimate says whether a penalty was in play: while there are less than 5 draws a row."""
    problem = Problem(Data(np.zeros((40, 1))), game=Parts(FEW_MATTER, 0.1))
    for estimate in AME().estimates(problem, np.random.default_rng(0)):
        assert estimate.why.startswith("LASSO" if estimate.draws < 200 else "Least squares")
        if estimate.draws > 200:
            break


def test_more_rows_than_draws():
    """200 rows and 250 evaluations: finite values, with errors that are not 0."""
    problem = Problem(Data(np.zeros((200, 1))), game=Parts(np.ones(200), 0.5))
    valuation = value(problem, AME(), stop=Stop(evals=250), progress=False)
    assert 240 <= valuation.evals <= 250
    assert np.isfinite(valuation.values).all()
    assert valuation.stderr.min() > 0


@pytest.mark.parametrize("n", [1, 2, 20])
def test_a_constant_game_ends(n):
    """Where all is worth the same, a run asked for an error ends, with values of 0."""

    def same(coalitions):
        return np.full(len(coalitions), 0.7)

    same.n = n
    valuation = value(
        Problem(Data(np.zeros((n, 1))), game=same), AME(), stop=Stop(stderr=0.05), progress=False
    )
    assert valuation.status is Status.converged
    np.testing.assert_allclose(valuation.values, 0, atol=1e-12)


@pytest.mark.parametrize("grid", [(), (0.0, 0.5), (1.0,), (float("nan"),)])
def test_probabilities_are_between_0_and_1(grid):
    """No probabilities, or one that is not inside 0..1, are refused."""
    with pytest.raises(AssayError, match=r"AME\.probabilities"):
        AME(probabilities=grid)


def test_an_unknown_design_is_refused():
    """A design that does not exist is refused by name."""
    with pytest.raises(AssayError, match=r"AME\.design is 'quick'"):
        AME(design="quick")
