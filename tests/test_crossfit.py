"""Cross-fitting: which folds value a row, and how they are put together."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from assay import AssayError, Data, KNNShapley, LeaveOneOut, Problem, Status, Stop, value
from assay._crossfit import folds

RNG = np.random.default_rng(0)
X = RNG.normal(size=(53, 2))
Y = np.where(np.arange(53) % 4 == 0, "rare", "usual")


def test_every_row_judges_once_and_never_itself():
    """Folds part the rows: judges and valued rows of a fold share none, and each row judges once."""
    parts = folds(Problem(Data(X, Y)), seed=1)
    assert sorted(np.concatenate([part.judges for part in parts]).tolist()) == list(range(53))
    for part in parts:
        assert sorted([*part.rows, *part.judges]) == list(range(53))
        assert np.sum(Y[part.judges] == "rare") in (2, 3)  # of 14 in all


def test_groups_stay_together():
    """No group is on both sides of a fold, for classes and for numbers."""
    groups = np.arange(53) // 4
    for y in (Y, X[:, 0]):
        for part in folds(Problem(Data(X, y, groups=groups)), seed=1):
            assert not set(groups[part.rows]) & set(groups[part.judges])


def test_values_are_the_mean_over_the_judges_of_the_other_folds():
    """By hand: value each fold's rows by its judges, and average over all judges a row had."""
    problem = Problem(Data(X, Y))
    got = value(problem, KNNShapley(k=3, per_valid=True), seed=4, progress=False)
    total, count = np.zeros(53), np.zeros(53)
    for part in folds(problem, seed=4):
        apart = Problem(problem.train.take(part.rows), problem.train.take(part.judges))
        by_fold = value(apart, KNNShapley(k=3, per_valid=True), progress=False)
        total[part.rows] += by_fold.per_valid.sum(axis=1)
        count[part.rows] += len(part.judges)
        np.testing.assert_array_equal(got.per_valid[np.ix_(part.rows, part.judges)], by_fold.per_valid)
        assert np.isnan(got.per_valid[np.ix_(part.judges, part.judges)]).all()
    np.testing.assert_allclose(got.values, total / count, atol=1e-15)
    assert got.status is Status.exact
    assert got.method == "KNNShapley, cross-fitted in 5 folds"


def test_sampled_values_and_games_are_cross_fitted_too():
    """Standard errors of the folds combine, evaluations add up, and a game is made for each fold."""
    problem = Problem(Data(X[:30], Y[:30]), model=GaussianNB())
    exact = value(problem, LeaveOneOut(), progress=False)
    assert exact.evals == sum(len(part.rows) + 1 for part in folds(problem, seed=0))
    assert exact.status is Status.exact
    sampled = value(problem, "Banzhaf", stop=Stop(evals=2000), progress=False)
    assert sampled.status is Status.budget
    assert 1000 < sampled.evals <= 2000
    assert (sampled.stderr > 0).all()


@pytest.mark.parametrize(
    "data",
    [Data([[0.0]], ["a"]), Data(X[:4], ["a", "b", "c", "d"]), Data(X[:4], [0, 0, 1, 1], groups=[1, 1, 1, 1])],
)
def test_too_few_to_part_is_an_error(data):
    """One row, one row a class or one group cannot be parted, and the fix is named."""
    with pytest.raises(AssayError, match=r"Problem\(valid="):
        value(Problem(data), "KNNShapley", progress=False)


@pytest.mark.parametrize("n", [6, 9, 11, 12])
@pytest.mark.parametrize("name", ["Shapley", "Banzhaf", "KernelShapley", "LeastCore", "GroupTesting"])
def test_folds_that_are_exact_wait_for_the_others(name, n):
    """Few rows in folds of different sizes: a fold that is done stays as it is while others go on."""
    rng = np.random.default_rng(n)
    problem = Problem(Data(rng.normal(size=(n, 2)), np.arange(n) % 2), None, GaussianNB())
    valuation = value(problem, name, stop=Stop(evals=2000), progress=False)
    assert np.isfinite(valuation.values).all()
    assert valuation.evals <= 2000
