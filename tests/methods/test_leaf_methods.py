"""BoostIn and LeafInfluence against plain loops and finite differences, in three libraries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from frozen_trees import CASES, frozen
from sklearn.ensemble import ExtraTreesClassifier, RandomForestRegressor

from assay import AssayError, BoostIn, Data, LeafInfluence, Problem, value


def scores(problem, method):
    """Scores for each judge."""
    return value(problem, method, progress=False).per_valid


@pytest.mark.parametrize(("library", "task"), CASES)
def test_boost_in_is_its_plain_sum(library, task):
    """BoostIn sums, tree by tree, a row's step in its leaf times the gradient of a judge in the same leaf."""
    case = frozen(library, task)
    train, valid = case.problem.train, case.problem.valid
    _, rounds = case.walk(np.ones(len(train)))
    expected = np.zeros((len(train), len(valid)))
    for r, stage in enumerate(rounds):
        for k, (full, below) in enumerate(stage["leaves"]):
            for i in range(len(train)):
                leaf = int(case.rows[i, r, k])
                g, h = case.steps(stage["rows"][i], train.y[i], k)
                move = -(case.eta * g + full[leaf] * h) / below[leaf]
                for t in range(len(valid)):
                    if case.judges[t, r, k] == leaf:
                        slope = stage["judges"][t][k] - case.target(valid.y[t])[k]
                        expected[i, t] -= move * slope
    np.testing.assert_allclose(scores(case.problem, BoostIn()), expected, rtol=0, atol=3e-6)


@pytest.mark.parametrize(("library", "task"), CASES)
def test_leaf_influence_is_the_derivative_by_weights(library, task):
    """LeafInfluence is minus the derivative of each judge's loss by each row's weight, leaves refilled."""
    case, tiny = frozen(library, task), 1e-5
    n = case.problem.n
    expected = np.zeros((n, len(case.problem.valid)))
    for i in range(n):
        weights = np.ones(n)
        weights[i] = 1 + tiny
        above = case.losses(weights)
        weights[i] = 1 - tiny
        expected[i] = (case.losses(weights) - above) / (2 * tiny)
    np.testing.assert_allclose(scores(case.problem, LeafInfluence()), expected, rtol=0, atol=3e-6)


@pytest.mark.parametrize("method", [BoostIn, LeafInfluence])
@pytest.mark.parametrize(("library", "task"), [("boosting", "three classes"), ("lightgbm", "two classes")])
def test_means_alone_are_the_means(method, library, task):
    """Without `per_valid` the values are the same, and no scores are kept."""
    problem = frozen(library, task).problem
    kept, alone = (value(problem, method(per_valid=how), progress=False) for how in (True, False))
    np.testing.assert_allclose(alone.values, kept.values, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(kept.values, kept.per_valid.mean(axis=1), rtol=1e-14)
    assert alone.per_valid is None


@pytest.mark.parametrize("method", [BoostIn(), LeafInfluence()])
def test_forest_is_the_derivative_of_its_means(method):
    """In a forest both are minus the derivative of the loss of means of drawn rows, by a row's weight."""
    problem = frozen("boosting", "numbers").problem
    X, y, valid = problem.train.X, problem.train.y, problem.valid
    model = RandomForestRegressor(n_estimators=5, max_depth=3, random_state=0).fit(X, y)
    rows, judges, drawn = model.apply(X), model.apply(valid.X), model.estimators_samples_

    def losses(weights):
        total = np.zeros(len(valid))
        for b, bag in enumerate(drawn):
            counts = weights * np.bincount(bag, minlength=len(y))
            for t in range(len(valid)):
                here = rows[:, b] == judges[t, b]
                total[t] += (counts * y)[here].sum() / counts[here].sum() / len(drawn)
        return (total - valid.y) ** 2 / 2

    unit, tiny = np.eye(len(y)), 1e-5
    expected = [(losses(1 - tiny * e) - losses(1 + tiny * e)) / (2 * tiny) for e in unit]
    np.testing.assert_allclose(scores(replace(problem, model=model), method), expected, atol=1e-9)


@pytest.mark.parametrize("method", [BoostIn(), LeafInfluence()])
def test_forest_of_classes_is_valued(method):
    """Of a forest of classes, rows of the judge's class in its leaves help, and others hurt."""
    train = Data([[0.0], [0.1], [5.0], [5.1], [0.2]], ["a", "a", "b", "b", "b"])
    model = ExtraTreesClassifier(n_estimators=20, max_depth=1, random_state=0)
    found = scores(Problem(train, Data([[0.05]], ["a"]), model), method)[:, 0]
    assert found[:2].min() > 0
    assert found[4] == found.min() < 0


@pytest.mark.parametrize("method", [BoostIn, LeafInfluence])
def test_judge_of_an_unknown_class_says_nothing(method):
    """A judge whose class no training row has gives every row 0."""
    problem = frozen("boosting", "three classes").problem
    strange = Data(problem.valid.X, np.where(np.arange(len(problem.valid)) == 2, 9, problem.valid.y))
    found = scores(replace(problem, valid=strange), method())
    assert (found[:, 2] == 0).all()
    kept = np.arange(len(strange)) != 2
    np.testing.assert_allclose(found[:, kept], scores(problem, method())[:, kept], atol=1e-15)


@pytest.mark.parametrize("method", [BoostIn, LeafInfluence])
@pytest.mark.parametrize("given", [1, "yes", None])
def test_per_valid_is_checked(method, given):
    """`per_valid` is True or False, in the constructor and after `set_params`."""
    with pytest.raises(AssayError, match=rf"{method.__name__}\.per_valid is {given!r}; it needs to be"):
        method(per_valid=given)
    problem = frozen("boosting", "numbers").problem
    with pytest.raises(AssayError, match="per_valid is"):
        value(problem, method().set_params(per_valid=given), progress=False)
