"""Robust volume: determinants, enumeration, and what copies of rows are worth."""

from __future__ import annotations

import numpy as np
import pytest
from truth import bits_of, prefixes_of, shapley

from assay import AssayError, Banzhaf, Data, OrderedGame, Problem, Status, Stop, value
from assay.methods.coverage.robust_volume import RobustVolume, VolumeGame


def run(X, omega=0.1, **how):
    """Value the rows of `X`."""
    return value(Problem(Data(X)), RobustVolume(omega=omega), progress=False, **how)


def gram(X):
    """The volume of rows by the definition."""
    return np.sqrt(max(np.linalg.det(X.T @ X), 0.0)) if len(X) >= X.shape[1] else 0.0


def robust(X, coalition, omega):
    """The robust volume by the definition: means of cubes, times what the rows in each cube count for."""
    cubes = [tuple(cube) for cube in np.floor((X - X.min(axis=0)) / omega)]
    a = 1 / (10 * len(set(cubes)))
    held = {
        cube: [x for x, at, is_in in zip(X, cubes, coalition, strict=True) if at == cube and is_in]
        for cube in cubes
    }
    means = np.array([np.mean(rows, axis=0) for rows in held.values() if rows])
    counts = [len(rows) for rows in held.values()]
    factor = np.prod([sum(a**p for p in range(k + 1)) for k in counts])
    return gram(means.reshape(-1, X.shape[1])) * factor


