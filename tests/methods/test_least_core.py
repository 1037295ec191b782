"""The least core: hand-made games, dense programmes, and honest errors before all coalitions are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog, minimize
from truth import bits_of, of_game, random_game

from assay import Data, Problem, Status, Stop, TableGame, value
from assay.methods.semivalue._least_core_lp import least_core
from assay.methods.semivalue.least_core import LeastCore


def run(worths, **how):
    """Value the players of the game of `worths`."""
    return value(
        of_game(TableGame(worths)), LeastCore(), progress=False, **{"stop": Stop(evals=10**5), **how}
    )


def parts_of(worths):
    """What `least_core` takes: all coalitions but none and all, their gains, and the whole."""
    n = len(worths).bit_length() - 1
    return bits_of(n)[1:-1], worths[1:-1] - worths[0], worths[-1] - worths[0]


def by_dense_programmes(worths):
    """Shares and deficit from one linear programme of all coalitions, then a general solver from there."""
    members, gains, whole = parts_of(worths)
    n = members.shape[1]
    rows, cost = members.astype(float), np.append(np.zeros(n), 1.0)
    left, even = np.column_stack([-rows, -np.ones(len(rows))]), np.append(np.ones(n), 0.0)[None]
    found = linprog(cost, left, -gains, even, [whole], bounds=(None, None))
    e = found.x[-1]
    constraints = [
        {"type": "eq", "fun": lambda x: x.sum() - whole, "jac": lambda x: np.ones(n)},
        {"type": "ineq", "fun": lambda x: rows @ x + e - gains + 1e-11, "jac": lambda x: rows},
    ]
    nearest = minimize(
        lambda x: ((x - whole / n) ** 2).sum(),
        found.x[:-1],
        jac=lambda x: 2 * (x - whole / n),
        method="SLSQP",
        constraints=constraints,
        options={"ftol": 1e-15, "maxiter": 1000},
    )
    return nearest.x, e


SIZES = bits_of(5).sum(axis=1)
LEFT, RIGHT = bits_of(5)[:, :2].sum(axis=1), bits_of(5)[:, 2:].sum(axis=1)
PAIRS = [bits_of(4)[:, :2].sum(axis=1), bits_of(4)[:, 2:].sum(axis=1)]
BY_HAND = {
    "miners, two for each lump, one idle": (SIZES // 2, np.full(5, 0.4), 0.4),
    "miners, nobody idle": (bits_of(4).sum(axis=1) // 2, np.full(4, 0.5), 0.0),
    "shoes, two left and three right": (np.minimum(LEFT, RIGHT), [1, 1, 0, 0, 0], 0.0),
    "shoes, as many left as right": (np.minimum(*PAIRS), np.full(4, 0.5), 0.0),
    "one pair of shoes": (np.array([0, 0, 0, 1]), [0.5, 0.5], -0.5),
    "unanimity of rows 1 and 3": (bits_of(4)[:, [1, 3]].all(axis=1), [0, 0.5, 0, 0.5], 0.0),
    "unanimity of all": (SIZES == 5, np.full(5, 0.2), -0.2),
    "majority of five": (SIZES >= 3, np.full(5, 0.2), 0.4),
    "additive": (bits_of(4) @ [3.0, -1.0, 0.0, 0.5], [3.0, -1.0, 0.0, 0.5], 0.0),
    "row 0 and any other": ([0, 0, 0, 1, 0, 1, 0, 1], [1, 0, 0], 0.0),
    "all worth the same": (np.full(16, 0.7), np.zeros(4), 0.0),
}


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e6, -3e5), (1e-6, 1e-3)])
def test_games_solved_by_hand(name, scale, shift):
    """Shares and deficit are those worked out by hand, in every unit, whatever the empty one is worth."""
    worths, values, deficit = BY_HAND[name]
    worths = scale * np.array(worths, float) + shift
    valuation = run(worths)
    assert valuation.status is Status.exact
    assert valuation.stderr is None
    np.testing.assert_allclose(valuation.values, scale * np.array(values), atol=1e-9 * scale)
    assert least_core(*parts_of(worths))[1] == pytest.approx(scale * deficit, abs=1e-9 * scale)


@pytest.mark.parametrize(("n", "seed"), [(2, 0), (3, 1), (5, 2), (6, 3), (7, 4), (8, 5), (8, 6)])
def test_equals_dense_programmes(n, seed):
    """On random games the deficit is that of a dense programme, and no solution is nearer to equal shares."""
    worths = random_game(n, seed).worths
    members, gains, whole = parts_of(worths)
    shares, deficit = least_core(members, gains, whole)
    others, least = by_dense_programmes(worths)
    assert deficit == pytest.approx(least, abs=1e-9)
    assert (gains - members @ shares - deficit).max() < 1e-9
    assert shares.sum() == pytest.approx(whole, abs=1e-12)
    np.testing.assert_allclose(shares, others, atol=1e-6)
    assert np.linalg.norm(shares - whole / n) <= np.linalg.norm(others - whole / n) + 1e-9
    np.testing.assert_allclose(run(worths).values, shares, atol=1e-12)


def test_the_answer_hardly_depends_on_the_proof():
    """Without the proof that the deficit is the least, the shares are the same."""
    for seed in range(20):
        parts = parts_of(random_game(6, seed).worths)
        np.testing.assert_allclose(least_core(*parts, proven=False)[0], least_core(*parts)[0], atol=1e-9)


def test_fewer_coalitions_ask_for_less():
    """The deficit of some pairs of coalitions is at most that of all."""
    members, gains, whole = parts_of(random_game(7, 0).worths)
    _, e = least_core(members, gains, whole)
    rng, last = np.random.default_rng(0), -np.inf
    for pairs in (1, 5, 20, 63):
        rng = np.random.default_rng(0)
        some = rng.permutation(63)[:pairs]
        some = np.concatenate([some, 125 - some])  # the complement of coalition b is at 2**7 - 1 - b
        now = least_core(members[some], gains[some], whole)[1]
        assert last <= now + 1e-12
        last = now
    assert last == pytest.approx(e, abs=1e-12)


class Recorder:
    """A game that notes what it is asked."""

    def __init__(self, game):
        self.game, self.n, self.asked = game, game.n, []

    def __call__(self, coalitions):
        """Answer as the game does."""
        self.asked += [tuple(line.tolist()) for line in coalitions]
        return self.game(coalitions)


def test_asks_for_every_coalition_once():
    """Up to 14 rows no coalition is asked twice, and the exact values come when all were; not before."""
    game = Recorder(random_game(8, 1))
    valuation = value(Problem(Data(np.zeros((8, 1))), game=game), LeastCore(), progress=False)
    assert valuation.status is Status.exact
    assert valuation.evals == len(game.asked) == len(set(game.asked)) == 256
    assert run(game.game.worths, stop=Stop(evals=255)).status is Status.budget


def test_keeps_to_the_budget_and_tells_the_deficit():
    """A run stops at its evaluations, with what it knows; each estimate says how large the deficit is."""
    problem = of_game(random_game(10, 1))
    valuation = value(problem, LeastCore(), stop=Stop(evals=250), progress=False)
    assert valuation.evals <= 250
    assert valuation.draws == (valuation.evals - 2) / 2
    first = next(iter(LeastCore().estimates(problem, np.random.default_rng(0))))
    assert first.why.startswith("The least deficit of the coalitions seen is ")


def test_the_deficit_that_is_told_does_not_depend_on_the_empty_coalition():
    """Five miners lack 0.4, also where a coalition of none is worth 7."""
    estimates = LeastCore().estimates(of_game(TableGame(SIZES // 2 + 7.0)), np.random.default_rng(0))
    assert next(iter(estimates)).why == "The least deficit is 0.4."


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_rows(n):
    """One row gets the whole; two rows share what is left beyond their own worths evenly."""
    worths = np.array([1.0, 4.0]) if n == 1 else np.array([1.0, 2.0, 4.0, 10.0])
    np.testing.assert_allclose(run(worths).values, [3.0] if n == 1 else [3.5, 5.5], atol=1e-12)


class Sum:
    """A game of more rows than can be enumerated, where each adds its own."""

    n = 30
    own = np.random.default_rng(0).normal(size=30)

    def __call__(self, coalitions):
        """Add them up."""
        return 1e5 + 1e3 * (coalitions @ self.own)


def test_sampled_coalitions_find_the_parts_of_a_sum():
    """With 30 rows, an additive game is valued at its parts once as many independent coalitions are known."""
    problem = Problem(Data(np.zeros((30, 1))), game=Sum())
    valuation = value(problem, LeastCore(), stop=Stop(evals=400), progress=False)
    np.testing.assert_allclose(valuation.values, 1e3 * Sum.own, atol=1e-6)


def test_more_rows_than_coalitions():
    """200 rows and 250 evaluations: finite shares of the whole, with errors that are not 0."""

    def size(coalitions):
        return np.sqrt(coalitions.sum(axis=1))

    size.n = 200
    problem = Problem(Data(np.zeros((200, 1))), game=size)
    valuation = value(problem, LeastCore(), stop=Stop(evals=250), progress=False)
    assert valuation.evals == 250
    assert valuation.values.sum() == pytest.approx(np.sqrt(200))
    assert valuation.stderr.min() > 0


@pytest.mark.parametrize(("kind", "evals"), [("noisy", 130), ("noisy", 400), ("curve", 130), ("curve", 400)])
def test_standard_errors_are_honest(kind, evals):
    """Over 40 seeds, 95% intervals around what some coalitions tell cover the least core of all 1024."""
    rng = np.random.default_rng(0)
    own = bits_of(10) @ rng.normal(1, 1, 10)
    noise = rng.normal(size=1024)
    worths = own + 0.3 * noise if kind == "noisy" else 1 - np.exp(-np.maximum(own, 0) / 3) + 0.02 * noise
    truth = least_core(*parts_of(worths))[0]
    runs = [run(worths, stop=Stop(evals=evals), seed=seed) for seed in range(40)]
    z = np.array([(r.values - truth) / r.stderr for r in runs])
    assert (np.abs(z) < 1.96).mean() >= 0.93
    assert 0.45 < z.std() < 1.1
