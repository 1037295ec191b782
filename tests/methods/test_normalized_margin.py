"""NormalizedMargin: how far a row's label is ahead of the next."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from truth import two_clouds

from assay import AssayError, Data, NormalizedMargin, Problem, SelfConfidence, Stop, value

CHANCE = np.array(
    [[0.9, 0.05, 0.05], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.5, 0.4, 0.1]]
)
CODES = np.array([0, 1, 2, 1, 2, 0])


class Says(ClassifierMixin, BaseEstimator):
    """Gives row i, whose feature is i, the probabilities CHANCE[i], whatever it was fitted on."""

    def fit(self, X, y):
        """Learn nothing."""
        self.classes_ = np.arange(3)
        return self

    def predict_proba(self, X):
        """Look them up."""
        return CHANCE[X[:, 0].astype(int)]


def run(problem: Problem, method=None, **settings):
    """Value quietly, with few repeats."""
    return value(problem, method or NormalizedMargin(**settings), stop=Stop(evals=30), progress=False)


@pytest.mark.parametrize(
    ("adjust", "right"),
    [
        (False, [0.925, 0.75, 0.55, 0.35, 0.75, 0.55]),
        (True, [20 / 27, 20 / 27, 14 / 27, 12.5 / 27, 18 / 27, 12.5 / 27]),
    ],
)
def test_cleanlabs_numbers(adjust, right):
    """On the same probabilities the values are those of cleanlab 2.9.0, plain and adjusted."""
    problem = Problem(Data(np.arange(6.0)[:, None], CODES), model=Says())
    np.testing.assert_allclose(run(problem, adjust=adjust).values, right, atol=1e-9)


def test_two_classes_are_self_confidence():
    """With two classes the margin is (p - (1 - p) + 1) / 2 = p."""
    problem = two_clouds()
    np.testing.assert_allclose(run(problem).values, run(problem, SelfConfidence()).values, atol=1e-12)


@pytest.mark.parametrize("adjust", [1, "yes", None])
def test_refuses_a_bad_adjust(adjust):
    """`adjust` is true or false, also when set later."""
    with pytest.raises(AssayError, match="adjust is"):
        NormalizedMargin(adjust=adjust)
    with pytest.raises(AssayError, match="adjust is"):
        run(two_clouds(), NormalizedMargin().set_params(adjust=adjust))


def test_refuses_numbers():
    """Labels that are numbers have no next class."""
    problem = two_clouds()
    with pytest.raises(AssayError, match="labels are numbers; take SelfConfidence"):
        run(Problem(Data(problem.train.X, problem.train.X[:, 0])))
