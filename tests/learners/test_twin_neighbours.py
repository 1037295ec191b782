"""The twins of KNeighborsClassifier and KNeighborsRegressor answer as refits do."""

from __future__ import annotations

import numpy as np
import pytest
from refits import KINDS, check_begin, check_refits, odd_problem, own_score, twin
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, RadiusNeighborsClassifier

from assay import Data, Problem
from assay._learners import _neighbours
from assay._learners._drive import ask, grow
from assay._learners._neighbours import Neighbours
from assay._learners._question import Question


class Tuned(KNeighborsClassifier):
    """A subclass may do anything."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_classes_are_voted_for_as_in_refits(kind, weights):
    """Labels by accuracy and shares of votes by log loss."""
    score = "accuracy" if weights == "uniform" and kind != "rare" else "neg_log_loss"
    check_refits(Neighbours, odd_problem(kind, KNeighborsClassifier(3, weights=weights), score), atol=1e-6)


@pytest.mark.parametrize("kind", ["two", "wide", "copies", "shifted"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_numbers_are_averaged_as_in_refits(kind, weights):
    """Means of labels, weighted or not."""
    model = KNeighborsRegressor(4, weights=weights)
    score = "neg_mean_absolute_error" if kind == "wide" else own_score if kind == "copies" else "r2"
    check_refits(Neighbours, odd_problem(kind, model, score, numbers=True), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    "how",
    [
        {"p": 1},
        {"p": 3},
        {"p": 1.5},
        {"p": np.inf},
        {"metric": "manhattan"},
        {"metric": "chebyshev"},
        {"metric": "l2", "algorithm": "ball_tree"},
        {"algorithm": "kd_tree", "leaf_size": 2},
        {"algorithm": "brute"},
    ],
    ids=str,
)
def test_distances_and_searches(how):
    """Every Minkowski distance; the search makes no difference."""
    check_refits(Neighbours, odd_problem("four", KNeighborsClassifier(2, **how), own_score))


@pytest.mark.parametrize("k", [1, 2, 17, 18])
def test_numbers_of_neighbours(k):
    """One, an even number (votes tie: the first class), nearly all, all; fewer rows than k are refused."""
    check_refits(Neighbours, odd_problem("four", KNeighborsClassifier(k)))
    check_refits(Neighbours, odd_problem("two", KNeighborsRegressor(k), "r2", numbers=True))


def test_a_validation_row_that_was_learnt():
    """With weights by distance it outweighs the others."""
    for algorithm in ("kd_tree", "ball_tree"):
        model = KNeighborsClassifier(3, weights="distance", algorithm=algorithm)
        p = odd_problem("four", model, "neg_log_loss")
        check_refits(Neighbours, Problem(p.train, p.train, p.model, p.score))


def test_of_rows_at_one_distance_the_earlier_is_nearer():
    """In whatever order they join."""
    problem = Problem(
        Data(np.ones((4, 1)), [2, 1, 0, 1]), Data(np.zeros((1, 1)), [2]), KNeighborsClassifier(1)
    )
    learner = twin(Neighbours, problem)
    worths = grow(learner, np.array([[3, 2, 1, 0], [0, 1, 2, 3]]))
    np.testing.assert_array_equal(worths[:, 2:], [[0, 0, 1], [1, 1, 1]])


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_without_the_table_of_distances_worths_are_the_same(monkeypatch, weights):
    """To the last bit: the same distances, measured as rows join."""
    problem = odd_problem("four", KNeighborsClassifier(2, weights=weights), "neg_log_loss")
    orders = np.array([np.random.default_rng(0).permutation(problem.n)])
    coalitions = np.random.default_rng(1).random((9, problem.n)) < 0.8
    with_table = grow(twin(Neighbours, problem), orders), ask(twin(Neighbours, problem), coalitions)
    monkeypatch.setattr(_neighbours, "TABLE_PAIRS", 0)
    np.testing.assert_array_equal(grow(twin(Neighbours, problem), orders), with_table[0])
    np.testing.assert_array_equal(ask(twin(Neighbours, problem), coalitions), with_table[1])


@pytest.mark.parametrize("kind", ["two", "four", "copies"])
def test_states_are_independent_and_orders_do_not_matter(kind):
    """Two states grown in turns, in chunks, from both ends."""
    check_begin(Neighbours, odd_problem(kind, KNeighborsClassifier(3, weights="distance"), "neg_log_loss"))
    check_begin(Neighbours, odd_problem("two", KNeighborsRegressor(3), "r2", numbers=True))


@pytest.mark.parametrize(
    "model",
    [
        Tuned(),
        RadiusNeighborsClassifier(),
        Ridge(),
        None,
        KNeighborsRegressor(),
        KNeighborsClassifier(19),
        KNeighborsClassifier(weights=np.exp),
        KNeighborsClassifier(metric="cosine"),
        KNeighborsClassifier(metric=lambda a, b: 0.0),
        KNeighborsClassifier(metric_params={"w": np.ones(4)}),
        KNeighborsClassifier(p=0.5),
    ],
    ids=lambda model: repr(model)[:40],
)
def test_what_is_declined(model):
    """Other classes, subclasses, other metrics, and what scikit-learn refuses for all rows."""
    assert Neighbours.twin_of(model, Question(odd_problem("two", None))) is None


def test_a_classifier_of_numbers_is_declined():
    """Labels that a score takes for numbers have no votes."""
    problem = odd_problem("two", KNeighborsClassifier(), "r2", numbers=True)
    assert Neighbours.twin_of(problem.model, Question(problem)) is None
