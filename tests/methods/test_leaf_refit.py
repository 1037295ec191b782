"""LeafRefit against leaves filled again in plain Python."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from frozen_trees import CASES, ETA, frozen, small
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestClassifier

from assay import AssayError, Data, LeafInfluence, LeafRefit, Problem, Stop, value
from assay.methods.trees import leaf_refit


def scores(problem, method):
    """Scores for each judge."""
    return value(problem, method, progress=False).per_valid


@pytest.mark.parametrize(("library", "task"), CASES)
def test_fills_all_leaves_without_the_row(library, task):
    """A score is the judge's loss with all leaves filled again without the row, minus that with it."""
    case = frozen(library, task)
    n = case.problem.n
    whole = case.losses(np.ones(n))
    expected = [case.losses(1 - one) - whole for one in np.eye(n)]
    np.testing.assert_allclose(scores(case.problem, LeafRefit()), expected, rtol=0, atol=3e-6)


def test_leaf_without_rows_adds_nothing():
    """Where a row was the only one of its leaf, the leaf adds 0 without it."""
    train = Data([[0.0], [1.0], [2.0]], [0.0, 3.0, 3.0])
    model = GradientBoostingRegressor(n_estimators=1, learning_rate=ETA, max_depth=1)
    found = scores(Problem(train, Data([[0.0]], [0.0]), model), LeafRefit())
    with_it = (2 * (1 - ETA)) ** 2 / 2  # the mean is 2, the leaf takes ETA of it
    np.testing.assert_allclose(found[:, 0], [2.0 - with_it, 0, 0], atol=1e-12)


@pytest.mark.parametrize("bootstrap", [True, False])
def test_forest_takes_the_row_out_of_its_leaves(bootstrap):
    """In a forest, means of leaves are taken without the row; an empty leaf adds 0."""
    problem = small("numbers")
    X, y, valid = problem.train.X, problem.train.y, problem.valid
    model = ExtraTreesRegressor(n_estimators=6, max_depth=4, bootstrap=bootstrap, random_state=0).fit(X, y)
    rows, judges, drawn = model.apply(X), model.apply(valid.X), model.estimators_samples_

    def losses(weights):
        total = np.zeros(len(valid))
        for b, bag in enumerate(drawn):
            counts = weights * np.bincount(bag, minlength=len(y))
            for t in range(len(valid)):
                here = rows[:, b] == judges[t, b]
                total[t] += (counts * y)[here].sum() / max(counts[here].sum(), 1) / len(drawn)
        return (total - valid.y) ** 2 / 2

    whole = losses(np.ones(len(y)))
    expected = [losses(1 - one) - whole for one in np.eye(len(y))]
    np.testing.assert_allclose(scores(replace(problem, model=model), LeafRefit()), expected, atol=1e-12)


def test_forest_of_classes_loses_by_the_brier_score():
    """Of a forest of classes, the loss is half the Brier score of the mean of the trees."""
    problem = small("three classes")
    model = RandomForestClassifier(n_estimators=3, max_depth=2, random_state=0)
    model.fit(problem.train.X, problem.train.y)
    rows, judges = model.apply(problem.train.X), model.apply(problem.valid.X)
    ones = np.eye(3)[problem.train.y]
    total = np.zeros((len(problem.valid), 3))
    for b, bag in enumerate(model.estimators_samples_):
        counts = np.bincount(bag, minlength=problem.n) * (np.arange(problem.n) != 5)
        for t in range(len(total)):
            here = (rows[:, b] == judges[t, b]) * counts
            total[t] += here @ ones / here.sum() / 3
    asked = np.eye(3)[problem.valid.y]
    before = model.predict_proba(problem.valid.X)
    expected = ((total - asked) ** 2 - (before - asked) ** 2).sum(axis=1) / 2
    np.testing.assert_allclose(scores(replace(problem, model=model), LeafRefit())[5], expected, atol=1e-12)


def test_first_order_is_leaf_influence():
    """As rows become many, LeafRefit comes as near to LeafInfluence as 1 / n says."""
    gaps = []
    for n in (200, 800):
        problem = small("two classes", frozen("boosting", "two classes").model, n=n, m=40)
        problem = replace(problem, model=type(problem.model)(n_estimators=4, max_depth=1, random_state=0))
        refit, slope = (scores(problem, method) for method in (LeafRefit(), LeafInfluence()))
        gaps.append(np.abs(refit - slope).mean() / np.abs(refit).mean())
    assert gaps[1] < gaps[0] / 2.5


def test_stops_with_the_first_order_of_the_rest(monkeypatch):
    """Out of time, rows that are done have their exact value and the others their LeafInfluence."""
    monkeypatch.setattr(leaf_refit, "SECONDS", 0.0)
    problem = frozen("boosting", "two classes").problem
    seen = []
    valuation = value(problem, LeafRefit(), progress=False, on_estimate=seen.append)
    slope = value(problem, LeafInfluence(), progress=False).values
    part = seen[0]
    done = round(part.share * problem.n)
    assert 0 < done < problem.n
    np.testing.assert_array_equal(part.values[:done], valuation.values[:done])
    np.testing.assert_allclose(part.values[done:], slope[done:], atol=1e-14)
    assert "others have LeafInfluence" in part.why
    assert value(problem, LeafRefit(), stop=Stop(seconds=1e-9), progress=False).status.name == "budget"


def test_means_alone_are_the_means():
    """Without `per_valid` the values are the same, and no scores are kept."""
    problem = frozen("xgboost", "two classes").problem
    kept, alone = (value(problem, LeafRefit(per_valid=how), progress=False) for how in (True, False))
    np.testing.assert_array_equal(alone.values, kept.values)
    np.testing.assert_allclose(kept.values, kept.per_valid.mean(axis=1), rtol=1e-14)
    assert alone.per_valid is None


def test_per_valid_is_checked():
    """`per_valid` is True or False."""
    with pytest.raises(AssayError, match=r"LeafRefit\.per_valid is 2; it needs to be True or False"):
        LeafRefit(per_valid=2)
