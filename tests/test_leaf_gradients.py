"""The leaves of four libraries, computed again, and what is refused."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from frozen_trees import CASES, ETA, RIDGE, frozen, raw_of, small
from scipy.sparse import csr_array
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from assay import AssayError, BoostIn, Data, LeafGradients, Problem, value


def fit(model, rows, y=None, **how):
    """The model, fitted by one thread: they wait for each other where cores are few."""
    with warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore")
        return model.fit(rows.X, rows.y if y is None else y, **how)


@pytest.mark.parametrize(("library", "task"), CASES)
def test_scores_and_leaves_are_the_models(library, task):
    """Scores of any rows are the library's own; leaves, sums and settings are those of a plain walk."""
    case = frozen(library, task)
    leaves = LeafGradients(case.model, case.problem.train)
    judges = leaves.walk(case.problem.valid)
    np.testing.assert_allclose(judges.scores, raw_of(library, case.model, case.problem.valid.X), atol=2e-6)
    assert leaves.eta == pytest.approx(ETA, rel=1e-6)
    assert leaves.ridge == pytest.approx(RIDGE[library], rel=1e-6)
    scores, rounds = case.walk(np.ones(case.problem.n))
    np.testing.assert_allclose(judges.scores, scores, atol=5e-6)
    labels = case.problem.valid.y
    np.testing.assert_allclose(
        leaves.losses(judges), [case.loss(s, labels[t]) for t, s in enumerate(scores)], atol=5e-6
    )
    for tree in range(leaves.trees):
        r, k = divmod(tree, case.outputs)
        full, below = rounds[r]["leaves"][k]
        for i, leaf in enumerate(case.rows[:, r, k]):
            place = leaves.train.leaves[tree, i]
            assert leaves.values[place] == pytest.approx(full[leaf], abs=5e-6)
            assert leaves.denominators[place] == pytest.approx(below[leaf], rel=1e-5)
            assert leaves.counts[place] == (case.rows[:, r, k] == leaf).sum()


@pytest.mark.parametrize(("library", "task"), CASES)
def test_derivatives_are_those_of_the_loss(library, task):
    """First derivatives are the loss's, by differences; second and third the next ones, times the factor."""
    case = frozen(library, task)
    leaves, tiny = LeafGradients(case.model, case.problem.train), 1e-4
    y, means = case.problem.train.y, leaves.train.means
    for i in range(5):
        raw = means[2, i] if task == "numbers" else np.log(means[2, i])
        raw = raw - np.log1p(-means[2, i]) if task == "two classes" else raw
        for k in range(case.outputs):
            up, down = (raw + sign * tiny * np.eye(case.outputs)[k] for sign in (1, -1))
            g = (case.loss(up.tolist(), y[i]) - case.loss(down.tolist(), y[i])) / (2 * tiny)
            ends = [case.steps(case.mean(side.tolist()), y[i], k) for side in (up, down)]
            assert leaves.gradients()[2, i, k] == pytest.approx(g, abs=1e-6)
            h = case.factor * (ends[0][0] - ends[1][0]) / (2 * tiny)
            assert leaves.hessians()[2, i, k] == pytest.approx(h, abs=1e-6)
            assert leaves.thirds()[2, i, k] == pytest.approx((ends[0][1] - ends[1][1]) / (2 * tiny), abs=1e-6)


def test_boosters_are_read_as_their_estimators():
    """A Booster of LightGBM or XGBoost is read as the estimator around it, text that was saved included."""
    import lightgbm

    for library in ("lightgbm", "xgboost"):
        case = frozen(library, "three classes")
        inner = case.model.booster_ if library == "lightgbm" else case.model.get_booster()
        one, other = (LeafGradients(model, case.problem.train) for model in (case.model, inner))
        np.testing.assert_array_equal(one.values, other.values)
    case = frozen("lightgbm", "numbers")
    again = lightgbm.Booster(model_str=case.model.booster_.model_to_string())
    assert len(LeafGradients(again, case.problem.train).values)


def test_early_stop_on_other_rows_keeps_the_best_rounds():
    """Where rows of their own stopped the training, the rounds that predict are read."""
    import xgboost

    problem = small("numbers")
    model = xgboost.XGBRegressor(n_estimators=60, early_stopping_rounds=2, learning_rate=0.5)
    fit(model, problem.train, eval_set=[(problem.valid.X, problem.valid.y)], verbose=False)
    leaves = LeafGradients(model, problem.train)
    assert leaves.trees == model.best_iteration + 1 < 60
    np.testing.assert_allclose(leaves.train.scores[:, 0], model.predict(problem.train.X), atol=1e-5)


