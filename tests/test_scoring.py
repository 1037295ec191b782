"""Scoring: `Problem.scorer` is scikit-learn's score as a function of labels or probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from assay import Data, Problem

Y = np.array(["a", "b", "b", "c"])
P = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
GUESS = np.array(["a", "b", "a", "c"])
ROWS = Data(np.zeros((4, 1)), Y)


@pytest.mark.parametrize(
    ("name", "given", "truth"),
    [
        ("accuracy", GUESS, 0.75),
        ("balanced_accuracy", GUESS, (1 + 0.5 + 1) / 3),
        ("f1_macro", GUESS, metrics.f1_score(Y, GUESS, average="macro")),
        ("neg_log_loss", P, np.log([0.6, 0.5, 0.3, 0.8]).mean()),
        ("roc_auc_ovr", P, metrics.roc_auc_score(Y, P, multi_class="ovr")),
    ],
)
def test_scores_of_classes(name, given, truth):
    """Labels or probabilities give the number of scikit-learn, higher is better."""
    assert Problem(ROWS, score=name).scorer(Y, given) == pytest.approx(truth)


@pytest.mark.parametrize(("name", "truth"), [("neg_mean_squared_error", -0.25), ("r2", 1 - 1 / 5)])
def test_scores_of_numbers(name, truth):
    """Errors are negated: higher is better."""
    y = np.array([0.0, 1.0, 2.0, 3.0])
    assert Problem(ROWS, score=name).scorer(y, y + 0.5) == pytest.approx(truth)


def test_a_function_is_itself():
    """A score of one's own is not wrapped."""
    assert Problem(ROWS, score=metrics.accuracy_score).scorer is metrics.accuracy_score
