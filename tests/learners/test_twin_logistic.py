"""The twin of LogisticRegression answers as refits at the optimum do."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from refits import check_refits, odd_problem, own_score, refit_worths, some_orders, twin
from sklearn.linear_model import LogisticRegression as Model

from assay import AssayError
from assay._learners import _newton, _softmax
from assay._learners._drive import ask, grow
from assay._learners._logistic import LogisticRegression
from assay._learners._newton_cold import pack, settle
from assay._learners._question import Question

KINDS = ("two", "text", "four", "rare", "unseen", "wide", "copies", "constant", "skewed")
TIGHT = {"tol": 1e-12, "max_iter": 10000}


class Tuned(Model):
    """A subclass may do anything."""


def check(kind, score="neg_log_loss", atol=2e-4, **settings):
    """Hold the twin against refits that go to the optimum."""
    solver = settings.pop("solver", "newton-cholesky")
    model = Model(solver=solver, **settings, **TIGHT)
    check_refits(LogisticRegression, odd_problem(kind, model, score, n=12), atol=atol, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", [{}, {"C": 30.0}, {"fit_intercept": False, "C": 0.1}], ids=str)
def test_probabilities_are_those_of_refits(kind, settings):
    """Two classes and more, separable rows, few rows; within what a gap of 1e-8 in the loss leaves open."""
    check(kind, **settings)


@pytest.mark.parametrize("kind", ["text", "four", "unseen", "wide"])
@pytest.mark.parametrize("score", ["accuracy", "f1_macro", own_score])
def test_labels_are_those_of_refits(kind, score):
    """Scores that read labels."""
    check(kind, score, atol=1e-12)


@pytest.mark.parametrize("kind", ["two", "four", "rare"])
@pytest.mark.parametrize("weights", ["balanced", {0: 0.5, 2: 3.0, 4: 1.5, 6: 1.0}, {0: 4.0}], ids=str)
def test_weights_of_classes(kind, weights):
    """Fixed weights, and those that change with every row."""
    check(kind, class_weight=weights)


@pytest.mark.parametrize("settings", [{}, {"intercept_scaling": 5.0}, {"fit_intercept": False}], ids=str)
def test_liblinear_penalises_the_intercept(settings):
    """Two classes only."""
    check("skewed", solver="liblinear", **settings)


def test_default_refits_are_near():
    """Refits that stop at scikit-learn's default tolerance differ by what they leave undone."""
    problem = odd_problem("two", Model(), "neg_log_loss")
    orders = some_orders(problem)
    places = np.argsort(orders[0]) < np.arange(problem.n + 1)[:, None]
    worths = grow(twin(LogisticRegression, problem), orders)[0]
    np.testing.assert_allclose(worths, refit_worths(problem, places), atol=3e-3)


@pytest.mark.parametrize("kind", ["skewed", "four"])
@pytest.mark.parametrize("C", [1e-3, 1e3])
def test_the_gap_to_the_minimum_is_below_a_millionth(kind, C):
    """The loss at the coefficients after every row, against that of a fit to the last digit."""
    problem = odd_problem(kind, Model(C=C), "neg_log_loss", n=40)
    learner, X, y = twin(LogisticRegression, problem), problem.train.X, problem.train.y
    state, answers = learner.begin(), np.empty((1, 15, learner.question.width))
    for j in range(40):
        learner.join(state, np.array([j]), answers)
        if len(np.unique(y[: j + 1])) < learner.question.width:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has reached the last digit, and says so
            best = Model(C=C, solver="newton-cholesky", **TIGHT).fit(X[: j + 1], y[: j + 1])
        w = state.minimum.w
        w = np.stack([-w / 2, w / 2]) if learner.question.width == 2 else w[0]
        penalty = 0.5 * (w**2 * learner.penalty).sum() * (2 if learner.question.width == 2 else 1)
        least = 0.5 * (best.coef_**2).sum() / C
        code = learner.question.y[: j + 1]
        rows = learner.X if learner.question.width == 2 else learner._turned[0]
        z, t = rows[: j + 1] @ w.T, best.predict_log_proba(X[: j + 1])
        loss = (np.logaddexp.reduce(z, axis=1) - z[np.arange(j + 1), code]).sum() + penalty
        assert loss - (least - t[np.arange(j + 1), code].sum()) < 1e-6


def test_columns_of_every_scale():
    """Rows that scikit-learn's default would not fit in a thousand steps: both paths give one answer."""
    problem = odd_problem("shifted", Model(C=100.0), "neg_log_loss")
    learner, orders = twin(LogisticRegression, problem), some_orders(problem)
    for order, worths in zip(orders, grow(learner, orders), strict=True):
        coalitions = np.argsort(order) < np.arange(problem.n + 1)[:, None]
        np.testing.assert_allclose(worths, ask(learner, coalitions), atol=1e-3)


