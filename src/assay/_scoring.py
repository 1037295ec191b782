"""Scoring: from the name of a scikit-learn scorer, or a function, to one number for a fitted model.

A model refitted on a few rows may not know every class. Its probabilities are widened to all classes, floored
at `FLOOR` (a certain and wrong answer must not cost infinity) and made to sum to one again.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils.metaestimators import available_if

from ._errors import AssayError
from ._types import Floats, Labels, Score

FLOOR = 1e-6
NUMBER_SCORES = frozenset(
    {"r2", "explained_variance", "d2_absolute_error_score", "neg_max_error", "neg_mean_absolute_error"}
    | {"neg_mean_squared_error", "neg_root_mean_squared_error", "neg_median_absolute_error"}
    | {"neg_mean_squared_log_error", "neg_root_mean_squared_log_error", "neg_mean_absolute_percentage_error"}
    | {"neg_mean_poisson_deviance", "neg_mean_gamma_deviance"}
)
LABEL_SCORES = frozenset(  # scores of classes that read labels only, never probabilities
    {"accuracy", "balanced_accuracy", "matthews_corrcoef"}
    | {
        f"{name}{how}"
        for name in ("f1", "precision", "recall", "jaccard")
        for how in ("", "_macro", "_micro", "_weighted")
    }
)


def check_name(score: str) -> None:
    """Raise `AssayError` with the nearest names if scikit-learn has no scorer called `score`."""
    names = get_scorer_names()
    if score not in names:
        near = get_close_matches(score, names, n=3, cutoff=0.3) or ["accuracy", "neg_log_loss", "r2"]
        raise AssayError(
            f"Problem.score is {score!r}, which scikit-learn does not know; "
            f"the nearest are {', '.join(near)}."
        )


def as_function(score: str | Score) -> Score:
    """The score as a function (y_true, y_pred) -> float, higher is better.

    `y_pred` is what the score reads: labels, or for scores of probabilities (`neg_log_loss`, `roc_auc`) one
    column for each sorted class of `y_true`.
    """
    if not isinstance(score, str):
        return score
    name = score

    def scored(y_true: Labels, y_pred: Any) -> float:
        given = np.asarray(y_pred)
        if name in NUMBER_SCORES:
            return _scored(name, _Numbers(given), y_true)
        classes = np.unique(y_true)
        labels = classes[given.argmax(axis=1)] if given.ndim == 2 else given
        return _scored(name, _Classes(classes, labels, given if given.ndim == 2 else None), y_true)

    return scored


@dataclass(frozen=True)
class Judge:
    """The rows and the score that models are judged by.

    Parameters
    ----------
    score : str | Score
        A scorer of scikit-learn, or (y_true, y_pred) -> float.
    X, y : arrays of shape (m, d), (m,)
        The rows to predict.
    classes : array of shape (c,) | None
        Every class, sorted; None where labels are numbers.
    """

    score: str | Score
    X: Floats
    y: Labels
    classes: Labels | None

    def of_model(self, fitted: Any) -> float:
        """Score of the predictions of a fitted estimator."""
        labels = fitted.predict(self.X)
        if not isinstance(self.score, str):
            return float(self.score(self.y, labels))
        if self.score == "accuracy":
            return float(np.mean(labels == self.y))
        if self.classes is None:
            return _scored(self.score, _Numbers(labels), self.y)
        return _scored(self.score, _widened(fitted, labels, self.X, self.classes), self.y)

    def noise(self, fitted: Any, resamples: int, rng: np.random.Generator) -> float:
        """Standard deviation of `of_model` over bootstraps of the rows; what it cannot judge is left out."""
        m, worths = len(self.y), []
        for _ in range(resamples):
            rows = rng.integers(0, m, m)
            drawn = Judge(self.score, self.X[rows], self.y[rows], self.classes)
            with suppress(ValueError):  # say, a class is missing
                worths.append(drawn.of_model(fitted))
        told = np.array([worth for worth in worths if np.isfinite(worth)])
        if len(told) < resamples / 2:
            raise AssayError(
                f"The score {self.score!r} cannot judge resampled validation rows, of which there are "
                f"{len(self.y)}; pass a number as the tolerance."
            )
        return float(np.std(told, ddof=1))

    def of_answers(self, labels: Labels, probabilities: Floats | None) -> float:
        """Score of predicted `labels` (m,), with the probabilities (m, c) behind them where there are any."""
        if not isinstance(self.score, str):
            return float(self.score(self.y, labels))
        if self.classes is None:
            return _scored(self.score, _Numbers(labels), self.y)
        wide = None if probabilities is None else _floored(probabilities)
        return _scored(self.score, _Classes(self.classes, labels, wide), self.y)

    def of_constant(self, label: Any, probabilities: Floats | None = None) -> float:
        """Score of predicting `label` for every row, surely unless `probabilities` (c,) say otherwise."""
        labels = np.full(len(self.y), label)
        if not isinstance(self.score, str):
            return float(self.score(self.y, labels))
        if self.classes is None:
            return _scored(self.score, _Numbers(labels), self.y)
        sure = (self.classes == label).astype(float) if probabilities is None else probabilities
        wide = np.tile(sure, (len(self.y), 1))
        return _scored(self.score, _Classes(self.classes, labels, _floored(wide)), self.y)

    def of_guess(self, train_y: Labels) -> float:
        """Score of knowing nothing of any row: the worth of the empty coalition.

        Classes: a guess with equal chances, that is the mean over the constant answers (for accuracy 1 / c)
        where the score reads labels, and 1 / c for every class where it reads probabilities. Numbers: the
        mean of all training labels.
        """
        if self.classes is None:
            return self.of_constant(np.mean(train_y.astype(float)))
        even = np.full(len(self.classes), 1 / len(self.classes))
        return float(np.mean([self.of_constant(label, even) for label in self.classes]))

    def check(self, train_y: Labels) -> None:
        """Raise `AssayError` if the score cannot judge these labels."""
        name = self.score if isinstance(self.score, str) else getattr(self.score, "__name__", "score")
        if isinstance(self.score, str) and self.classes is None and self.score not in NUMBER_SCORES:
            raise AssayError(
                f"The score {name!r} judges classes, but the labels are numbers; "
                "pass score='r2' or score='neg_mean_squared_error'."
            )
        if isinstance(self.score, str) and self.classes is not None and self.score in NUMBER_SCORES:
            raise AssayError(
                f"The score {name!r} judges numbers, but the labels are classes; pass score='accuracy'."
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                worth = self.of_guess(train_y)
        except ValueError as error:
            raise AssayError(
                f"The score {name!r} cannot judge these labels ({error}); choose another, such as "
                f"{'accuracy' if self.classes is not None else 'r2'!r}."
            ) from error
        if not np.isfinite(worth):
            raise AssayError(
                f"The score {name!r} of a guess on the {len(self.y)} validation rows is {worth}; it needs "
                "more validation rows, or another score."
            )


def _scored(name: str, answers: _Classes | _Numbers, y: Labels) -> float:
    scorer: Any = get_scorer(name)
    return float(scorer(answers, np.zeros((len(y), 1)), y))


def _floored(probabilities: Floats) -> Floats:
    raised = np.maximum(probabilities, FLOOR)
    return raised / raised.sum(axis=1, keepdims=True)


def _widened(fitted: Any, labels: Labels, X: Floats, classes: Labels) -> _Classes:
    known = np.searchsorted(classes, fitted.classes_)
    if callable(getattr(fitted, "predict_proba", None)):
        wide = np.zeros((len(labels), len(classes)))
        wide[:, known] = fitted.predict_proba(X)
        return _Classes(classes, labels, _floored(wide))
    if not callable(getattr(fitted, "decision_function", None)):
        return _Classes(classes, labels)
    decision = np.asarray(fitted.decision_function(X), float)
    if len(known) == len(classes):
        return _Classes(classes, labels, decision=decision)
    columns = np.column_stack([-decision, decision]) if decision.ndim == 1 else decision
    wide = np.repeat(columns.min(axis=1, keepdims=True) - 1, len(classes), axis=1)  # unseen: least likely
    wide[:, known] = columns
    return _Classes(classes, labels, decision=wide)


class _Classes(ClassifierMixin, BaseEstimator):
    """Answers already given, in the shape of a classifier that knows every class."""

    def __init__(
        self, classes: Labels, labels: Labels, probabilities: Any = None, decision: Floats | None = None
    ) -> None:
        self.classes_ = classes
        self.labels = labels
        self.probabilities = probabilities
        self.decision = decision

    def predict(self, X: Any) -> Labels:
        del X
        return self.labels

    @available_if(lambda self: self.probabilities is not None)
    def predict_proba(self, X: Any) -> Floats:
        del X
        return self.probabilities

    @available_if(lambda self: self.decision is not None)
    def decision_function(self, X: Any) -> Floats | None:
        del X
        return self.decision


class _Numbers(RegressorMixin, BaseEstimator):
    """Answers already given, in the shape of a regressor."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels

    def predict(self, X: Any) -> Labels:
        del X
        return self.labels
