"""LinearGradients: closed forms equal finite differences, and estimators of scikit-learn are read rightly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from assay import AssayError, Data, LinearGradients, Problem
from assay._gradients.fit_linear import fit_linear
from assay._gradients.gauss_newton import summed
from assay._gradients.source import gradients_of

STEP = 1e-5


def rows(kind: str, n: int = 60, d: int = 3, seed: int = 0) -> Data:
    """Random rows with labels that are numbers, two or three classes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    signal = X @ rng.normal(size=d) + rng.normal(size=n)
    y = {"squared": signal, "logistic": signal > 0, "softmax": np.digitize(signal, [-1, 1])}[kind]
    return Data(X, y)


def model(kind: str, seed: int = 1) -> LinearGradients:
    """Random coefficients of a model of 3 features."""
    outputs = {"squared": 1, "logistic": 1, "softmax": 3}[kind]
    classes = {"squared": None, "logistic": np.array([False, True]), "softmax": np.arange(3)}[kind]
    coefficients = np.random.default_rng(seed).normal(size=(outputs, 4))
    return LinearGradients(coefficients, kind, np.array([0.5, 0.5, 0.5, 0.0]), classes)


def moved(gradients: LinearGradients, direction: np.ndarray) -> LinearGradients:
    """The model with parameters moved."""
    return replace(
        gradients, coefficients=gradients.coefficients + direction.reshape(gradients.coefficients.shape)
    )


def margin(gradients: LinearGradients, data: Data) -> np.ndarray:
    """Log odds of the label, from losses; the prediction for numbers."""
    if gradients.loss == "squared":
        return gradients.scores(data)[:, 0]
    p = np.exp(-gradients.losses(data))
    return np.log(p / (1 - p))


def probability(gradients: LinearGradients, data: Data) -> np.ndarray:
    """Of the last class."""
    last = Data(data.X, np.full(len(data), gradients.classes[-1]))
    return np.exp(-gradients.losses(last))


@pytest.mark.parametrize("kind", ["squared", "logistic", "softmax"])
@pytest.mark.parametrize("of", ["loss", "margin", "probability"])
def test_gradients_are_those_of_finite_differences(kind, of):
    """Gradients of loss, margin and probability equal central differences of them."""
    if of == "probability" and kind == "squared":
        pytest.skip("numbers have no probability")
    data, gradients = rows(kind), model(kind)
    function = {"loss": LinearGradients.losses, "margin": margin, "probability": probability}[of]
    found = gradients.rows(data, of=of).dense()
    for j, direction in enumerate(np.eye(found.shape[1])):
        ahead, behind = (function(moved(gradients, s * STEP * direction), data) for s in (1, -1))
        np.testing.assert_allclose(found[:, j], (ahead - behind) / (2 * STEP), atol=1e-7)


@pytest.mark.parametrize("kind", ["squared", "logistic", "softmax"])
def test_curvature_in_all_its_forms(kind):
    """Matrix, products, and squares of roots equal the finite differences of the summed gradient."""
    data, gradients = rows(kind), model(kind)
    p = gradients.widths[0]
    true = np.empty((p, p))
    for j, direction in enumerate(np.eye(p)):
        sides = (
            moved(gradients, s * STEP * direction).rows(data).total(np.ones(60)).dense()[0] for s in (1, -1)
        )
        true[j] = np.subtract(*sides) / (2 * STEP)
    roots = np.concatenate([root.dense() for root in gradients.roots(data)])
    np.testing.assert_allclose(roots.T @ roots, true, atol=1e-6)
    np.testing.assert_allclose(gradients.product(data, np.eye(p)), true, atol=1e-6)
    matrix = summed(gradients, data)
    idle = gradients.idle
    apart = np.eye(p) - idle.T @ idle  # idle directions are given curvature, and nothing else
    np.testing.assert_allclose(apart @ matrix @ apart, true + np.diag(gradients.penalty), atol=1e-6)


def test_idle_directions_change_no_loss():
    """A shift of all classes' intercepts changes no loss of softmax, and is the only idle direction."""
    data, gradients = rows("softmax"), model("softmax")
    assert gradients.idle.shape == (1, 12)
    np.testing.assert_allclose(moved(gradients, 2 * gradients.idle[0]).losses(data), gradients.losses(data))


ESTIMATORS = [
    ("squared", Ridge(alpha=0.7)),
    ("squared", LinearRegression()),
    ("squared", Ridge(alpha=0.7, fit_intercept=False)),
    ("logistic", LogisticRegression(C=0.5)),
    ("logistic", LogisticRegression(C=np.inf)),
    ("logistic", LogisticRegression(class_weight="balanced")),
    ("logistic", LogisticRegression(class_weight={False: 3.0, True: 1.0}, fit_intercept=False)),
    ("logistic", LogisticRegression(C=0.1, solver="liblinear", tol=1e-8)),
    ("logistic", LogisticRegression(C=0.1, solver="liblinear", tol=1e-8, intercept_scaling=3.0)),
    ("logistic", RidgeClassifier(alpha=2.0)),
    ("softmax", LogisticRegression(C=0.5)),
    ("softmax", RidgeClassifier(alpha=2.0)),
    ("squared", make_pipeline(StandardScaler(), Ridge(alpha=0.7))),
]


