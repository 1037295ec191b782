"""DataOOB on ensembles of scikit-learn against a plain loop over their members."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeRegressor

from assay import AssayError, Data, DataOOB, Problem, Status, Stop, value

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 6))
CODES = np.digitize(X[:, 0] + X[:, 1] + 0.7 * RNG.normal(size=120), [-0.7, 0.7])
NUMBERS = X @ np.arange(6) + RNG.normal(size=120)
LABELS = {
    "text": np.array(["low", "middle", "top"])[CODES],
    "gaps": np.array([-5, 2, 40])[CODES],
    "signs": np.array([-1, 1])[CODES // 2],
    "booleans": CODES > 0,
}
CLASSIFIERS = [
    RandomForestClassifier(30),
    RandomForestClassifier(30, max_samples=0.4, max_depth=3, class_weight="balanced_subsample"),
    ExtraTreesClassifier(30, bootstrap=True),
    BaggingClassifier(n_estimators=20),
    BaggingClassifier(n_estimators=20, bootstrap=False, max_samples=0.6, max_features=0.5),
    BaggingClassifier(ExtraTreesClassifier(3), 6, bootstrap_features=True),
    BaggingClassifier(GaussianNB(), 20, max_features=3),
    BaggingClassifier(n_estimators=20, max_samples=4),  # bags that miss classes
    BaggingClassifier(LogisticRegression(), 8, max_samples=12),
]
REGRESSORS = [
    RandomForestRegressor(30),
    ExtraTreesRegressor(30, bootstrap=True, min_samples_leaf=3),
    BaggingRegressor(n_estimators=20, max_features=0.7),
    BaggingRegressor(LinearRegression(), 20),
]


def plain(ensemble, rows, y) -> tuple[np.ndarray, np.ndarray]:
    """Mean outcomes and how often each row was out of bag, member by member."""
    total, count = np.zeros(len(y)), np.zeros(len(y))
    views = getattr(ensemble, "estimators_features_", [np.arange(rows.shape[1])] * len(ensemble.estimators_))
    for member, bag, view in zip(ensemble.estimators_, ensemble.estimators_samples_, views, strict=True):
        out = np.setdiff1d(np.arange(len(y)), bag)
        told = member.predict(rows[out][:, view])
        if hasattr(ensemble, "classes_"):
            total[out] += ensemble.classes_[told.astype(int)] == y[out]
        else:
            total[out] -= (told - y[out]) ** 2
        count[out] += 1
    return total, count


def run(rows, y, model, **how):
    """Value quietly."""
    return value(Problem(Data(rows, y)), DataOOB(model=model), progress=False, **how)


def assert_plain(valuation, fitted, rows, y) -> None:
    """A valuation is the plain mean to 1e-12 wherever a row was out of bag, in one pass."""
    total, count = plain(fitted, rows, y)
    seen = count > 0
    np.testing.assert_allclose(valuation.values[seen], total[seen] / count[seen], rtol=1e-12, atol=1e-12)
    assert valuation.status is Status.exact
    assert valuation.evals == len(fitted.estimators_)
    assert valuation.draws == count.min()


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("model", CLASSIFIERS, ids=str)
def test_classes_of_fitted_ensembles(model, labels):
    """The share of right answers out of bag, for labels of any type, of trees and of other members."""
    y = LABELS[labels]
    fitted = clone(model).set_params(random_state=1).fit(X, y)
    assert_plain(run(X, y, fitted, n_jobs=2), fitted, X, y)


@pytest.mark.parametrize("model", REGRESSORS, ids=str)
def test_numbers_of_fitted_ensembles(model):
    """Minus the mean squared error out of bag; whole numbers are numbers to a regressor."""
    for y in (NUMBERS, np.round(NUMBERS).astype(int)):
        fitted = clone(model).set_params(random_state=1).fit(X, y)
        assert_plain(run(X, y, fitted), fitted, X, y)


def test_forests_weighted_by_the_user():
    """Bags drawn by weights of the rows are recovered."""
    y, weights = LABELS["text"], RNG.uniform(0.1, 3, 120)
    for model in (RandomForestClassifier(20, random_state=0), BaggingClassifier(random_state=0)):
        fitted = model.fit(X, y, sample_weight=weights)
        assert_plain(run(X, y, fitted), fitted, X, y)


@pytest.mark.parametrize("kind", [np.float32, csr_array])
@pytest.mark.parametrize("model", [RandomForestClassifier(15), BaggingClassifier(LogisticRegression(), 5)])
def test_other_kinds_of_rows(kind, model):
    """float32 and sparse rows are told as the members tell them."""
    rows = kind(np.round(X))
    y = LABELS["text"]
    fitted = clone(model).set_params(random_state=1).fit(rows, y)
    assert_plain(run(rows, y, fitted), fitted, rows, y)


@pytest.mark.parametrize("model", [RandomForestClassifier(25), BaggingClassifier(n_estimators=25)], ids=str)
def test_an_ensemble_that_is_not_fitted_is_fitted_once(model):
    """It is fitted whole, by a seed drawn from the run's, in a copy; the same seed gives the same bits."""
    y = LABELS["text"]
    first, again, other = (run(X, y, model, seed=seed, stop=Stop(evals=7)) for seed in (3, 3, 4))
    assert not hasattr(model, "estimators_")
    assert first.evals == 25
    assert first.values.tobytes() == again.values.tobytes() != other.values.tobytes()
    seeded = clone(model).set_params(random_state=5)
    assert_plain(run(X, y, seeded), seeded.fit(X, y), X, y)


