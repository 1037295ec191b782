"""ParallelGame: whoever asks, and however the batch is cut, the worths are the same bits."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.tree import DecisionTreeClassifier
from truth import bits_of, random_game, two_clouds

from assay import AssayError, CachedGame, ModelGame, ParallelGame, TableGame
from assay._game import ordered, prefixes
from assay._parallel_game import _Pace
from assay._seeded import SeededCoalitions, SeededOrders


class Counted:
    """A game that grows, and writes down which thread grew which orders."""

    def __init__(self, game: TableGame, incremental: bool) -> None:
        self.game, self.n, self.incremental = game, game.n, incremental
        self.seen: list[tuple[int, str, int]] = []

    def __call__(self, coalitions):
        """Worths of coalitions."""
        self.seen.append((threading.get_ident(), "ask", len(coalitions)))
        return self.game(coalitions)

    def grow(self, orders, *, tolerance=0.0):
        """Worths of prefixes."""
        self.seen.append((threading.get_ident(), "grow", len(orders)))
        return self.game.grow(orders, tolerance=tolerance)


class Place:
    """A game whose worth is the number of the process that asks."""

    n = 3

    def __call__(self, coalitions):
        """Worths of coalitions."""
        return np.full(len(coalitions), float(os.getpid()))


TREE = replace(two_clouds(30, 20), model=DecisionTreeClassifier(max_depth=2))


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_same_bits_from_any_workers(n_jobs, backend):
    """A model of chance, asked by one process, two, or threads; drawn from a seed here or there; twice."""
    plain = ModelGame(TREE, seed=4)
    coalitions, orders = SeededCoalitions(30, 1, 5, 50, 0.3), SeededOrders(30, 1, 3, 3, antithetic=True)
    with parallel_config(backend=backend):
        game = ParallelGame(ModelGame(TREE, seed=4), n_jobs)
        for batch in (coalitions, np.asarray(coalitions)):
            assert game(batch).tobytes() == plain(batch).tobytes()
        for batch in (orders, np.asarray(orders)):
            assert game.grow(batch).tobytes() == plain.grow(batch).tobytes()
            cut = game.grow(batch, tolerance=0.1)
            assert cut.tobytes() == plain.grow(batch, tolerance=0.1).tobytes()


def test_wrapped_games_take_seeded_batches():
    """Tables, games that only answer, and a memory in front of workers."""
    table = random_game(6, 0)
    coalitions, orders = SeededCoalitions(6, 0, 0, 40), SeededOrders(6, 0, 0, 5)
    wanted = table(np.asarray(coalitions)), table.grow(np.asarray(orders))
    for game in (table, ordered(Place()), ParallelGame(table, 2), CachedGame(table, Blank(), b"k")):
        if game.n == 6:
            np.testing.assert_array_equal(game(coalitions), wanted[0])
            np.testing.assert_array_equal(game.grow(orders), wanted[1])
        else:
            assert game.grow(SeededOrders(3, 0, 0, 2)).shape == (2, 4)


class Blank:
    """A memory that forgets."""

    def recall(self, keys, width):
        """Nothing."""
        return np.full((len(keys), width), np.nan)

    def remember(self, keys, worths):
        """Nor anything new."""


def test_games_that_grow_are_grown_by_threads():
    """Whole orders, in this process, by more than one thread; other games go to other processes."""
    table = random_game(10, 1)
    counted = Counted(table, incremental=True)
    game, orders = ParallelGame(counted, 2), SeededOrders(10, 0, 0, 200)
    assert game.incremental
    for _ in range(3):  # the first call finds out how long an order takes
        game._pace[1].seconds = 0.01
        np.testing.assert_array_equal(game.grow(orders), table.grow(np.asarray(orders)))
    assert sum(count for _, how, count in counted.seen if how == "grow") == 600
    assert not any(how == "ask" for _, how, _ in counted.seen)
    assert threading.get_ident() not in {thread for thread, _, _ in counted.seen}
    assert not ParallelGame(Counted(table, incremental=False), 2).incremental
    elsewhere = set(ParallelGame(Place(), 2)(bits_of(3)[[1, 2, 3, 4, 5, 6, 7]]))
    assert float(os.getpid()) not in elsewhere


def test_an_executor_of_the_users_is_asked_where_it_has_threads():
    """With two workers and joblib's threads, a game that must not pickle is asked all the same."""
    locked = Place()
    locked.lock = threading.Lock()
    with parallel_config(backend="threading"):
        worths = ParallelGame(locked, 2)(bits_of(3))
    np.testing.assert_array_equal(worths, np.full(8, float(os.getpid())))
    with pytest.raises(AssayError, match="cannot be sent to workers"):
        ParallelGame(locked, 2)(bits_of(3))


@pytest.mark.parametrize("size", [1, 2, 5, 16, 1000])
def test_orders_may_be_cut_anywhere(size, monkeypatch):
    """Stretches of any length, across orders, give the worths of whole orders."""
    monkeypatch.setattr(_Pace, "size", lambda self, left, jobs, least: min(size, left))
    table, orders = random_game(7, 2), SeededOrders(7, 9, 1, 4)
    with parallel_config(backend="threading"):
        game = ParallelGame(Counted(table, incremental=False), 2)
        np.testing.assert_array_equal(game.grow(orders), table.grow(np.asarray(orders)))
        asked = sum(count for _, how, count in game.game.seen if how == "ask")
    assert asked == 4 * 8


def test_tasks_are_few_when_work_is_quick_and_many_at_the_end():
    """A task takes about 0.3 s, but never more than half of a worker's share of what is left."""
    pace = _Pace()
    assert pace.size(1000, 2, 0.01) == 1
    pace.see(0.001, 1)
    assert pace.size(10**6, 2, 0.01) == 300
    assert pace.size(400, 2, 0.01) == 100
    assert pace.size(12, 2, 0.01) == 10  # 10 ms at least
    pace.see(30.0, 10)
    assert pace.size(10**6, 2, 0.01) == 1


def test_long_orders_are_asked_in_blocks():
    """A stretch of 150 prefixes is never one mask of 150 lines."""
    sizes = []

    class Size:
        n = 149

        def __call__(self, coalitions):
            sizes.append(len(coalitions))
            return coalitions.sum(axis=1).astype(float)

    with parallel_config(backend="threading"):
        game = ParallelGame(Size(), 2)
        game._pace[0].seconds = 1e-3
        got = game.grow(np.random.default_rng(0).permutation(149)[None])
    np.testing.assert_array_equal(got, [np.arange(150.0)])
    assert max(sizes) <= 64


def test_an_error_of_the_game_comes_back():
    """From another process, as what it was."""
    model = DecisionTreeClassifier(max_depth=2)
    game = ParallelGame(ModelGame(replace(TREE, model=model, score=no_number)), 2)
    orders = np.array([np.random.default_rng(0).permutation(30)] * 3)
    with pytest.raises(AssayError, match="is nan"):
        game(np.concatenate([prefixes(order, 20, 30) for order in orders]))


def no_number(y_true, y_pred) -> float:
    """A guess is worth 0; any model nothing that can be compared."""
    return 0.0 if (y_pred == y_pred[0]).all() else float("nan")
