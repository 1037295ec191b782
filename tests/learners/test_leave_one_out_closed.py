"""Leave-one-out in closed form is that of fits without each row."""

from __future__ import annotations

import numpy as np
import pytest
from refits import odd_problem, refit_worths, twin
from sklearn import linear_model as linear
from sklearn.neighbors import NearestCentroid

from assay._learners._centroid import Centroid
from assay._learners._leave_one_out import leave_one_out
from assay._learners._logistic import LogisticRegression
from assay._learners._ridge import LinearRegression, Ridge, RidgeClassifier


def check(kind, problem, atol):
    """Hold the closed form against refits without each row."""
    worths = leave_one_out(twin(kind, problem))
    assert worths is not None
    np.testing.assert_allclose(worths, refit_worths(problem, ~np.eye(problem.n, dtype=bool)), atol=atol)


@pytest.mark.parametrize("kind", ["two", "wide", "copies", "constant"])
@pytest.mark.parametrize("intercept", [True, False])
def test_ridge(kind, intercept):
    """Few rows, rows that are there three times, constant columns."""
    model = linear.Ridge(alpha=0.1, fit_intercept=intercept)
    check(Ridge, odd_problem(kind, model, "neg_mean_squared_error", numbers=True), 1e-8)


@pytest.mark.parametrize("kind", ["two", "wide", "copies", "constant"])
def test_least_squares(kind):
    """By the hat matrix; where rows are fewer than features every leverage is 1."""
    problem = odd_problem(kind, linear.LinearRegression(), "neg_mean_squared_error", numbers=True)
    check(LinearRegression, problem, 1e-8)


def test_a_leverage_of_one_is_refitted():
    """A column that only one row fills."""
    problem = odd_problem("two", linear.LinearRegression(), "neg_mean_squared_error", numbers=True)
    X = problem.train.X.copy()
    X[:, 0] = 0.0
    X[4, 0] = 1.0
    lonely = type(problem)(
        type(problem.train)(X, problem.train.y), problem.valid, problem.model, problem.score
    )
    check(LinearRegression, lonely, 1e-8)


@pytest.mark.parametrize("kind", ["two", "four", "rare", "unseen", "wide"])
@pytest.mark.parametrize("weights", [None, "balanced", {0: 0.5, 2: 3.0, 4: 1.5, 6: 1.0}], ids=str)
def test_ridge_classifier(kind, weights):
    """Weights that change with the row that is gone, too."""
    check(RidgeClassifier, odd_problem(kind, linear.RidgeClassifier(class_weight=weights)), 1e-12)


@pytest.mark.parametrize("kind", ["skewed", "unseen", "wide", "copies", "constant"])
@pytest.mark.parametrize("weights", [None, "balanced", {0: 0.5, 2: 3.0}], ids=str)
@pytest.mark.parametrize("score", ["accuracy", "neg_log_loss"])
def test_logistic(kind, weights, score):
    """Every row certified."""
    model = linear.LogisticRegression(class_weight=weights, solver="newton-cholesky", tol=1e-12)
    check(LogisticRegression, odd_problem(kind, model, score, n=24), 1e-12 if score == "accuracy" else 2e-4)


def test_a_class_of_one_row():
    """Without it one class is left, which is what every row is worth."""
    problem = odd_problem("two", linear.RidgeClassifier(), n=12)
    y = problem.train.y.copy()
    y[:], y[3] = 0, 2
    alone = type(problem)(type(problem.train)(problem.train.X, y), problem.valid, problem.model)
    check(RidgeClassifier, alone, 1e-12)


def test_learners_without_a_closed_form():
    """Other models, and more classes."""
    assert leave_one_out(twin(Centroid, odd_problem("two", NearestCentroid()))) is None
    assert leave_one_out(twin(LogisticRegression, odd_problem("four", linear.LogisticRegression()))) is None
