"""Workbench: the user's model, fitted on one version of the training rows and measured on other rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas.util import hash_pandas_object
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from .._keys import unset_seeds
from .._scoring import FLOOR, as_function
from .._types import Floats
from ..tables import Encoder, Table, target_values
from .frames import group_codes
from .gain import ERROR, Gain, paired_gain

BOOTSTRAPS = 200
KEPT = 8  # encodings that are remembered


@dataclass(frozen=True)
class Outcome:
    """What one version of the training rows is worth on one part.

    Parameters
    ----------
    losses : (m,) floats
        Log-loss of each row for classes, squared error for numbers; lower is better.
    answers : (m, classes) or (m,)
        What the score reads: probabilities, or numbers, or labels of a model without probabilities.
    score : float
        The user's score; higher is better.
    groups : (m,) ints, optional
        Codes of the rows' groups: rows of one group are not independent.
    """

    losses: Floats
    answers: NDArray[Any]
    score: float
    groups: NDArray[np.intp] | None = None

    @property
    def loss(self) -> float:
        """Mean loss."""
        return float(self.losses.mean())


@dataclass
class Workbench:
    """Fits and measures.

    Parameters
    ----------
    table : Table
        All rows: the classes are those of their labels.
    model : estimator
        The user's; cloned for each fit.
    score : str or (y_true, y_pred) -> float
        The user's score.
    seed : int
        Of models that draw and of the bootstrap.
    """

    table: Table
    model: Any
    score: str | Callable[..., float]
    seed: int = 0
    _encodings: dict[tuple[str, str], tuple[Floats, Floats]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.classes = None if self.table.target_kind == "number" else np.unique(target_values(self.table))
        self._score = as_function(self.score)
        self._model: Any = clone(self.model)
        self._model.set_params(**dict.fromkeys(unset_seeds(self._model), self.seed))

    @property
    def loss_name(self) -> str:
        """What `Outcome.losses` are."""
        return "squared_error" if self.classes is None else "log_loss"

    def outcome(self, train: Table, held: Table, *, keep: NDArray[np.bool_] | None = None) -> Outcome:
        """Fit on `train` (those rows that `keep` marks) and measure on the `held` rows.

        Model and score see nothing else; the encoding is that of all of `train`. One BLAS thread, so that the
        bits do not depend on how many there are.
        """
        X, X_held = self._encoded(train, held)
        y, y_held = target_values(train), target_values(held)
        if keep is not None:
            X, y = X[keep], y[keep]
        with threadpool_limits(1):
            if self.classes is not None and len(np.unique(y)) < 2:
                return self._constant(y, y_held, group_codes(held))
            fresh: Any = clone(self._model)
            answers = self._answers(fresh.fit(X, y), X_held)
        return Outcome(
            self._losses(answers, y_held), answers, self._scored(y_held, answers), group_codes(held)
        )

    def gain(self, before: Outcome, after: Outcome, *, error: float = ERROR) -> Gain:
        """Paired fall of the loss, with its interval."""
        return paired_gain(before.losses, after.losses, error=error, groups=before.groups)

    def score_gain(self, before: Outcome, after: Outcome, y: NDArray[Any]) -> Gain:
        """Paired rise of the user's score over rows of labels `y` (m,), with its interval.

        Accuracy is a mean over rows, so that the paired interval is Student's; of any other score it is the
        percentile interval of `BOOTSTRAPS` resamples of the rows, class by class.
        """
        if self.score == "accuracy" and self.classes is not None:
            misses = [self.classes[o.answers.argmax(axis=1)] != y for o in (before, after)]
            return paired_gain(misses[0].astype(float), misses[1].astype(float), groups=before.groups)
        rng = np.random.default_rng([self.seed, len(y)])
        groups = (
            [np.arange(len(y))] if self.classes is None else [np.flatnonzero(y == c) for c in np.unique(y)]
        )
        draws = np.empty(BOOTSTRAPS)
        for b in range(BOOTSTRAPS):
            rows = np.concatenate([rng.choice(group, len(group)) for group in groups])
            draws[b] = self._scored(y[rows], after.answers[rows]) - self._scored(
                y[rows], before.answers[rows]
            )
        low, high = np.quantile(draws, [ERROR / 2, 1 - ERROR / 2])
        return Gain(after.score - before.score, float(low), float(high))

    def _scored(self, y: NDArray[Any], answers: NDArray[Any]) -> float:
        if callable(self.score) and self.classes is not None:  # a user's function reads labels
            return float(self._score(y, self.classes[answers.argmax(axis=1)]))
        return float(self._score(y, answers))

    def _encoded(self, train: Table, held: Table) -> tuple[Floats, Floats]:
        key = (_fingerprint(train), _fingerprint(held))
        if key not in self._encodings:
            encoder = Encoder(train.roles).fit(train.frame)
            while len(self._encodings) >= KEPT:
                del self._encodings[next(iter(self._encodings))]
            self._encodings[key] = (encoder.transform(train.frame), encoder.transform(held.frame))
        return self._encodings[key]

    def _answers(self, fitted: Any, X: Floats) -> NDArray[Any]:
        if self.classes is None:
            return np.asarray(fitted.predict(X), dtype=float)
        wide = np.zeros((len(X), len(self.classes)))
        if callable(getattr(fitted, "predict_proba", None)):
            wide[:, np.searchsorted(self.classes, fitted.classes_)] = fitted.predict_proba(X)
        else:  # a model that only names a class is taken at its word, up to the floor
            wide[np.arange(len(X)), np.searchsorted(self.classes, fitted.predict(X))] = 1.0
        raised = np.maximum(wide, FLOOR)
        return raised / raised.sum(axis=1, keepdims=True)

    def _constant(self, y: NDArray[Any], y_held: NDArray[Any], groups: NDArray[np.intp] | None) -> Outcome:
        wide = np.full((len(y_held), len(np.asarray(self.classes))), FLOOR)
        wide[:, np.searchsorted(np.asarray(self.classes), y[:1])] = 1.0
        return Outcome(self._losses(wide, y_held), wide, self._scored(y_held, wide), groups)

    def _losses(self, answers: NDArray[Any], y: NDArray[Any]) -> Floats:
        if self.classes is None:
            return (np.asarray(y, dtype=float) - answers) ** 2
        return -np.log(answers[np.arange(len(y)), np.searchsorted(self.classes, y)])


def _fingerprint(table: Table) -> str:
    """Of the features alone: a batch of labels needs no new encoding."""
    features = table.frame[list(table.roles.features)].astype("str")
    hashed: Any = hash_pandas_object  # its stub names no type
    rows = np.asarray(hashed(features, index=False))
    return blake2b(rows.tobytes()).hexdigest()
