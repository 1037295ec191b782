"""The twins of Ridge, RidgeClassifier and LinearRegression answer as refits do."""

from __future__ import annotations

import numpy as np
import pytest
from refits import KINDS, check_begin, check_refits, odd_problem, own_score, twin
from sklearn import linear_model as linear

from assay._learners._question import Question
from assay._learners._ridge import LinearRegression, Ridge, RidgeClassifier

PLAIN = [kind for kind in KINDS if kind not in ("shifted", "rare", "unseen", "text", "four", "two")]
WEIGHTS = {0: 0.5, 2: 3.0, 4: 1.5, 6: 1.0}


class Tuned(linear.Ridge):
    """A subclass may do anything."""


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize(
    "settings", [{}, {"alpha": 1e-4}, {"fit_intercept": False, "solver": "svd"}], ids=str
)
def test_ridge_is_that_of_refits(kind, settings):
    """With and without an intercept, few rows, collinear and constant columns."""
    problem = odd_problem(kind, linear.Ridge(**settings), "neg_mean_squared_error", numbers=True)
    check_refits(Ridge, problem, atol=1e-7, rtol=1e-7)


@pytest.mark.parametrize("score", ["r2", "neg_root_mean_squared_error", own_score])
def test_ridge_scores(score):
    """Scores with a kernel and without."""
    check_refits(Ridge, odd_problem("two", linear.Ridge(), score, numbers=True))


def test_columns_far_from_zero_lose_no_digits():
    """Means a thousand times the spread, and scales that differ by a million."""
    problem = odd_problem("shifted", linear.Ridge(), "r2", numbers=True)
    check_refits(Ridge, problem, atol=1e-6, rtol=1e-6)


def test_long_orders_do_not_drift():
    """After 150 rows, two of them refreshing the inverse, answers are those of a fit at once."""
    problem = odd_problem("wide", linear.Ridge(alpha=0.01), "r2", numbers=True, n=150)
    learner = twin(Ridge, problem)
    answers = np.empty((150, 15, 1))
    learner.join(learner.begin(), np.arange(150), answers)
    model = linear.Ridge(alpha=0.01, solver="svd").fit(problem.train.X, problem.train.y)
    np.testing.assert_allclose(answers[-1, :, 0], model.predict(problem.valid.X), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("intercept", [True, False])
def test_least_squares_is_that_of_refits(kind, intercept):
    """The solution of least norm while rows are few or collinear, then the only one."""
    model = linear.LinearRegression(fit_intercept=intercept)
    check_refits(
        LinearRegression,
        odd_problem(kind, model, "neg_mean_squared_error", numbers=True),
        atol=1e-6,
        rtol=1e-6,
    )


def test_a_far_row_takes_least_squares_back_to_refits():
    """A row so far away that the cut-off drops other directions, after rows already joined one by one."""
    problem = odd_problem("two", linear.LinearRegression(), "neg_mean_squared_error", numbers=True)
    X = problem.train.X.copy()
    X[9, 0] *= 1e8
    far = type(problem)(type(problem.train)(X, problem.train.y), problem.valid, problem.model, problem.score)
    check_refits(LinearRegression, far, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [None, "balanced"])
def test_classes_are_those_of_refits(kind, weights):
    """Two classes and more, classes that few rows have or none, text."""
    check_refits(RidgeClassifier, odd_problem(kind, linear.RidgeClassifier(class_weight=weights)))


@pytest.mark.parametrize("kind", ["two", "four", "rare", "unseen", "wide"])
@pytest.mark.parametrize("weights", [WEIGHTS, {0: 4.0}, {0: 2.0, 4: 0.5}], ids=str)
@pytest.mark.parametrize("score", ["f1_macro", own_score])
def test_weights_of_classes(kind, weights, score):
    """Also dictionaries that name some classes only, with which scikit-learn refuses some coalitions."""
    check_refits(RidgeClassifier, odd_problem(kind, linear.RidgeClassifier(class_weight=weights), score))


@pytest.mark.parametrize("kind", ["two", "four"])
def test_states_are_independent(kind):
    """Chunks do not matter, orders by rounding only."""
    check_begin(RidgeClassifier, odd_problem(kind, linear.RidgeClassifier()))
    check_begin(Ridge, odd_problem(kind, linear.Ridge(), "r2", numbers=True))


@pytest.mark.parametrize(
    "model",
    [
        linear.Ridge(alpha=0), linear.Ridge(positive=True), linear.Ridge(solver="lsqr"), Tuned(),
        linear.Ridge(alpha=[1.0]), linear.Ridge(alpha=1e-12), linear.LinearRegression(),
    ],
    ids=str,
)  # fmt: skip
def test_other_regressions_are_declined(model):
    """No twin for settings that it would not answer alike."""
    assert Ridge.twin_of(model, Question(odd_problem("two", model, "r2", numbers=True))) is None


def test_other_settings_of_classifiers_and_least_squares_are_declined():
    """Probabilities, weights of nothing, positive coefficients."""
    for model, score in [
        (linear.RidgeClassifier(), "roc_auc"), (linear.RidgeClassifier(class_weight={0: 0.0}), "accuracy"),
        (linear.LogisticRegression(), "accuracy"),
    ]:  # fmt: skip
        assert RidgeClassifier.twin_of(model, Question(odd_problem("two", model, score))) is None
    model = linear.LinearRegression(positive=True)
    question = Question(odd_problem("two", model, "r2", numbers=True))
    assert LinearRegression.twin_of(model, question) is None
