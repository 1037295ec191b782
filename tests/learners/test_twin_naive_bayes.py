"""The twin of GaussianNB answers as refits do."""

from __future__ import annotations

import numpy as np
import pytest
from refits import KINDS, check_begin, check_refits, odd_problem, own_score, twin
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import BernoulliNB, GaussianNB

from assay import Data, Problem
from assay._learners._drive import ask
from assay._learners._naive_bayes import NaiveBayes
from assay._learners._question import Question


class Tuned(GaussianNB):
    """A subclass may do anything."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("score", ["accuracy", "neg_log_loss"])
def test_worths_are_those_of_refits(kind, score):
    """Every kind of problem, scores of labels and of probabilities."""
    check_refits(NaiveBayes, odd_problem(kind, GaussianNB(), score))


@pytest.mark.parametrize("score", ["f1_macro", own_score])
def test_scores_of_labels(score):
    """By name and of one's own."""
    check_refits(NaiveBayes, odd_problem("rare", GaussianNB(), score))


@pytest.mark.parametrize("smoothing", [1e-9, 1e-3, 2.0])
def test_the_smoothing_is_a_share_of_the_largest_variance(smoothing):
    """Of the coalition: it moves with every row."""
    check_refits(NaiveBayes, odd_problem("shifted", GaussianNB(var_smoothing=smoothing), "neg_log_loss"))


def test_priors_are_for_as_many_classes_as_they_are():
    """A coalition that lacks a class is refused, and worth its commonest class."""
    model = GaussianNB(priors=[0.2, 0.5, 0.3])
    check_refits(NaiveBayes, odd_problem("rare", model))
    check_refits(NaiveBayes, odd_problem("rare", model, "neg_log_loss", seed=1))


@pytest.mark.parametrize("score", ["accuracy", "neg_log_loss", "f1_macro", own_score])
def test_rows_that_are_all_the_same(score):
    """Labels: the first class. Probabilities: nan, so refused, so the commonest class."""
    X, V = np.ones((7, 2)), np.arange(6.0).reshape(3, 2)
    X[6] = 2
    problem = Problem(Data(X, [1, 1, 0, 1, 0, 1, 0]), Data(V, [0, 1, 1]), GaussianNB(), score)
    check_refits(NaiveBayes, problem)


@pytest.mark.parametrize("kind", ["two", "four", "wide"])
def test_states_are_independent_and_orders_matter_by_rounding_only(kind):
    """Two states grown in turns, in chunks, from both ends."""
    check_begin(NaiveBayes, odd_problem(kind, GaussianNB(), "neg_log_loss"))


@pytest.mark.parametrize(
    "model",
    [
        Tuned(),
        BernoulliNB(),
        Ridge(),
        None,
        GaussianNB(var_smoothing=0),
        GaussianNB(priors=[0.5, 0.2, 0.3]),
        GaussianNB(priors=[0.5, 0.6]),
        GaussianNB(priors=[-0.5, 1.5]),
    ],
    ids=repr,
)
def test_what_is_declined(model):
    """Other classes, subclasses, and settings that scikit-learn refuses or answers with nan."""
    problem = odd_problem("two", GaussianNB())
    assert NaiveBayes.twin_of(model, Question(problem)) is None


def test_no_rows_are_worth_a_guess():
    """The empty coalition of three classes."""
    problem = odd_problem("rare", GaussianNB())
    assert ask(twin(NaiveBayes, problem), np.zeros((1, problem.n), bool))[0] == pytest.approx(1 / 3)
