"""DataOOB against every bag there is, and against a plain loop."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import Ridge

from assay import AssayError, Data, DataOOB, Problem, Status, Stop, value

X4 = np.array([[0.0], [1.0], [1.5], [4.0]])


class Nearest(BaseEstimator):
    """Answers with the label of the nearest row, the first of equals."""

    def fit(self, X, y):
        """Keep the rows."""
        self.X_, self.y_ = X[:, 0], y
        return self

    def predict(self, X):
        """Look the nearest up."""
        return self.y_[np.abs(X[:, :1] - self.X_).argmin(axis=1)]


def enumerated(model, y, outcome) -> np.ndarray:
    """Mean outcome of each of 4 rows over all 81 bags without it."""
    totals, counts = np.zeros(4), np.zeros(4)
    for bag in product(range(4), repeat=4):
        for row in set(range(4)) - set(bag):
            answer = model.fit(X4[list(bag)], y[list(bag)]).predict(X4[[row]])[0]
            totals[row] += outcome(answer, y[row])
            counts[row] += 1
    assert (counts == 81).all()
    return totals / counts


@pytest.mark.parametrize("y", [np.array([0, 1, 0, 1]), np.array(["no", "yes", "no", "no"])])
def test_classes_equal_enumeration_of_all_bags(y):
    """The share of right answers is that over all bags, within 4 standard errors; labels may be text."""
    truth = enumerated(Nearest(), y, lambda answer, label: float(answer == label))
    method = DataOOB(model=Nearest())
    valuation = value(Problem(Data(X4, y)), method, stop=Stop(evals=4000), progress=False)
    assert (np.abs(valuation.values - truth) <= 4 * valuation.stderr).all()
    assert valuation.stderr.max() < 0.02


def test_numbers_equal_enumeration_of_all_bags():
    """For numbers a value is minus the mean squared error over all bags, within 4 standard errors."""
    y = np.array([0.5, -1.0, 2.25, 3.0])
    truth = enumerated(Nearest(), y, lambda answer, label: -((answer - label) ** 2))
    method = DataOOB(model=Nearest())
    valuation = value(Problem(Data(X4, y)), method, stop=Stop(evals=4000), progress=False)
    assert (np.abs(valuation.values - truth) <= 4 * valuation.stderr).all()
    assert (valuation.values < 0).all()


def test_standard_errors_are_honest():
    """Over 40 seeds the errors, in standard errors, scatter as a standard normal does."""
    y = np.array([0, 1, 0, 0])
    truth = enumerated(Nearest(), y, lambda answer, label: float(answer == label))
    method, stop = DataOOB(model=Nearest()), Stop(evals=200)
    runs = [value(Problem(Data(X4, y)), method, stop=stop, seed=s, progress=False) for s in range(40)]
    z = np.array([(run.values - truth) / run.stderr for run in runs])
    assert 0.75 < z.std() < 1.25


def test_every_row_was_out_of_bag_before_the_first_estimate():
    """No estimate is made of no bags: even the smallest budget sees each row out of bag 5 times."""
    X, y = load_breast_cancer(return_X_y=True)
    seen = []
    problem = Problem(Data(X, y))
    last = value(problem, DataOOB(), stop=Stop(evals=1), progress=False, on_estimate=seen.append)
    assert len(seen) == 1
    assert last.draws >= 5
    assert last.status is Status.budget
    assert (last.stderr > 0).all()  # not even where a row was right every time


def test_wrong_labels_come_lowest():
    """Of 30 labels flipped among 569, at least 27 are among the 60 lowest values."""
    X, y = load_breast_cancer(return_X_y=True)
    wrong = np.random.default_rng(0).choice(len(y), 30, replace=False)
    y[wrong] = 1 - y[wrong]
    valuation = value(Problem(Data(X, y)), DataOOB(), stop=Stop(evals=150), progress=False)
    assert len(set(valuation.lowest(60)) & set(wrong)) >= 27


def test_a_model_of_ones_own_is_used():
    """The given model is what is fitted: linear rows are told exactly by ridge, not by a tree."""
    X = load_diabetes(return_X_y=True)[0][:60]
    y = X @ np.arange(10.0) + 0.123
    exact = value(Problem(Data(X, y)), DataOOB(model=Ridge(alpha=1e-10)), stop=Stop(evals=60), progress=False)
    trees = value(Problem(Data(X, y)), DataOOB(), stop=Stop(evals=60), progress=False)
    assert exact.values.min() > -1e-8 > trees.values.max()


@pytest.mark.parametrize(("y", "what"), [([1], "2 rows"), ([1, 1, 1], "all 1")])
def test_refuses_what_has_nothing_to_learn(y, what):
    """One row, or one class, is refused."""
    with pytest.raises(AssayError, match=what):
        value(Problem(Data(np.arange(len(y))[:, None], y)), DataOOB(), progress=False)
