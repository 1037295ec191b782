"""KernelShapley: exact where it can be, honest elsewhere, and nearer the truth than permutations."""

from __future__ import annotations

import numpy as np
import pytest
from truth import bits_of, of_game, random_game, shapley

from assay import Data, Problem, Status, Stop, TableGame, Valuation, value
from assay.methods.semivalue.kernel_shapley import KernelShapley


class Counting:
    """A game of many rows that keeps what it was asked."""

    def __init__(self, n: int, worth) -> None:
        self.n, self.worth, self.asked = n, worth, []

    def __call__(self, coalitions):
        """Answer, and keep what was asked."""
        self.asked.extend(map(bytes, coalitions))
        return self.worth(coalitions)


def run(game, *, evals: int, seed: int = 0) -> Valuation:
    """Value quietly."""
    problem = (
        of_game(game) if isinstance(game, TableGame) else Problem(Data(np.zeros((game.n, 1))), game=game)
    )
    return value(problem, KernelShapley(), stop=Stop(evals=evals), seed=seed, progress=False)


@pytest.mark.parametrize("n", [1, 2, 3, 6, 9])
def test_ends_exact_once_all_coalitions_were_asked(n):
    """With 2**n evaluations the values are those of enumeration, and the run says so."""
    game = random_game(n, n)
    found = run(game, evals=10**6)
    assert found.status is Status.exact
    assert found.evals == 2**n
    assert found.stderr is None
    np.testing.assert_allclose(found.values, shapley(game.worths), atol=1e-12)


@pytest.mark.parametrize(("n", "evals"), [(20, 250), (20, 251), (7, 100), (1000, 500), (301, 64)])
def test_keeps_within_the_budget_and_asks_nothing_twice(n, evals):
    """It spends at most the budget and nearly all of it, also where there are more rows than evaluations."""
    parts = np.random.default_rng(0).normal(size=n)
    game = Counting(n, lambda coalitions: np.tanh(coalitions @ parts / np.sqrt(n)))
    found = run(game, evals=evals)
    assert evals - 16 <= found.evals <= evals
    assert len(set(game.asked)) == len(game.asked) == found.evals
    assert np.isfinite(found.values).all()
    assert (found.stderr > 0).all()
    whole = game.worth(np.ones((1, n), bool)) - game.worth(np.zeros((1, n), bool))
    assert found.values.sum() == pytest.approx(whole[0], abs=1e-9)


@pytest.mark.parametrize("kind", ["random", "diminishing", "rare"])
def test_standard_errors_are_honest(kind):
    """Over 30 seeds 95% intervals hold the truth about as often as they say, and errors average to 0."""
    size = bits_of(10).sum(axis=1)
    worths = {
        "random": random_game(10, 3).worths,
        "diminishing": np.sqrt(bits_of(10) @ np.arange(10.0)),
        "rare": (bits_of(10)[:, 0] & (size > 7)).astype(float),
    }[kind]
    runs = [run(TableGame(worths), evals=160, seed=seed) for seed in range(30)]
    errors = np.array([r.values for r in runs]) - shapley(worths)
    covered = (np.abs(errors) <= 1.96 * np.array([r.stderr for r in runs])).mean()
    assert covered > 0.9
    assert kind != "random" or covered < 0.995
    assert np.abs(errors.mean(axis=0) / (errors.std(axis=0) / np.sqrt(30) + 1e-9)).max() < 4


def permuted(game: TableGame, evals: int, seed: int) -> np.ndarray:
    """Mean gains over as many whole permutations as `evals` pays for, every second one the last reversed."""
    rng, gains = np.random.default_rng(seed), []
    for k in range(evals // game.n):
        order = gains[-1][0][::-1] if k % 2 else rng.permutation(game.n)
        gains.append((order, np.diff(game.grow(order[None])[0])[np.argsort(order)]))
    return np.mean([gain for _, gain in gains], axis=0)


@pytest.mark.parametrize("kind", ["random", "covering", "majority"])
def test_little_more_than_half_the_error_of_permutations(kind):
    """On games of every kind the error is at most 0.6 of that of antithetic permutations, call by call."""
    n, rng = 10, np.random.default_rng(1)
    covers = rng.random((n, 20)) < 0.2
    votes = rng.integers(1, 20, n)
    worths = {
        "random": random_game(n, 5).worths,
        "covering": (bits_of(n).astype(float) @ covers > 0).mean(axis=1),
        "majority": (bits_of(n) @ votes > votes.sum() / 2).astype(float),
    }[kind]
    game, truth = TableGame(worths), shapley(worths)
    ours = [run(game, evals=240, seed=seed).values - truth for seed in range(8)]
    theirs = [permuted(game, 240, seed) - truth for seed in range(40)]
    assert np.sqrt(np.mean(np.square(ours))) < 0.6 * np.sqrt(np.mean(np.square(theirs)))


def test_the_same_seed_gives_the_same_bits():
    """A run is repeated to the last bit, and another seed gives other values."""
    game = random_game(10, 0)
    one, two, other = (run(game, evals=300, seed=seed) for seed in (1, 1, 2))
    assert one.values.tobytes() == two.values.tobytes()
    assert one.stderr.tobytes() == two.stderr.tobytes()
    assert (one.values != other.values).any()


def test_constant_games_are_worth_nothing():
    """Where every coalition is worth the same, no row is worth anything, and no error is 0 by luck."""
    found = run(TableGame(np.full(2**10, 0.7)), evals=200)
    np.testing.assert_allclose(found.values, 0, atol=1e-12)
    assert (found.stderr > 0).all()