def cloud(n, d, seed):
    """Normal rows, scaled and shifted column by column."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * rng.uniform(0.5, 2, d) + rng.normal(size=d)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_plain_volumes_are_determinants(d):
    """Of every coalition of 7 rows the worth is det(X' X) ** 0.5, over that of all rows."""
    X, coalitions = cloud(7, d, d), bits_of(7)
    truth = np.array([gram(X[c]) for c in coalitions]) / gram(X)
    np.testing.assert_allclose(VolumeGame(X, omega=0)(coalitions), truth, atol=1e-12)


@pytest.mark.parametrize("omega", [0.05, 0.7, 1.5, 20.0])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_robust_volumes_are_those_of_the_cubes(d, omega):
    """Whatever the width, the worth of every coalition of 8 rows, two of them equal, is the definition's."""
    X, coalitions = cloud(8, d, 10 + d), bits_of(8)
    X[5] = X[2]
    truth = np.array([robust(X, c, omega) for c in coalitions]) / gram(np.unique(X, axis=0))
    np.testing.assert_allclose(VolumeGame(X, omega=omega)(coalitions), truth, atol=1e-9)


@pytest.mark.parametrize(
    ("n", "d", "omega"), [(40, 3, 0.0), (60, 4, 0.8), (80, 2, 0.5), (80, 2, 4.0), (30, 30, 0)]
)
def test_growing_equals_asking(n, d, omega):
    """An order grown row by row, by updates of a factor, is worth what its prefixes are worth."""
    X, rng = cloud(n, d, 3), np.random.default_rng(4)
    X[n // 2 :: 3] = X[: len(X[n // 2 :: 3])]
    game = VolumeGame(X, omega=omega)
    assert isinstance(game, OrderedGame)
    for order in (rng.permutation(n), np.arange(n)):
        grown, prefixes = game.grow(order[None])[0], prefixes_of(order)
        np.testing.assert_allclose(grown, game(prefixes), atol=1e-10)
        if omega > 0:
            unit = gram(np.unique(X, axis=0))
            truth = [robust(X, c, omega) / unit for c in prefixes]
            np.testing.assert_allclose(grown, truth, atol=1e-9)


def test_a_tolerance_cuts_an_order_short():
    """From the first prefix on whose worth is close to that of all, a line repeats it."""
    game, order = VolumeGame(cloud(30, 2, 0)), np.arange(30)[None]
    whole, cut = game.grow(order)[0], game.grow(order, tolerance=0.2)[0]
    first = int((np.abs(whole - whole[-1]) < 0.2).argmax())
    np.testing.assert_array_equal(cut[:first], whole[:first])
    np.testing.assert_array_equal(cut[first:], whole[first])


def standardised(X):
    """Columns of mean 0 and standard deviation 1, over the different rows."""
    different = np.unique(X, axis=0)
    return (X - different.mean(axis=0)) / different.std(axis=0)


@pytest.mark.parametrize(("n", "d", "omega"), [(6, 1, 0.1), (7, 2, 0.0), (8, 2, 0.9), (8, 3, 1.5)])
def test_equals_enumeration(n, d, omega):
    """Every value is within 4 standard errors of the Shapley value of the definition."""
    X = cloud(n, d, n)
    X[1] = X[0]
    Z = standardised(X)
    worths = np.array([robust(Z, c, omega) if omega else gram(Z[c]) for c in bits_of(n)])
    truth = shapley(worths / gram(np.unique(Z, axis=0)))
    valuation = run(X, omega, stop=Stop(evals=40_000))
    assert (np.abs(valuation.values - truth) < 4 * valuation.stderr).all()
    assert np.abs(valuation.values - truth).max() < 0.01


@pytest.mark.parametrize("omega", [0.0, 0.9])
def test_standard_errors_are_honest(omega):
    """Over 80 seeds errors scatter as standard errors say: 95% intervals cover 90% to 98%."""
    X = cloud(7, 2, 5)
    Z = standardised(X)
    worths = np.array([robust(Z, c, omega) if omega else gram(Z[c]) for c in bits_of(7)])
    truth = shapley(worths / gram(Z))
    runs = [run(X, omega, stop=Stop(evals=1500), seed=seed) for seed in range(80)]
    z = np.array([(r.values - truth) / r.stderr for r in runs])
    assert 0.85 < z.std() < 1.2
    assert abs(z.mean()) < 0.2
    assert 0.90 <= (np.abs(z) < 1.96).mean() <= 0.98


def test_values_share_out_the_volume():
    """Efficiency: after any number of orders they sum to the worth of all rows."""
    X = cloud(25, 3, 1)
    whole = VolumeGame(standardised(X))(np.ones((1, 25), bool))[0]
    assert run(X, stop=Stop(evals=100)).values.sum() == pytest.approx(whole, abs=1e-12)


def test_copies_add_no_volume():
    """A hundred copies of a row multiply the plain volume, and the robust one by less than 1.0001."""
    X = cloud(30, 2, 2)
    copied = np.vstack([X, np.repeat(X[:1], 100, axis=0)])
    for omega, low, high in ((0, 1.5, np.inf), (0.1, 1, 1.0001)):
        once, often = (VolumeGame(r, omega=omega)(np.ones((1, len(r)), bool))[0] for r in (X, copied))
        assert low <= often / once < high


def test_who_copies_a_row_gains_nothing():
    """An owner who hands in a row five times has no more for them than another for the row handed in once."""
    X = cloud(30, 2, 3)
    copied = np.vstack([X, np.repeat(X[:1], 4, axis=0)])
    stop = Stop(evals=200_000)
    once, often = run(X, stop=stop), run(copied, stop=stop)
    owned = often.values[[0, 30, 31, 32, 33]].sum()
    plain = run(copied, omega=0.0, stop=stop).values[[0, 30, 31, 32, 33]].sum()
    assert plain > 2 * once.values[0]
    assert owned < 1.6 * once.values[0]
    assert often.values[0] < 0.4 * once.values[0]


def test_scales_and_shifts_change_nothing():
    """Other units of a column, or another origin, leave every value as it is."""
    X = cloud(15, 2, 4)
    a, b = run(X, seed=1), run(X * [1000.0, 0.01] + [5.0, -7.0], seed=1)
    np.testing.assert_allclose(a.values, b.values, atol=1e-9)


def test_columns_that_others_determine_change_nothing():
    """A copied, a constant and a summed column leave plain values as they are."""
    X = cloud(12, 2, 6)
    wide = np.column_stack([X, X[:, 0], np.full(12, 3.7), X.sum(axis=1)])
    a, b = run(X, omega=0.0), run(wide, omega=0.0)
    np.testing.assert_allclose(a.values, b.values, atol=1e-9)


def test_fewer_rows_than_columns():
    """Few rows of a coalition span no volume; few rows in all are valued within their own span."""
    X = cloud(5, 8, 7)
    game = VolumeGame(X, omega=0)
    assert game.rank == 5
    np.testing.assert_allclose(game(bits_of(5)), np.arange(32) == 31, atol=1e-12)
    assert np.isfinite(run(X, stop=Stop(evals=100)).values).all()


@pytest.mark.parametrize("X", [np.zeros((4, 2)), np.full((3, 1), 0.1), np.array([[2.0, 5.0]])])
def test_rows_that_are_all_alike_are_worth_nothing(X):
    """Where no column varies there is nothing to span, and the values are 0 exactly."""
    valuation = run(X)
    assert valuation.status is Status.exact
    np.testing.assert_array_equal(valuation.values, 0)


def test_many_columns_do_not_overflow():
    """The volume of 400 rows in 300 columns, whose determinant is beyond all floats, has a finite share."""
    game = VolumeGame(1e3 * cloud(400, 300, 8), omega=0)
    grown = game.grow(np.arange(400)[None])[0]
    assert np.isfinite(grown).all()
    assert grown[-1] == pytest.approx(1)
    assert (np.diff(grown) >= -1e-12).all()


def test_other_semivalues_may_ask_the_game():
    """The game is one of the user's own: Banzhaf values of it are positive, for more rows is more volume."""
    X = cloud(8, 2, 9)
    problem = Problem(Data(X), game=VolumeGame(X, omega=0))
    assert (value(problem, Banzhaf(), stop=Stop(evals=3000), progress=False).values > 0).all()


def test_owners_are_valued_by_the_volume_of_all_their_rows():
    """Owners as players: within 4 standard errors of enumeration, and the one who copied gains nothing."""
    X, owners = cloud(30, 2, 11), np.repeat(["ann", "bob", "cat"], 10)
    copied, more = np.vstack([X, X[:10], X[:10]]), np.append(owners, ["ann"] * 20)
    values = []
    for rows, names in ((X, owners), (copied, more)):
        game = VolumeGame(rows, omega=0.1)
        held = bits_of(3)[:, np.unique(names, return_inverse=True)[1]]
        truth = shapley(game(held))
        problem = Problem(Data(rows, groups=names), game=game)
        valuation = value(problem, "Shapley", players="groups", stop=Stop(evals=2000), progress=False)
        error = 1e-12 if valuation.stderr is None else 4 * valuation.stderr
        assert (np.abs(valuation.values - truth) <= error).all()
        values.append(truth)
    np.testing.assert_allclose(values[0], values[1], rtol=5e-4)


@pytest.mark.parametrize("thing", [RobustVolume, lambda omega: VolumeGame(np.eye(2), omega=omega)])
@pytest.mark.parametrize("omega", [-0.1, np.nan, np.inf])
def test_refuses_a_width_that_is_none(thing, omega):
    """The width of a cell is a number, 0 or more."""
    with pytest.raises(AssayError, match="omega is"):
        thing(omega=omega)
