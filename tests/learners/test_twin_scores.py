"""Scores of many answers at once are those of scikit-learn's scorers, and of functions."""

from __future__ import annotations

import numpy as np
import pytest
from refits import own_score
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    mean_squared_error,
    r2_score,
    root_mean_squared_error,
)
from sklearn.naive_bayes import GaussianNB

from assay import Data, Problem
from assay._learners._question import Question
from assay._learners._scores import score
from assay._scoring import FLOOR

NAMES = np.array(["b", "c", "a"])


def of_classes(name, c=3, m=12) -> Question:
    """A question of c classes with m validation rows."""
    labels = np.sort(NAMES[:c])
    X = np.zeros((m, 1))
    return Question(
        Problem(Data(X, labels[np.arange(m) % c]), Data(X, labels[::-1][np.arange(m) % c]), None, name)
    )


def of_numbers(name, m=12) -> Question:
    """A question of numbers with m validation rows."""
    rng = np.random.default_rng(0)
    X = np.zeros((m, 1))
    return Question(Problem(Data(X, rng.normal(size=m)), Data(X, rng.normal(size=m)), None, name))


def of_chance(question, k=7) -> np.ndarray:
    """Random answers (k, m, width); probabilities where there are classes."""
    raw = np.random.default_rng(1).normal(size=(k, len(question.V), question.width))
    if question.classes is None:
        return raw
    return np.exp(3 * raw) / np.exp(3 * raw).sum(axis=2, keepdims=True)


@pytest.mark.parametrize("c", [2, 3])
@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("accuracy", accuracy_score),
        ("balanced_accuracy", balanced_accuracy_score),
        ("f1_macro", lambda t, p: f1_score(t, p, average="macro")),
        (own_score, own_score),
    ],
)
def test_scores_of_labels(c, name, by_hand):
    """The highest column is the predicted class, whatever the scale of the columns."""
    question = of_classes(name, c)
    answers = 5 * of_chance(question) - 9
    wanted = [by_hand(question.problem.valid.y, question.classes[a.argmax(axis=1)]) for a in answers]
    np.testing.assert_allclose(score(question, answers), wanted, rtol=1e-12)


@pytest.mark.parametrize("c", [2, 3])
def test_ties_go_to_the_first_class(c):
    """As argmax does; a class at minus infinity never wins over another."""
    question = of_classes("accuracy", c)
    answers = np.zeros((2, 12, c))
    answers[1, :, 0] = -np.inf
    wanted = [np.mean(question.t == 0), np.mean(question.t == 1)]
    np.testing.assert_array_equal(score(question, answers), wanted)


@pytest.mark.parametrize("c", [2, 3])
def test_log_loss_is_floored_and_sums_to_one(c):
    """A certain and wrong answer costs the logarithm of the floor, not infinity."""
    question = of_classes("neg_log_loss", c)
    answers = of_chance(question)
    answers[0] = np.eye(c)[0]
    answers[1] = np.eye(c)[question.t]
    floored = np.maximum(answers, FLOOR)
    floored /= floored.sum(axis=2, keepdims=True)
    wanted = [-log_loss(question.problem.valid.y, a, labels=question.classes) for a in floored]
    np.testing.assert_allclose(score(question, answers), wanted, rtol=1e-9)


def test_other_scores_of_probabilities():
    """The area under the curve, from the same floored probabilities."""
    question = of_classes("roc_auc", 2)
    answers = of_chance(question)
    wanted = [question.judge.of_answers(question.classes[a.argmax(axis=1)], a) for a in answers]
    np.testing.assert_array_equal(score(question, answers), wanted)


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("r2", r2_score),
        ("neg_mean_squared_error", lambda t, p: -mean_squared_error(t, p)),
        ("neg_root_mean_squared_error", lambda t, p: -root_mean_squared_error(t, p)),
        ("neg_mean_absolute_error", lambda t, p: -np.abs(t - p).mean()),
        (own_score, own_score),
    ],
)
def test_scores_of_numbers(name, by_hand):
    """By kernels, and by scikit-learn where there is none."""
    question = of_numbers(name)
    answers = of_chance(question)
    wanted = [by_hand(question.problem.valid.y, a[:, 0]) for a in answers]
    np.testing.assert_allclose(score(question, answers), wanted, rtol=1e-12)


def test_a_score_that_equals_a_scorer_of_a_model():
    """The accuracy of naive Bayes, by its own probabilities."""
    rng = np.random.default_rng(0)
    train, valid = (Data(rng.normal(size=(20, 2)), np.arange(20) % 2) for _ in range(2))
    model = GaussianNB().fit(train.X, train.y)
    question = Question(Problem(train, valid, GaussianNB()))
    assert score(question, model.predict_proba(valid.X)[None])[0] == model.score(valid.X, valid.y)