@pytest.mark.parametrize(("kind", "estimator"), ESTIMATORS, ids=[str(e) + k for k, e in ESTIMATORS])
def test_estimators_are_at_the_optimum_of_what_is_differentiated(kind, estimator):
    """The summed gradient of a fitted estimator, with its penalty and class weights, is 0."""
    problem = Problem(rows(kind), rows(kind, seed=5), estimator)
    gradients, seen = gradients_of(problem, "Test")
    slope = gradients.rows(seen.train).total(gradients.weights(seen.train)).dense()[0]
    slope += gradients.penalty * gradients.coefficients[:, : None if gradients.intercept else -1].ravel()
    assert np.abs(slope).max() < 1e-10
    fitted = estimator.fit(seen.train.X, seen.train.y) if not hasattr(estimator, "steps") else None
    if fitted is not None:
        np.testing.assert_allclose(gradients.coefficients[:, :-1], np.atleast_2d(fitted.coef_), atol=2e-3)


def test_a_fitted_estimator_is_taken_as_it_is():
    """Coefficients of a fitted estimator are not fitted again; an unfitted one is not touched."""
    data = rows("logistic")
    fitted = LogisticRegression().fit(data.X[:30], data.y[:30])
    assert (fit_linear(fitted, data)[0].coefficients[:, :-1] == fitted.coef_).all()
    fresh = LogisticRegression()
    fit_linear(fresh, data)
    assert not hasattr(fresh, "coef_")


def test_attacked_rows_are_across_the_boundary():
    """Attacked rows have the other sign of the score, at .3 of it."""
    data, gradients = rows("logistic"), model("logistic")
    np.testing.assert_allclose(gradients.scores(gradients.attacked(data)), -0.3 * gradients.scores(data))
    with pytest.raises(AssayError, match="two classes"):
        model("softmax").attacked(rows("softmax"))


def test_the_fingerprint_tells_models_apart():
    """Other coefficients, another loss: another name; the same model: the same name."""
    one = model("logistic")
    assert one.fingerprint == model("logistic").fingerprint
    assert one.fingerprint != model("logistic", seed=2).fingerprint
    assert one.fingerprint != replace(one, loss="squared").fingerprint


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (LogisticRegression(l1_ratio=1, solver="saga"), "l1 penalty"),
        (Ridge(positive=True), "positive"),
        (make_pipeline(StandardScaler(), Ridge(alpha=-1)), "Pipeline could not be fitted.*alpha"),
    ],
)
def test_what_has_no_such_gradient_is_refused(estimator, words):
    """Penalties without curvature and constraints are refused by name."""
    kind = "logistic" if isinstance(estimator, LogisticRegression) else "squared"
    with pytest.raises(AssayError, match=words):
        fit_linear(estimator, rows(kind))


@pytest.mark.filterwarnings("ignore:.*LogisticRegressionCV|.*default value|.*fitted attributes:FutureWarning")
def test_logistic_regression_cv_has_no_l1_unless_it_is_asked_for():
    """The CV twin as it is by default is logistic regression with the C that it chose."""
    data = rows("logistic")
    chosen = LogisticRegressionCV(Cs=[0.5], cv=2).fit(data.X, data.y)
    one, _ = fit_linear(chosen, data)
    two, _ = fit_linear(LogisticRegression(C=0.5), data)
    np.testing.assert_array_equal(one.ridge, two.ridge)
    np.testing.assert_allclose(one.coefficients, two.coefficients, atol=2e-3)


def test_rows_that_cannot_be_fitted_are_told():
    """One class, labels of the wrong kind, overflow, more columns than rows: one sentence each."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(10, 3)), np.arange(10) % 2
    with pytest.raises(AssayError, match=r"LogisticRegression could not be fitted on the 10 .*one class"):
        fit_linear(LogisticRegression(), Data(X, np.zeros(10, int)))
    with pytest.raises(AssayError, match="Ridge could not be fitted"):
        fit_linear(Ridge(), Data(X, np.where(y, "yes", "no")))
    with pytest.raises(AssayError, match="do not determine"):
        fit_linear(LogisticRegression(C=np.inf), Data(rng.normal(size=(10, 30)), y))
    with pytest.raises(AssayError, match="fitted on 2 feature columns, but the training rows have 3"):
        fit_linear(LogisticRegression().fit(X[:, :2], y), Data(X, y))
    encoder = make_pipeline(OneHotEncoder(), Ridge())
    judges = Data(np.full((2, 1), 7.0), [0.0, 1.0])
    with pytest.raises(AssayError, match="unknown categories"):
        gradients_of(Problem(Data(y[:, None], y), judges, encoder), "Test")


def test_unknown_classes_and_models_are_refused():
    """A judge of a class never seen, a model without known gradients, rows without labels: one sentence."""
    data = rows("softmax")
    gradients, _ = fit_linear(LogisticRegression(), data)
    with pytest.raises(AssayError, match=r"1 row.* such as 7"):
        gradients.losses(Data(data.X[:2], [1, 7]))
    with pytest.raises(AssayError, match="labels"):
        gradients.losses(Data(data.X))
    from sklearn.neighbors import KNeighborsClassifier

    with pytest.raises(AssayError, match="KNeighborsClassifier are not known"):
        gradients_of(Problem(data, data, KNeighborsClassifier()), "Influence")
