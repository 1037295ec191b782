"""Cloning: copies are what scikit-learn's `clone` makes."""

from __future__ import annotations

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from assay import AssayError
from assay._cloning import Cloner


class Own(BaseEstimator):
    """Somebody's estimator."""

    def __init__(self, level: float = 1.0) -> None:
        self.level = level
        self.ready = []

    def fit(self, X, y):
        """Learn nothing."""
        self.ready.append(len(X))
        return self


FLAT = [
    DecisionTreeClassifier(max_depth=4),
    LogisticRegression(C=2.0, class_weight={"a": 1.0, "b": 2.0}),
    KNeighborsClassifier(3, metric_params={"w": None}),
    SVC(kernel="poly"),
    MLPClassifier(hidden_layer_sizes=(3, 4)),
    BaggingClassifier(n_estimators=3),
    GaussianNB(priors=[0.5, 0.5]),
    SGDClassifier(),
    Ridge(),
]
DEEP = [
    make_pipeline(StandardScaler(), LogisticRegression()),
    RandomForestClassifier(3),
    BaggingClassifier(LogisticRegression()),
    DecisionTreeClassifier(random_state=np.random.RandomState(0)),
    GaussianProcessClassifier(RBF(2.0)),
    GaussianNB(priors=np.array([0.5, 0.5])),
    Own(3.0),
]


def state(model) -> str:
    """All that an estimator is."""
    return str(joblib.hash(vars(model)))


@pytest.mark.parametrize(("model", "flat"), [(m, True) for m in FLAT] + [(m, False) for m in DEEP])
def test_a_copy_is_a_clone(model, flat):
    """The same class, the same parameters, nothing fitted; and the copies are apart from each other."""
    cloner = Cloner(model)
    assert cloner.flat == flat
    one, two = cloner.copy(), cloner.copy()
    assert type(one) is type(model)
    assert one is not two
    assert vars(one) is not vars(two)
    assert state(one) == state(two) == state(clone(model))
    one.made_up_ = 3
    assert not hasattr(two, "made_up_")
    assert not hasattr(cloner.copy(), "made_up_")


def test_a_fitted_model_is_copied_unfitted():
    """What it learnt stays behind."""
    fitted = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    assert not hasattr(Cloner(fitted).copy(), "coef_")


def test_output_settings_are_kept():
    """`set_output` of a pipeline's model survives, as in `clone`."""
    model = StandardScaler().set_output(transform="pandas")
    assert Cloner(model).copy()._sklearn_output_config == clone(model)._sklearn_output_config


def test_parameters_that_are_not_valid_are_refused_once():
    """Refits do not check them again."""
    with pytest.raises(AssayError, match="max_depth"):
        Cloner(DecisionTreeClassifier(max_depth=-3))
