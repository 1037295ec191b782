"""Groups as players: their worths, their values, and rows that add up to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from truth import of_game, owen, random_game, shapley, two_clouds

from assay import AssayError, Data, GroupGame, ModelGame, OwenValue, Problem, Shapley, Stop, TableGame, value

OWNERS = np.array(["ann", "bob", "ann", "cy", "bob", "ann"])


def of_groups(worths: np.ndarray) -> np.ndarray:
    """The table of the game of groups, by hand: groups sorted by name."""
    rows = [sum(1 << i for i in np.flatnonzero(name == OWNERS)) for name in ("ann", "bob", "cy")]
    return np.array([worths[sum(r for g, r in enumerate(rows) if b >> g & 1)] for b in range(8)])


def owned(game) -> Problem:
    """Rows with owners."""
    return Problem(Data(np.zeros((6, 1)), groups=OWNERS), game=game)


def test_a_coalition_of_groups_is_worth_all_their_rows():
    """Asked and grown, as by hand."""
    table = random_game(6, 1)
    game = GroupGame(table, OWNERS)
    assert game.names.tolist() == ["ann", "bob", "cy"]
    small = TableGame(of_groups(table.worths))
    orders = np.array([[2, 0, 1], [1, 2, 0]])
    np.testing.assert_array_equal(game.grow(orders), small.grow(orders))
    bits = (np.arange(8)[:, None] >> np.arange(3) & 1).astype(bool)
    np.testing.assert_array_equal(game(bits), small.worths)


def test_a_model_that_grows_row_by_row_grows_group_by_group():
    """The worths of prefixes of groups are those of refits on all their rows."""
    problem = replace(two_clouds(), model=KNeighborsClassifier(3))
    groups = np.arange(problem.n) % 4
    orders = np.array([[3, 1, 0, 2], [0, 1, 2, 3]])
    fast, slow = (GroupGame(ModelGame(problem, refit=refit), groups) for refit in (False, True))
    np.testing.assert_array_equal(fast.grow(orders), slow.grow(orders))


def test_groups_are_valued():
    """Shapley values of owners equal the enumeration of the game of owners, under the owners' names."""
    table = random_game(6, 2)
    found = value(owned(table), Shapley(design="exact"), players="groups", progress=False)
    assert found.ids.tolist() == ["ann", "bob", "cy"]
    np.testing.assert_allclose(found.values, shapley(of_groups(table.worths)), atol=1e-12)


def test_owen_values_equal_the_enumeration_of_orders():
    """Within 4 standard errors; over seeds the errors scatter as those say."""
    table = random_game(6, 3)
    truth = owen(table.worths, OWNERS)
    runs = [
        value(owned(table), OwenValue(), seed=s, stop=Stop(evals=2000), progress=False) for s in range(40)
    ]
    z = np.array([(r.values - truth) / r.stderr for r in runs])
    assert 0.8 < z.std() < 1.2
    assert abs(z.mean()) < 0.3


@pytest.mark.parametrize("evals", [30, 300])
def test_rows_add_up_to_their_groups(evals):
    """With two owners every draw asks both orders, so that the rows' sums are the owners' exact values."""
    table, owners = random_game(6, 4), np.array(["a", "b", "b", "a", "a", "b"])
    problem = Problem(Data(np.zeros((6, 1)), groups=owners), game=table)
    rows = value(problem, OwenValue(), stop=Stop(evals=evals), progress=False).values
    groups = value(problem, Shapley(design="exact"), players="groups", progress=False).values
    np.testing.assert_allclose([rows[owners == name].sum() for name in ("a", "b")], groups, atol=1e-9)


def test_rows_without_groups_are_groups_of_their_own():
    """Then the Owen value is the Shapley value."""
    table = random_game(5, 5)
    found = value(of_game(table), OwenValue(), stop=Stop(evals=20_000), progress=False)
    assert (np.abs(found.values - shapley(table.worths)) < 4 * found.stderr).all()


@pytest.mark.parametrize(
    ("problem", "method", "players", "says"),
    [
        (owned(random_game(6, 0)), "Shapley", "owners", "'rows' or 'groups'"),
        (of_game(random_game(6, 0)), "Shapley", "groups", r"groups=owner_of_each_row"),
        (
            replace(
                two_clouds(), train=Data(two_clouds().train.X, two_clouds().train.y, groups=np.arange(20) % 3)
            ),
            "KNNShapley",
            "groups",
            "asks a game",
        ),
        (
            replace(
                two_clouds(),
                valid=None,
                train=Data(two_clouds().train.X, two_clouds().train.y, groups=np.arange(20) % 3),
            ),
            "Shapley",
            "groups",
            "rows that judge",
        ),
    ],
)
def test_what_cannot_be_valued_by_group_is_refused(problem, method, players, says):
    """Other players, no groups, methods that ask no game, and no judges."""
    with pytest.raises(AssayError, match=says):
        value(problem, method, players=players, progress=False)


def test_a_game_needs_one_group_a_row():
    """Fewer are refused."""
    with pytest.raises(AssayError, match=r"GroupGame\.groups has shape \(2,\)"):
        GroupGame(random_game(3, 0), np.array([1, 2]))