@pytest.mark.parametrize("library", ["boosting", "lightgbm", "xgboost"])
def test_sparse_rows(library):
    """Sparse rows are passed on as they are."""
    rng = np.random.default_rng(0)
    X = rng.poisson(0.5, size=(60, 8)).astype(float)
    train = Data(csr_array(X), (X[:, 0] > X[:, 1]).astype(int))
    case = frozen(library, "two classes")
    found = value(Problem(train, train.take(np.arange(9)), type(case.model)()), BoostIn(), progress=False)
    assert (found.values != 0).any()


@pytest.mark.parametrize("library", ["boosting", "binned", "lightgbm", "xgboost"])
def test_text_labels_and_any_order_of_rows(library):
    """An unfitted model values rows with text for classes as with numbers, in any order of the rows."""
    case = frozen(library, "three classes")
    train, valid = case.problem.train, case.problem.valid
    names, order = np.array(["ant", "bee", "cow"]), np.random.default_rng(1).permutation(len(train))
    model = type(case.model)(**case.model.get_params())
    problem = Problem(train, valid, model)
    mixed = Data(train.X[order], names[train.y[order]])
    told = Problem(mixed, Data(valid.X, names[valid.y]), model)
    one, other = (value(p, BoostIn(), progress=False).values for p in (problem, told))
    assert np.ptp(one) > 0
    np.testing.assert_array_equal(other, one[order])


def test_same_seed_same_bits_without_a_seed_of_the_model():
    """A model without a seed gets one from `value`."""
    problem = small("two classes", GradientBoostingClassifier(n_estimators=5, max_features=1))
    one, same, other = (value(problem, BoostIn(), seed=s, progress=False).values for s in (3, 3, 4))
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()


def test_fitted_on_text():
    """A model that was fitted on text is read with its own classes."""
    problem = small("three classes")
    names = np.array(["x", "a", "m"])
    train = Data(problem.train.X, names[problem.train.y])
    model = fit(GradientBoostingClassifier(n_estimators=3), train)
    leaves = LeafGradients(model, train)
    assert leaves.names.tolist() == ["a", "m", "x"]
    np.testing.assert_allclose(leaves.loss.mean(leaves.train.scores), model.predict_proba(train.X))


def refused(model, train, words):
    """Say that the model is refused with these words."""
    with pytest.raises(AssayError, match=words):
        LeafGradients(model, train)


SAMPLED = [
    (GradientBoostingClassifier(subsample=0.5, random_state=0), r"subsample=0\.5; fit it without"),
    (
        HistGradientBoostingClassifier(max_iter=5, early_stopping=True, random_state=0),
        "early stopping; fit it without",
    ),
    (
        HistGradientBoostingClassifier(max_iter=5, class_weight={0: 9, 1: 1}),
        "class_weight=.*; fit it without",
    ),
    (
        HistGradientBoostingClassifier(max_iter=5, monotonic_cst=[-1, -1, 0]),
        "monotonic_cst=.*; fit it without",
    ),
    (ExtraTreesClassifier(class_weight={0: 9, 1: 1}), "class_weight=.*; fit it without"),
]


@pytest.mark.parametrize(("model", "words"), SAMPLED, ids=lambda given: str(given)[:30])
def test_leaves_of_something_else_are_refused(model, words):
    """Leaves filled from samples, weights or under constraints are refused, with the setting and the fix."""
    train = small("two classes", n=120).train
    model = model.set_params(min_samples_leaf=5)
    refused(fit(model, train), train, f"The leaves of this {type(model).__name__} are not what .*{words}")