@pytest.mark.parametrize("kind", ["two", "four"])
def test_states_are_independent(kind):
    """Chunks do not matter; orders by less than labels show."""
    problem = odd_problem(kind, Model(C=1e-2), "accuracy")
    learner, n = twin(LogisticRegression, problem), problem.n
    whole, parts = (np.empty((n, 15, learner.question.width)) for _ in range(2))
    learner.join(learner.begin(), np.arange(n), whole)
    state = learner.begin()
    for start in range(0, n, 5):
        learner.join(state, np.arange(start, min(start + 5, n)), parts[start : start + 5])
    np.testing.assert_array_equal(parts[5:], whole[5:])
    alone = learner.fit(np.arange(n))
    offset = (alone - whole[-1]).mean(
        axis=1, keepdims=True
    )  # decisions of one row mean no more than their gaps
    np.testing.assert_allclose(alone - offset, whole[-1], atol=1e-4)


@pytest.mark.parametrize("kind", ["skewed", "unseen", "wide", "four"])
def test_a_coalition_is_worth_the_same_bits_in_any_batch(kind):
    """Fits start from the optimum over all rows, and from nothing else."""
    problem = odd_problem(kind, Model(), "neg_log_loss", n=24)
    coalitions = np.random.default_rng(0).random((30, 24)) < 0.5
    whole = ask(twin(LogisticRegression, problem), coalitions)
    learner = twin(LogisticRegression, problem)
    np.testing.assert_array_equal([ask(learner, c[None])[0] for c in coalitions[::-1]], whole[::-1])


@pytest.mark.parametrize("kind", ["skewed", "two", "wide", "copies", "constant"])
@pytest.mark.parametrize("C", [1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("settings", [{}, {"fit_intercept": False}, {"class_weight": "balanced"}], ids=str)
def test_fits_are_within_their_certificate(kind, C, settings):
    """The gap of the loss after a fit, against plain Newton steps with a line search, elsewhere."""
    problem = odd_problem(kind, Model(C=C, **settings), "neg_log_loss", n=36)
    learner, rng = twin(LogisticRegression, problem), np.random.default_rng(2)
    y = np.where(learner.question.y == learner.question.y.max(), 1.0, -1.0)
    weights, whole = np.ones(2) * ("class_weight" not in settings), learner._whole
    n, p = whole.X.shape
    for coalition in rng.random((12, n)) < rng.uniform(0.15, 0.9, (12, 1)):
        if abs(y[coalition].sum()) == coalition.sum():
            continue
        X, room, coefficients = np.empty((p, n + 16)), np.empty((7, n + 16)), np.empty((7, p))
        k = pack(coalition, whole.X, y, weights, X, room)
        assert settle(k, X, whole, room, coefficients, np.empty((p, p)))
        share = room[1, :k]
        assert np.isclose(share.sum(), k)
        w = coefficients[0]
        loss = _loss(whole.X[coalition], y[coalition], share, whole.penalty, w)
        x, start = learner.X[coalition], np.zeros(p)
        assert loss - _least(x, y[coalition], share, learner.penalty, start) < 1.01e-8


def _loss(X, y, a, penalty, w):
    return float((a * np.logaddexp(0, -y * (X @ w))).sum() + 0.5 * (penalty * w * w).sum())


def _least(X, y, a, penalty, w):
    """The least loss, by Newton's steps halved until the loss falls."""
    value = _loss(X, y, a, penalty, w)
    for _ in range(200):
        wrong = 1 / (1 + np.exp(np.minimum(y * (X @ w), 700)))
        g = penalty * w - X.T @ (a * y * wrong)
        H = (X.T * (a * wrong * (1 - wrong))) @ X + np.diag(penalty)
        step, share = np.linalg.lstsq(H, g, rcond=None)[0], 1.0
        while share > 1e-6 and _loss(X, y, a, penalty, w - share * step) > value:
            share /= 2
        if share <= 1e-6:
            break
        w = w - share * step
        value = _loss(X, y, a, penalty, w)
    return value


def test_steps_that_do_not_reach_a_minimum_are_an_error():
    """A loss with a negative penalty has none."""
    rng = np.random.default_rng(0)
    two, three = _newton.empty(4, 16), _softmax.empty(4, 16, np.ones((3, 4)))
    for i in range(8):
        _newton.append(rng.normal(size=4), 1.0 if i % 2 else -1.0, 1.0, two)
    for i in range(8):
        _softmax.append(rng.normal(size=4), i % 3, 1.0, three)
    with pytest.raises(AssayError, match="lower its C"):
        _newton.polish(two, np.full(4, -1.0))
    with pytest.raises(AssayError, match="lower its C"):
        _softmax.polish(three, np.full(4, -1.0))


@pytest.mark.parametrize(
    "model",
    [
        Model(C=np.inf), Model(l1_ratio=1.0, solver="saga"), Model(solver="saga"), Tuned(),
        Model(class_weight={0: 0.0}), Model(dual=True, solver="liblinear"),
    ],
    ids=str,
)  # fmt: skip
def test_other_settings_are_declined(model):
    """No twin for settings that it would not answer alike."""
    assert LogisticRegression.twin_of(model, Question(odd_problem("two", model))) is None


def test_liblinear_of_more_classes_is_declined():
    """scikit-learn refuses it too."""
    problem = odd_problem("four", Model(solver="liblinear"))
    assert LogisticRegression.twin_of(problem.model, Question(problem)) is None
