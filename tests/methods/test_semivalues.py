"""Semivalues: their weights are those of the papers, every design reads them, and wrong pairs are refused."""

from __future__ import annotations

import numpy as np
import pytest
from truth import Notebook, bits_of, by_size, of_game, random_game, semivalue, two_clouds

from assay import (
    AssayError,
    Banzhaf,
    BetaShapley,
    Data,
    LeaveOneOut,
    Problem,
    Shapley,
    Stop,
    TableGame,
    WeightedBanzhaf,
    value,
)

METHODS = {
    "Shapley": (Shapley, {}),
    "Beta(4, 1)": (BetaShapley, {"alpha": 4, "beta": 1}),
    "Beta(1, 16)": (BetaShapley, {"alpha": 1, "beta": 16}),
    "Beta(16, 4)": (BetaShapley, {"alpha": 16, "beta": 4}),
    "Banzhaf": (Banzhaf, {}),
    "WeightedBanzhaf": (WeightedBanzhaf, {"p": 0.3}),
}
SAMPLING = ["permutations", "antithetic", "stratified", "owen", "coins"]


def truth_of(name: str, worths: np.ndarray) -> np.ndarray:
    """Enumerate a method of the table."""
    kind, how = METHODS[name]
    return semivalue(worths, by_size(len(worths).bit_length() - 1, kind.__name__, **how))


def run(game, method, **how):
    """Value the players of a game."""
    return value(of_game(game), method, progress=False, **how)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("n", [1, 2, 3, 11])
def test_weights_are_those_of_the_paper(name, n):
    """The mass of every size equals the definition, without logarithms."""
    kind, how = METHODS[name]
    np.testing.assert_allclose(np.exp(kind(**how).log_mass(n)), by_size(n, kind.__name__, **how), rtol=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_weights_sum_to_one_for_a_hundred_thousand_rows(name):
    """In logarithms nothing under- or overflows."""
    kind, how = METHODS[name]
    log_mass = kind(**how).log_mass(100_000)
    assert not np.isnan(log_mass).any()
    assert np.exp(log_mass).sum() == pytest.approx(1, rel=1e-6)


def test_beta_with_one_and_one_is_shapley():
    """Beta(1, 1) weighs every size alike, and fair coins are the weighted Banzhaf value at one half."""
    np.testing.assert_allclose(BetaShapley(alpha=1, beta=1).log_mass(9), Shapley().log_mass(9))
    np.testing.assert_allclose(WeightedBanzhaf(p=0.5).log_mass(9), Banzhaf().log_mass(9))


def test_noisy_rows_show_in_small_coalitions():
    """The larger alpha, the smaller the coalitions: (16, 1) joins fewer others than (4, 1)."""
    sizes = [np.exp(BetaShapley(alpha=a, beta=1).log_mass(50)) @ np.arange(50) for a in (1, 4, 16)]
    assert sizes[0] > sizes[1] > sizes[2]
    np.testing.assert_allclose(sizes, [49 / 2, 49 / 5, 49 / 17])


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("n", [1, 2, 6])
def test_exact_equals_enumeration(name, n):
    """All 2**n coalitions give the definition, to rounding."""
    kind, how = METHODS[name]
    game = TableGame(random_game(n, 3).worths + 1e6)
    found = run(game, kind(**how, design="exact"))
    np.testing.assert_allclose(found.values, truth_of(name, game.worths), atol=1e-8)
    assert found.stderr is None


@pytest.mark.parametrize("design", SAMPLING)
@pytest.mark.parametrize("name", METHODS)
def test_every_design_reads_every_semivalue(name, design):
    """Over 40 seeds the errors are centred and scatter as their standard errors say."""
    kind, how = METHODS[name]
    game = random_game(8, 8)
    runs = [
        run(
            game,
            kind(**how, design=design),
            seed=seed,
            stop=Stop(evals=2000 if design != "stratified" else 150),
        )
        for seed in range(40)
    ]
    z = np.array([(r.values - truth_of(name, game.worths)) / r.stderr for r in runs])
    assert 0.75 < z.std() < 1.25
    assert abs(z.mean()) < 0.3


@pytest.mark.parametrize("design", SAMPLING)
def test_a_budget_is_used_and_kept(design):
    """A run takes all evaluations that there are, less than one draw, and no more."""
    game = random_game(12, 1)
    for evals in (500, 777, 3001):
        found = run(game, Shapley(design=design), stop=Stop(evals=evals))
        assert evals - 26 <= found.evals <= evals


def test_an_order_and_its_reverse_err_in_opposite_directions():
    """Where gains are linear in what is there already, a pair of orders is exact, and one order is not."""
    parts = np.random.default_rng(0).uniform(0.5, 1.5, 10)
    worths = (bits_of(10) @ parts) ** 2
    truth = parts * parts.sum()  # closed form: half of the cross terms with every other row
    pairs = run(TableGame(worths), Shapley(design="antithetic"), stop=Stop(evals=50))
    np.testing.assert_allclose(pairs.values, truth, rtol=1e-12)
    single = run(TableGame(worths), Shapley(design="permutations"), stop=Stop(evals=50))
    assert np.abs(single.values / truth - 1).max() > 0.05


@pytest.mark.parametrize(
    ("method", "n", "says"),
    [
        (Shapley(design="coins"), 40, "Shapley cannot be read from design='coins'.*design='stratified'"),
        (BetaShapley(alpha=16, beta=1, design="coins"), 60, "BetaShapley cannot be read"),
        (WeightedBanzhaf(p=0.999, design="permutations"), 10_000, "WeightedBanzhaf cannot be read"),
        (WeightedBanzhaf(p=0.999, design="owen"), 10_000, "WeightedBanzhaf cannot be read"),
        (Shapley(design="exact"), 25, "2\\*\\*n coalitions, and there are 25 rows"),
    ],
)
def test_a_wrong_pair_is_refused_and_the_right_one_named(method, n, says):
    """A design that hardly ever asks for what a semivalue weighs is an error, before anything is asked."""

    class Never:
        def __init__(self):
            self.n = n

        def __call__(self, coalitions):
            raise AssertionError("was asked")

    with pytest.raises(AssayError, match=says):
        value(Problem(Data(np.zeros((n, 1))), game=Never()), method, progress=False)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Shapley, {"design": "random"}),
        (Shapley, {"tolerance": -0.1}),
        (Shapley, {"tolerance": "bootstraps"}),
        (Shapley, {"tolerance": 0.1, "design": "stratified"}),
        (BetaShapley, {"alpha": 0}),
        (BetaShapley, {"beta": float("nan")}),
        (BetaShapley, {"alpha": "4"}),
        (Banzhaf, {"design": "msr"}),
        (WeightedBanzhaf, {"p": 1.0}),
        (WeightedBanzhaf, {"p": 0}),
    ],
)
def test_bad_settings_are_refused(kind, settings):
    """Each names the class and the setting."""
    with pytest.raises(AssayError, match=rf"{kind.__name__}\.({'|'.join(settings)})"):
        kind(**settings)


