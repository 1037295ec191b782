"""Delta-Shapley values: enumeration of the sizes they keep, closed forms, and honest errors."""

from __future__ import annotations

import numpy as np
import pytest
from truth import bits_of, of_game, random_game, semivalue, shapley

from assay import AssayError, Data, Problem, Status, Stop, TableGame, value
from assay.methods.semivalue.delta_shapley import DeltaShapley

BOUNDS = [(0, 2), (1, 3), (2, 2), (0, 5), (3, 5), (1, 4)]


def run(game, lower=0, upper=None, **how):
    """Value the players of `game`."""
    return value(of_game(game), DeltaShapley(lower=lower, upper=upper), progress=False, **how)


def truth(worths, lower, upper):
    """Enumerate: the sizes `lower` to `upper` weigh the same, all others nothing."""
    weights = np.zeros(len(worths).bit_length() - 1)
    weights[lower : upper + 1] = 1 / (upper - lower + 1)
    return semivalue(worths, weights)


@pytest.mark.parametrize(("lower", "upper"), BOUNDS)
def test_equals_the_enumeration_of_its_sizes(lower, upper):
    """On a random game of 6 rows every value is within 4 standard errors of the enumeration."""
    game = random_game(6, 3)
    valuation = run(game, lower, upper, stop=Stop(evals=8000), seed=lower + 10 * upper)
    error = np.abs(valuation.values - truth(game.worths, lower, upper))
    assert (error < 4 * valuation.stderr).all()
    assert error.max() < 0.25


@pytest.mark.parametrize(("bound", "n"), [(0, 6), (5, 6), (0, 1), (0, 2), (1, 2)])
def test_joining_nobody_or_all_others_is_exact(bound, n):
    """Where a size has one coalition only, n + 1 evaluations give the enumeration exactly."""
    game = random_game(n, 3)
    valuation = run(game, bound, bound)
    assert valuation.status is Status.exact
    assert valuation.stderr is None
    assert valuation.evals == n + 1
    np.testing.assert_allclose(valuation.values, truth(game.worths, bound, bound), atol=1e-12)


@pytest.mark.parametrize(("lower", "upper"), [(0, 1), (0, 2), (1, 3), (0, 4), (2, 4)])
def test_standard_errors_are_honest(lower, upper):
    """Over 60 seeds errors scatter as standard errors say: 95% intervals cover 90% to 98%."""
    game = random_game(5, 9)
    runs = [run(game, lower, upper, stop=Stop(evals=800), seed=seed) for seed in range(60)]
    z = np.array([(r.values - truth(game.worths, lower, upper)) / r.stderr for r in runs])
    assert 0.85 < z.std() < 1.2
    assert abs(z.mean()) < 0.2
    assert 0.90 <= (np.abs(z) < 1.96).mean() <= 0.98


@pytest.mark.parametrize(("n", "lower", "upper"), [(8, 2, 5), (9, 0, 4), (10, 3, 3), (10, 0, 9), (7, 4, 6)])
def test_pairs_have_a_closed_form(n, lower, upper):
    """Where k rows are worth k (k - 1), joining k adds 2 k: the mean over the sizes is lower + upper."""
    k = bits_of(n).sum(axis=1)
    game = TableGame((k * (k - 1)).astype(float))
    closed = (upper**2 - lower**2 + upper + lower) / (upper - lower + 1)
    assert closed == pytest.approx(lower + upper)
    np.testing.assert_allclose(truth(game.worths, lower, upper), closed)
    valuation = run(game, lower, upper, stop=Stop(evals=6000))
    assert (np.abs(valuation.values - closed) <= 4 * valuation.stderr).all()
    assert valuation.values.mean() == pytest.approx(
        closed, abs=4 * valuation.stderr.max() / np.sqrt(n) + 1e-9
    )


def test_all_sizes_are_shapley():
    """The bounds 0 and n - 1 give the Shapley values, which share out the whole in every round."""
    game = random_game(6, 1)
    valuation = run(game, 0, 5, stop=Stop(evals=20_000))
    assert (np.abs(valuation.values - shapley(game.worths)) < 4 * valuation.stderr).all()
    assert valuation.values.sum() == pytest.approx(game.worths[-1] - game.worths[0], abs=1e-12)


def test_additive_games_are_valued_at_their_parts():
    """Where a coalition is worth the sum of its rows, one round gives each its part, whatever the sizes."""
    parts = np.array([3.0, -1.0, 0.5, 0.0, 2.0])
    for lower, upper in ((0, 1), (1, 3), (2, 4)):
        valuation = run(TableGame(bits_of(5) @ parts), lower, upper, stop=Stop(evals=20))
        np.testing.assert_allclose(valuation.values, parts, atol=1e-12)


def test_the_default_is_a_quarter_of_the_rows():
    """Without bounds a row joins nobody, up to a quarter of the rows; upper bounds beyond n - 1 end there."""
    game = random_game(9, 2)
    for upper, same in ((None, 2), (50, 8)):
        a, b = (run(game, 0, bound, stop=Stop(evals=600), seed=4) for bound in (upper, same))
        assert a.values.tobytes() == b.values.tobytes()


class Counted:
    """A game of sizes that remembers how many rows it was asked for."""

    def __init__(self, n):
        self.n, self.sizes = n, []

    def __call__(self, coalitions):
        """Count, and answer."""
        self.sizes += coalitions.sum(axis=1).tolist()
        return np.sqrt(coalitions.sum(axis=1))


@pytest.mark.parametrize(
    ("n", "lower", "upper"), [(40, 0, 9), (40, 5, 14), (43, 0, 9), (43, 3, 42), (7, 6, 6)]
)
def test_a_round_costs_little_more_than_an_evaluation_a_row(n, lower, upper):
    """Chains share coalitions, are never larger than they need be, and every evaluation is counted."""
    game = Counted(n)
    problem = Problem(Data(np.zeros((n, 1))), game=game)
    method = DeltaShapley(lower=lower, upper=upper)
    valuation = value(problem, method, stop=Stop(evals=5 * n), progress=False)
    assert len(game.sizes) == valuation.evals
    assert valuation.evals <= max(valuation.draws, 1) * (n + n // (upper - lower + 1) + 2) + 2
    assert min(game.sizes) == lower
    assert max(game.sizes) == upper + 1


def test_a_game_that_never_changes_still_ends():
    """Where all worths are the same, a run asked for an error ends, with values of 0."""
    valuation = run(TableGame(np.full(16, 0.7)), stop=Stop(stderr=0.05))
    assert valuation.status is Status.converged
    assert valuation.draws >= 30
    np.testing.assert_allclose(valuation.values, 0, atol=1e-12)


def test_log_mass_is_even_over_the_sizes():
    """The semivalue's mass sums to one and is spread evenly over the sizes kept."""
    mass = np.exp(DeltaShapley(lower=2, upper=4).log_mass(8))
    np.testing.assert_allclose(mass, [0, 0, 1 / 3, 1 / 3, 1 / 3, 0, 0, 0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lower": -1}, "lower is -1"),
        ({"lower": 3, "upper": 2}, "upper is 2"),
        ({"upper": -1}, "upper is -1"),
    ],
)
def test_refuses_bounds_that_hold_no_size(settings, words):
    """Bounds below 0, or the wrong way round, are refused by name."""
    with pytest.raises(AssayError, match=words):
        DeltaShapley(**settings)


def test_refuses_more_others_than_there_are():
    """A lower bound of as many others as there are rows is refused."""
    with pytest.raises(AssayError, match="of 4 rows each has 3 others"):
        run(random_game(4, 0), 4, 4)
