"""Games and the games that wrap them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from truth import Notebook, bits_of, random_game, two_clouds

from assay import AssayError, CachedGame, Game, ModelGame, OrderedGame, ParallelGame, TableGame
from assay._game import ordered, prefixes


class Plain:
    """A game that cannot grow, and counts what it is asked."""

    def __init__(self, game: TableGame) -> None:
        self.game, self.n, self.asked = game, game.n, 0

    def __call__(self, coalitions):
        """Worths of coalitions."""
        self.asked += len(coalitions)
        return self.game(coalitions)


def test_a_table_is_read_by_bits():
    """Row i is in coalition b where bit i of b is set."""
    game = random_game(5, 0)
    np.testing.assert_array_equal(game(bits_of(5)), game.worths)


@given(st.permutations(range(6)), st.integers(0, 6), st.integers(1, 7))
def test_prefixes_are_the_first_rows_of_an_order(order, start, more):
    """The coalition of size s holds the first s rows."""
    stop = min(start + more, 7)
    masks = prefixes(np.array(order), start, stop)
    assert [set(np.flatnonzero(mask)) for mask in masks] == [set(order[:s]) for s in range(start, stop)]


def grown_by_hand(game, orders):
    """Ask for every prefix one at a time."""
    return np.array([[game(prefixes(o, s, s + 1))[0] for s in range(game.n + 1)] for o in orders])


@pytest.mark.parametrize(
    "wrap",
    [
        lambda game: game,
        lambda game: ordered(Plain(game)),
        lambda game: CachedGame(Plain(game), Notebook(), b"k"),
        lambda game: ParallelGame(game, 1),
        lambda game: ParallelGame(game, 2),
    ],
    ids=["table", "asked", "cached", "one worker", "two workers"],
)
def test_growing_is_asking_for_every_prefix(wrap):
    """However a game is wrapped, `grow` and the call give the worths of the table."""
    table = random_game(6, 1)
    game, orders = wrap(table), np.array([np.random.default_rng(s).permutation(6) for s in range(3)])
    assert isinstance(game, Game)
    assert isinstance(game, OrderedGame)
    for some in (orders, orders[:1], orders[:0]):
        got = game.grow(some)
        assert got.shape == (len(some), 7)
        if len(some):
            np.testing.assert_array_equal(got, grown_by_hand(table, some))
    coalitions = bits_of(6)[[5, 0, 63, 5]]
    np.testing.assert_array_equal(game(coalitions), table(coalitions))
    assert game(coalitions[:0]).shape == (0,)


def test_long_orders_are_asked_in_blocks():
    """An order of 150 rows is never asked as one mask of 151 lines."""
    sizes = []

    class Size:
        n = 150

        def __call__(self, coalitions):
            sizes.append(len(coalitions))
            return coalitions.sum(axis=1).astype(float)

    got = ordered(Size()).grow(np.random.default_rng(0).permutation(150)[None])
    np.testing.assert_array_equal(got, [np.arange(151.0)])
    assert max(sizes) <= 64


def test_a_tolerance_cuts_an_order_short():
    """After a prefix as good as all rows nothing is asked, and its worth is repeated."""
    table = TableGame(np.minimum(bits_of(6).sum(axis=1), 3).astype(float))
    plain = Plain(table)
    got = ordered(plain).grow(np.arange(6)[None], tolerance=0.5)
    np.testing.assert_array_equal(got, [[0, 1, 2, 3, 3, 3, 3]])
    assert plain.asked == 1 + 4
    np.testing.assert_array_equal(table.grow(np.arange(6)[None], tolerance=0.5), got)


def test_a_cached_game_asks_once():
    """A coalition is evaluated once: in one batch, in later ones, and by another game of the same key."""
    plain, memory = Plain(random_game(5, 2)), Notebook()
    game = CachedGame(plain, memory, b"one", block=2)
    coalitions = bits_of(5)[[3, 3, 8, 3, 9, 10, 11]]
    for _ in range(2):
        np.testing.assert_array_equal(game(coalitions), plain.game(coalitions))
    assert plain.asked == 5
    CachedGame(plain, memory, b"one")(coalitions)
    assert plain.asked == 5
    CachedGame(plain, memory, b"two")(coalitions)
    assert plain.asked == 10


def test_prefixes_are_remembered_one_by_one():
    """Where growing is no cheaper than asking, orders and coalitions share what is known of a prefix."""
    plain = Plain(random_game(4, 3))
    game, order = CachedGame(plain, Notebook(), b"k"), np.array([[2, 0, 3, 1]])
    whole = game.grow(order)
    assert plain.asked == 5
    cut = game.grow(order, tolerance=1e9)
    game(bits_of(4)[[0, 4, 5, 13, 15]])
    assert plain.asked == 5
    game.grow(np.array([[2, 0, 1, 3]]))  # shares all prefixes but {0, 1, 2}
    assert plain.asked == 6
    np.testing.assert_array_equal(whole, plain.game.grow(order))
    np.testing.assert_array_equal(cut, np.full((1, 5), plain.game.worths[0]))


def test_orders_that_grow_are_remembered_apart():
    """Where growing is cheaper, an order, the same one cut short, and a coalition never share a memory."""
    table = random_game(4, 3)

    class Growing(Plain):
        incremental = True

        def grow(self, orders, *, tolerance=0.0):
            self.asked += 5
            return table.grow(orders, tolerance=tolerance)

    plain = Growing(table)
    game, order = CachedGame(plain, Notebook(), b"k"), np.array([[2, 0, 3, 1]])
    whole = game.grow(order)
    cut = game.grow(order, tolerance=1e9)
    assert plain.asked == 10
    np.testing.assert_array_equal(whole, table.grow(order))
    np.testing.assert_array_equal(cut, np.full((1, 5), table.worths[0]))
    game.grow(order)
    assert plain.asked == 10


@pytest.mark.parametrize("worths", [np.zeros(3), np.zeros(1), np.zeros((2, 2)), np.array([0, np.nan])])
def test_a_table_has_a_finite_worth_for_every_coalition(worths):
    """Other tables are refused."""
    with pytest.raises(AssayError, match=r"TableGame\.worths"):
        TableGame(worths)


def test_refits_are_the_same_bits_in_two_workers():
    """A refitted model's worths do not depend on who refits it."""
    game = ModelGame(two_clouds())
    orders = np.array([np.random.default_rng(0).permutation(game.n)])
    coalitions = np.random.default_rng(1).random((9, game.n)) < 0.5
    apart = ParallelGame(game, 2)
    assert apart(coalitions).tobytes() == game(coalitions).tobytes()
    assert apart.grow(orders).tobytes() == game.grow(orders).tobytes()
    assert apart.grow(orders, tolerance=0.1).tobytes() == game.grow(orders, tolerance=0.1).tobytes()