def test_rows_never_out_of_bag_are_reported():
    """They get the mean of all outcomes and a standard error above any single bag's, and are counted."""
    y = LABELS["text"]
    fitted = RandomForestClassifier(3, random_state=0).fit(X, y)
    total, count = plain(fitted, X, y)
    never = count == 0
    assert 10 < never.sum() < 60
    valuation = run(X, y, fitted)
    rate = total.sum() / count.sum()
    np.testing.assert_allclose(valuation.values[never], rate)
    assert valuation.stderr[never].min() > np.sqrt(rate * (1 - rate))
    assert valuation.stderr[never].min() > valuation.stderr[~never].max()
    share = f"{never.sum()} of 120 rows ({never.mean():.1%}) were never out of bag"
    assert valuation.why.startswith(share)
    assert repr(int(np.flatnonzero(never)[0])) in valuation.why
    assert run(X, y, RandomForestClassifier(200, random_state=0).fit(X, y)).why == ""


def changed_bags() -> RandomForestClassifier:
    """Return a forest whose bags changed after its first trees were fitted."""
    forest = RandomForestClassifier(5, warm_start=True, random_state=0).fit(X, CODES)
    return forest.set_params(max_samples=0.3, n_estimators=10).fit(X, CODES)


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (RandomForestClassifier(3).fit(X[:100], CODES[:100]), "on 100 rows of 6 columns, and here are 120"),
        (RandomForestClassifier(3).fit(np.vstack([X, X]), np.tile(CODES, 2)), "on 240 rows"),
        (BaggingClassifier(n_estimators=3).fit(X[:, :4], CODES), "120 rows of 4 columns"),
        (RandomForestClassifier(3).fit(X, CODES // 2), "without one of the classes"),
        (RandomForestRegressor(3).fit(X, np.stack([NUMBERS, NUMBERS], axis=1)), "several labels"),
        (ExtraTreesClassifier(3), "set bootstrap=True"),
        (ExtraTreesClassifier(3).fit(X, CODES), "set bootstrap=True"),
        (BaggingClassifier(n_estimators=3, bootstrap=False, max_samples=1.0), "set bootstrap=True"),
        (BaggingClassifier(n_estimators=3, bootstrap=False, max_samples=120), "no row was ever out of bag"),
        (changed_bags(), "not those that its members were fitted on"),
        (BaggingClassifier(n_estimators=3, warm_start=True).fit(X, CODES).set_params(n_estimators=5), "3"),
        (LogisticRegression, "pass an estimator"),
        ("forest", "pass an estimator"),
    ],
    ids=lambda thing: thing if isinstance(thing, str) else "",
)
def test_refuses(model, what):
    """What knows no bags of these rows is refused, by name, with the fix."""
    if isinstance(model, BaggingClassifier) and what == "3":
        model, what = model.fit(X, CODES), "not those that its members were fitted on"
    with pytest.raises(AssayError, match=f"^DataOOB.model.*{what}"):
        run(X, CODES, model)


@pytest.mark.parametrize(
    ("model", "y"),
    [(RandomForestClassifier(), NUMBERS), (GaussianNB(), NUMBERS), (LinearRegression(), LABELS["text"])],
    ids=str,
)
def test_refuses_models_of_the_other_kind(model, y):
    """A classifier does not tell numbers, nor a regressor text."""
    with pytest.raises(AssayError, match=r"^DataOOB\.model is .*; pass a (classifier|regressor)\.$"):
        run(X, y, model)


def test_a_setting_changed_later_is_looked_at_again():
    """`set_params` does not get past the check."""
    with pytest.raises(AssayError, match="pass an estimator"):
        value(Problem(Data(X, CODES)), DataOOB().set_params(model=3), progress=False)


def test_an_ensemble_without_bags_is_fitted_on_bags():
    """Boosting is an estimator as any other: one fit a bag."""
    valuation = run(X, CODES, GradientBoostingClassifier(n_estimators=2), stop=Stop(evals=16))
    assert valuation.status is Status.budget
    assert valuation.evals % 16 == 0


def test_a_regressor_makes_whole_numbers_numbers():
    """Whole numbers told by a regressor, bag by bag, are judged by squared error."""
    y = np.arange(120)
    rows = np.column_stack([y, X[:, 0]])
    valuation = run(rows, y, DecisionTreeRegressor(), stop=Stop(evals=64))
    assert -9 < valuation.values.mean() < -0.5  # the nearest in the bag is one or two away, hits would be 0
