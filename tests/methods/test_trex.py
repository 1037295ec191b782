"""TREX and TreeSim against dense features and another optimiser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from frozen_trees import frozen, small
from scipy.optimize import minimize
from sklearn.ensemble import RandomForestRegressor

from assay import TREX, AssayError, TreeSim, value

LAMBDA = 0.003
HALF = [("boosting", "two classes"), ("lightgbm", "three classes"), ("xgboost", "numbers")]


def scores(problem, method):
    """Scores for each judge."""
    return value(problem, method, progress=False).per_valid


def features(rows, judges):
    """Dense features of rows and judges: one over the rows of their leaf, for every tree."""
    blocks = []
    for s in range(rows.shape[1]):
        for leaf in np.unique(rows[:, s]):
            count = (rows[:, s] == leaf).sum()
            blocks.append([(rows[:, s] == leaf) / count, (judges[:, s] == leaf) / count])
    return tuple(np.array([block[side] for block in blocks]).T for side in (0, 1))


def mean_loss(F, y, task):
    """Each row's loss, and the gradient by its scores."""
    if task == "numbers":
        return (F[:, 0] - y) ** 2 / 2, F - y[:, None]
    if task == "two classes":
        p = 1 / (1 + np.exp(-F[:, 0]))
        return -np.log(np.where(y == 1, p, 1 - p)), (p - y)[:, None]
    p = np.exp(F) / np.exp(F).sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]), p - np.eye(3)[y]


@pytest.mark.parametrize(("library", "task"), HALF)
def test_trex_is_what_is_lost_without_a_term(library, task):
    """A score is the loss of the fitted linear model without the row's term, minus that with it."""
    case = frozen(library, task)
    y, asked = case.problem.train.y, case.problem.valid.y
    n, m, outputs = len(y), len(asked), case.outputs
    A, B = features(case.rows.reshape(n, -1), case.judges.reshape(m, -1))

    def objective(flat):
        W = flat.reshape(-1, outputs)
        losses, slopes = mean_loss(A @ W, y, task)
        return losses.mean() + LAMBDA * (W**2).sum(), (A.T @ slopes / n + 2 * LAMBDA * W).ravel()

    rules = {"ftol": 1e-16, "gtol": 1e-12, "maxiter": 5000, "maxfun": 100000, "maxcor": 50}
    found = minimize(objective, np.zeros(A.shape[1] * outputs), jac=True, method="L-BFGS-B", options=rules)
    W = found.x.reshape(-1, outputs)
    terms = -mean_loss(A @ W, y, task)[1] / (2 * LAMBDA * n)
    np.testing.assert_allclose(A.T @ terms, W, atol=1e-7)  # the representer theorem
    before = mean_loss(B @ W, asked, task)[0]
    expected = [mean_loss(B @ W - np.outer(B @ A[i], terms[i]), asked, task)[0] - before for i in range(n)]
    np.testing.assert_allclose(scores(case.problem, TREX()), expected, atol=1e-6)


@pytest.mark.parametrize(("library", "task"), HALF[:2])
def test_tree_sim_of_classes(library, task):
    """A score is the inner product of dense features, less than 0 where the classes differ."""
    case = frozen(library, task)
    A, B = features(case.rows.reshape(len(case.rows), -1), case.judges.reshape(len(case.judges), -1))
    sign = np.where(case.problem.train.y[:, None] == case.problem.valid.y, 1, -1)
    np.testing.assert_allclose(scores(case.problem, TreeSim()), sign * (A @ B.T), atol=1e-14)


def test_tree_sim_of_numbers_in_a_forest():
    """Of numbers the sign says if row and judge are on one side of the prediction; trees count once."""
    problem = small("numbers")
    model = RandomForestRegressor(n_estimators=5, max_depth=3, random_state=0)
    model.fit(problem.train.X, problem.train.y)
    A, B = features(model.apply(problem.train.X), model.apply(problem.valid.X))
    said = model.predict(problem.valid.X)
    sign = np.where((problem.train.y[:, None] >= said) == (problem.valid.y >= said), 1, -1)
    expected = sign * (A @ B.T)
    np.testing.assert_allclose(scores(replace(problem, model=model), TreeSim()), expected, atol=1e-14)


@pytest.mark.parametrize("method", [TREX, TreeSim])
def test_means_alone_are_the_means(method):
    """Without `per_valid` the values are the same, and no scores are kept."""
    problem = frozen("boosting", "two classes").problem
    kept, alone = (value(problem, method(per_valid=how), progress=False) for how in (True, False))
    np.testing.assert_array_equal(alone.values, kept.values)
    assert alone.per_valid is None


@pytest.mark.parametrize("ridge", [0, -1.0, float("nan"), "small", True])
def test_ridge_is_checked(ridge):
    """`TREX.ridge` is a number above 0."""
    with pytest.raises(AssayError, match=r"TREX\.ridge is .*; it needs to be a number above 0"):
        TREX(ridge=ridge)


@pytest.mark.parametrize("method", [TREX, TreeSim])
def test_per_valid_is_checked(method):
    """`per_valid` is True or False."""
    with pytest.raises(AssayError, match=rf"{method.__name__}\.per_valid is 'no'; it needs to be True"):
        method(per_valid="no")