@pytest.mark.parametrize(
    ("library", "settings", "words"),
    [
        ("lightgbm", {"subsample": 0.7, "subsample_freq": 1}, r"bagging_fraction='0\.7'"),
        ("lightgbm", {"reg_alpha": 1.0}, "lambda_l1='1'"),
        ("lightgbm", {"max_delta_step": 0.1}, r"max_delta_step='0\.1'"),
        ("lightgbm", {"data_sample_strategy": "goss", "learning_rate": 0.5}, "data_sample_strategy='goss'"),
        ("lightgbm", {"path_smooth": 5.0}, "path_smooth='5'"),
        ("lightgbm", {"scale_pos_weight": 3.0}, "scale_pos_weight='3'"),
        ("lightgbm", {"boosting_type": "dart"}, "is boosted as 'dart'"),
        ("lightgbm", {"linear_tree": True}, "has linear models in its leaves"),
        ("lightgbm", {"objective": "cross_entropy"}, "has objective 'cross_entropy'"),
        ("xgboost", {"subsample": 0.7}, "subsample="),
        ("xgboost", {"reg_alpha": 1.0}, "alpha='1'"),
        ("xgboost", {"max_delta_step": 0.1}, "max_delta_step="),
        ("xgboost", {"scale_pos_weight": 3.0}, "scale_pos_weight='3'"),
        ("xgboost", {"booster": "dart"}, "is boosted as 'dart'"),
        ("xgboost", {"num_parallel_tree": 3}, "grows several trees a round"),
        ("xgboost", {"objective": "binary:hinge"}, "has objective 'binary:hinge'"),
        ("boosting", {"loss": "exponential"}, "has loss='exponential'"),
    ],
)
def test_settings_that_change_leaves_are_refused(library, settings, words):
    """What a library's settings do to leaves is told by its name for them."""
    train = small("two classes", n=120).train
    model = frozen(library, "two classes").model
    model = type(model)(**{**model.get_params(), **settings})
    refused(fit(model, train), train, words)


@pytest.mark.parametrize("library", ["boosting", "binned", "lightgbm", "xgboost"])
def test_other_rows_and_weights_are_refused(library):
    """A model fitted on one row more, or on weighted rows, is not of these rows."""
    case = frozen(library, "two classes")
    train, model = case.problem.train, case.model
    refused(model, train.take(np.arange(len(train) - 1)), "are not what the training rows give .*unfitted")
    weights = np.random.default_rng(0).uniform(0.5, 2, len(train))
    again = fit(type(model)(**model.get_params()), train, sample_weight=weights)
    refused(again, train, "are not what the training rows give .*unfitted")
    swapped = Data(train.X, np.where(np.arange(len(train)) == 3, 1 - train.y, train.y))
    refused(model, swapped, "are not what the training rows give .*unfitted")


def test_sets_of_categories():
    """Trees that split by sets of categories are refused."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 6, 200), rng.normal(size=200)]).astype(float)
    train = Data(X, np.isin(X[:, 0], [1, 4]).astype(int))
    refused(
        fit(HistGradientBoostingClassifier(max_iter=5, categorical_features=[0]), train),
        train,
        "sets of categories",
    )


def test_forest_of_another_number_of_rows_and_medians():
    """A forest's draws are of its own rows, and its leaves need to be means."""
    train = small("numbers").train
    model = fit(RandomForestRegressor(n_estimators=2), train)
    refused(model, train.take(np.arange(20)), "another number of rows")
    model = fit(RandomForestRegressor(n_estimators=2, criterion="absolute_error"), train)
    refused(model, train, "has medians in its leaves")


def test_what_is_no_fitted_ensemble_is_refused():
    """Other models, unfitted ones, classifiers of other classes, and labels that do not fit are named."""
    problem = small("two classes")
    train = problem.train
    refused(LogisticRegression(), train, "LogisticRegression is no ensemble of trees that is known; pass")
    refused(GradientBoostingClassifier(), train, "GradientBoostingClassifier is not fitted; fit it on")
    three = fit(GradientBoostingClassifier(), small("three classes").train)
    refused(three, Data(train.X, np.where(train.y == 1, "a", "b")), "tells 3 classes apart, but .* have 2")
    numbers = fit(GradientBoostingRegressor(), train)
    refused(numbers, Data(train.X, np.where(train.y == 1, "a", "b")), "predicts numbers, but the labels are")
    refused(numbers, Data(train.X), "LeafGradients needs one label a row")
    with pytest.raises(AssayError, match="LogisticRegression is no ensemble of trees"):
        value(replace(problem, model=LogisticRegression()), BoostIn(), progress=False)
    alone = Problem(Data(train.X, np.zeros(len(train), int)), train, GradientBoostingClassifier())
    with pytest.raises(AssayError, match="cannot be fitted"):
        value(alone, BoostIn(), progress=False)


def test_rows_of_other_columns_are_refused():
    """A fitted ensemble that is given other columns is refused in one sentence."""
    from sklearn.ensemble import GradientBoostingClassifier

    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    model = GradientBoostingClassifier(n_estimators=2).fit(X, y)
    with pytest.raises(AssayError, match="cannot read rows of 2 columns"):
        LeafGradients(model, Data(X[:, :2], y))
