"""Outputs: what a model refitted on a subset of the rows says of each validation row."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, TypeAlias

import numpy as np
from sklearn.linear_model import Ridge

from ._cloning import Cloner
from ._errors import AssayError
from ._frozen import frozen
from ._keys import unset_seeds
from ._model_game import check_classes
from ._problem import Problem
from ._types import Coalitions, Floats, Labels, Positions

Output: TypeAlias = Literal["margin", "log_loss", "squared_error"]
OUTPUTS = ("margin", "log_loss", "squared_error")
LEAST = 1e-9  # a probability below counts as this: models say 0 and 1, and no logarithm may be infinite


@dataclass(frozen=True, eq=False)
class Outputs:
    """Refits the model on subsets of the rows; answers with one number a validation row, higher is better.

    - A subset that the model refuses (one class, too few rows) predicts the shares of its classes or its mean
      label; an empty one predicts every class alike, or the mean label of all rows.
    - A model that leaves `random_state` to chance gets one made of `seed` and the subset.
    - Fitted steps of a pipeline stay as they are, as in `ModelGame`.
    - `Ridge` is solved in closed form on subsets, without scikit-learn's checks.

    Parameters
    ----------
    problem : Problem
        With labels, validation rows and a scikit-learn estimator; one with `predict_proba` for classes.
    output : "margin" | "log_loss" | "squared_error", optional
        log p / (1 - p) of the right class, log p, or minus the squared error. If not given, the margin for
        classes and the squared error for numbers. Probabilities are at least 1e-9.
    seed : int
        See above.

    Raises
    ------
    AssayError
        If something is missing, the output does not fit the labels, or the model has no probabilities.
    """

    problem: Problem
    output: Output | None = None
    seed: int = 0
    kind: Output = field(init=False)
    _problem: Problem = field(init=False, repr=False)
    _cloner: Cloner = field(init=False, repr=False)
    _seeds: list[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        kind = output_of(self.problem, self.output)
        check_classes(self.problem)
        p = frozen(self.problem)
        if kind != "squared_error" and not callable(getattr(p.model, "predict_proba", None)):
            raise AssayError(
                f"The output {kind!r} needs probabilities, and {p.model!r} has no predict_proba; wrap it in "
                "sklearn.calibration.CalibratedClassifierCV."
            )
        made = {"kind": kind, "_problem": p, "_cloner": Cloner(p.model), "_seeds": unset_seeds(p.model)}
        for name, part in made.items():
            object.__setattr__(self, name, part)

    def __call__(self, subsets: Coalitions) -> Floats:
        """Outputs (s, m) of the models fitted on `subsets` (s, n)."""
        model = self._problem.model
        if self.kind == "squared_error" and type(model) is Ridge and plain(model) and self._dense:
            return np.array([self._ridge(np.flatnonzero(subset)) for subset in subsets])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # refits on few rows warn by the thousand
            return np.array([self._of(np.flatnonzero(subset)) for subset in subsets])

    @property
    def _dense(self) -> bool:
        return isinstance(self._problem.train.X, np.ndarray) and self._problem.valid is not None

    def _of(self, rows: Positions) -> Floats:
        train, valid = self._problem.train, self._problem.valid
        assert valid is not None
        assert train.y is not None
        try:
            model = self._model(rows).fit(train.X[rows], train.y[rows]) if len(rows) else None
        except ValueError as error:
            if len(rows) == len(train):
                raise AssayError(f"The model {self.problem.model!r} cannot be fitted: {error}") from error
            model = None
        if self.kind == "squared_error":
            predicted = _mean(train.y, rows, len(valid)) if model is None else model.predict(valid.X)
            return -((predicted - valid.y) ** 2)
        classes = self._problem.classes
        assert classes is not None
        if model is None:
            shares = _shares(train.y[rows], classes)
            return of_probabilities(np.tile(shares, (len(valid), 1)), classes, valid.y, self.kind)
        return of_probabilities(model.predict_proba(valid.X), model.classes_, valid.y, self.kind)

    def _model(self, rows: Positions) -> Any:
        model = self._cloner.copy()
        if self._seeds:
            name = f"{self.seed}:".encode() + rows.astype(np.int64).tobytes()
            number = int.from_bytes(blake2b(name, digest_size=4).digest(), "big")
            model.set_params(**dict.fromkeys(self._seeds, number))
        return model

    def _ridge(self, rows: Positions) -> Floats:
        train, valid = self._problem.train, self._problem.valid
        assert valid is not None
        assert train.y is not None
        y, truth = train.y.astype(float), valid.y.astype(float)
        if not len(rows):
            return -((y.mean() - truth) ** 2)
        return -((ridge(train.X[rows], y[rows], valid.X, self._problem.model) - truth) ** 2)


def plain(model: Ridge) -> bool:
    """Whether the closed form is the model: one penalty, no sign constraint."""
    return bool(np.ndim(model.alpha) == 0 and float(model.alpha) > 0 and not model.positive)


def ridge(X: Floats, y: Floats, X_valid: Floats, model: Ridge) -> Floats:
    """Predictions (m,) of ridge regression fitted on `X` (k, d), by the smaller of its normal equations."""
    X, X_valid = X.astype(float, copy=False), X_valid.astype(float, copy=False)
    centre, level = (X.mean(axis=0), y.mean()) if model.fit_intercept else (np.zeros(X.shape[1]), 0.0)
    A, b = X - centre, y - level
    if len(A) < A.shape[1]:
        weights = A.T @ np.linalg.solve(A @ A.T + float(model.alpha) * np.eye(len(A)), b)
    else:
        weights = np.linalg.solve(A.T @ A + float(model.alpha) * np.eye(A.shape[1]), A.T @ b)
    return (X_valid - centre) @ weights + level


def output_of(problem: Problem, output: Any) -> Output:
    """The output asked for, or the usual one.

    Raises
    ------
    AssayError
        If it does not fit the labels, or labels, a model or validation rows are missing.
    """
    lacks = {"train.y": problem.train.y, "model": problem.model, "valid.y": problem.valid and problem.valid.y}
    missing = [name for name, part in lacks.items() if part is None]
    if missing:
        raise AssayError(f"Outputs of refits need {', '.join(missing)}; pass them to assay.Problem.")
    numbers = problem.target_kind == "number"
    if output is None:
        return "squared_error" if numbers else "margin"
    if output not in OUTPUTS:
        raise AssayError(f"The output is {output!r}; choose {', '.join(map(repr, OUTPUTS))}, or None.")
    if (output == "squared_error") != numbers:
        raise AssayError(
            f"The output {output!r} does not fit labels that are {'numbers' if numbers else 'classes'}; "
            f"choose {'squared_error' if numbers else 'margin or log_loss'!r}."
        )
    return output


def of_probabilities(p: Floats, columns: Labels, y: Labels, kind: Output) -> Floats:
    """Outputs (m,) of probabilities (m, c), whose columns are sorted classes, of rows with labels `y`.

    1 - p is the sum of the other columns: as sharp near 0 as p is.
    """
    place = np.minimum(np.searchsorted(columns, y), len(columns) - 1)
    known = columns[place] == y
    line = np.arange(len(y))
    right = np.where(known, p[line, place], 0.0)
    rest = p.astype(float)
    rest[line[known], place[known]] = 0.0
    right = np.maximum(right, LEAST)
    return (
        np.log(right) if kind == "log_loss" else np.log(right) - np.log(np.maximum(rest.sum(axis=1), LEAST))
    )


def _shares(labels: Labels, classes: Labels) -> Floats:
    if not len(labels):
        return np.full(len(classes), 1 / len(classes))
    return np.bincount(np.searchsorted(classes, labels), minlength=len(classes)) / len(labels)


def _mean(y: Labels, rows: Positions, count: int) -> Floats:
    return np.full(count, (y[rows] if len(rows) else y).astype(float).mean())