def test_leave_one_out_is_a_semivalue():
    """Its mass lies on joining all others."""
    worths = random_game(5, 2).worths
    mass = np.exp(LeaveOneOut().log_mass(5))
    np.testing.assert_allclose(
        run(TableGame(worths), LeaveOneOut()).values, semivalue(worths, mass), atol=1e-12
    )


def test_a_bootstrapped_tolerance_is_the_standard_error_of_the_whole():
    """It is the binomial standard error of the accuracy of all rows; a game without judges refuses."""
    problem = two_clouds(n=20, m=400)
    whole = problem.model.fit(problem.train.X, problem.train.y).score(problem.valid.X, problem.valid.y)
    from assay import ModelGame

    expected = np.sqrt(whole * (1 - whole) / 400)
    assert ModelGame(problem).noise() == pytest.approx(expected, rel=0.15)
    cut = value(two_clouds(n=20, m=400), Shapley(tolerance="bootstrap"), stop=Stop(evals=500), progress=False)
    full = value(
        two_clouds(n=20, m=400), Shapley(design="permutations"), stop=Stop(evals=500), progress=False
    )
    assert cut.draws > 1.5 * full.draws
    with pytest.raises(AssayError, match="tolerance='bootstrap'"):
        run(random_game(4, 0), Shapley(tolerance="bootstrap"))


@pytest.mark.parametrize("design", SAMPLING)
def test_a_store_answers_the_second_run(design):
    """With a memory the same run again asks for nothing, and gives the same bits."""
    table, asked = random_game(9, 4), []

    class Counting:
        n = 9

        def __call__(self, coalitions):
            asked.append(len(coalitions))
            return table(coalitions)

    from assay import CachedGame

    problem = Problem(Data(np.zeros((9, 1))), game=CachedGame(Counting(), Notebook(), b"k"))
    first = value(problem, Shapley(design=design), stop=Stop(evals=300), progress=False)
    before = sum(asked)
    again = value(problem, Shapley(design=design), stop=Stop(evals=300), progress=False)
    assert sum(asked) == before > 0
    assert first.values.tobytes() == again.values.tobytes()
