"""Twins of the linear models of least squares: Ridge, RidgeClassifier and LinearRegression."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn import linear_model

from .._types import Floats, Positions
from ._class_weights import ClassWeights
from ._learner import Learner
from ._moments import Moments, empty, join, predict, settle, spread
from ._question import Question
from ._space import compact

STEEP = 1e11  # beyond this ratio of the largest eigenvalue to the penalty no digits are certain
ROUND = 1e-4  # ratio of singular values from which unpenalised rows join one by one
EXACT_SOLVERS = ("auto", "svd", "cholesky")


@dataclass(eq=False)
class _State:
    moments: Moments
    decision: Floats  # (t, m): room for predictions
    seen: NDArray[np.bool_]  # (c,): classes that joined; none where labels are numbers
    rows: list[int] = field(default_factory=list)
    floor: float = 0.0  # least eigenvalue of unpenalised moments; 0 while rows are refitted


@dataclass(frozen=True, eq=False)
class _Squares:
    """A penalised least squares problem over training rows X (n, d), targets Y (n, t), and V (d, m)."""

    X: Floats
    V: Floats
    Y: Floats
    intercept: bool
    alpha: float

    def begin(self, c: int) -> _State:
        moments = empty(self.X.shape[1], self.Y.shape[1], self.alpha)
        return _State(moments, np.empty((self.Y.shape[1], self.V.shape[1])), np.zeros(c, bool))

    def fit(self, rows: Positions, weights: Floats) -> Moments:
        """The moments of `rows` (k,) with `weights` (k,)."""
        moments = empty(self.X.shape[1], self.Y.shape[1], self.alpha)
        settle(self.X[rows], self.Y[rows], weights, self.intercept, self.alpha, moments)
        return moments

    def predict(self, fitted: Moments) -> Floats:
        """Predictions (t, m)."""
        decision = np.empty((self.Y.shape[1], self.V.shape[1]))
        predict(self.V, fitted.mean, fitted.level, fitted.beta, decision)
        return decision


def _penalised(model: Any, question: Question, Y: Floats, heaviest: float) -> _Squares | None:
    alpha: Any = model.alpha
    if (
        model.positive
        or model.solver not in EXACT_SOLVERS
        or not isinstance(alpha, Real)
        or not float(alpha) > 0
    ):
        return None
    X, V = compact(question.X, question.V, shift=bool(model.fit_intercept))
    if heaviest * (X * X).sum() > STEEP * alpha:
        return None
    return _Squares(X, V, Y, bool(model.fit_intercept), float(alpha))


@final
@dataclass(frozen=True, eq=False)
class Ridge(Learner):
    """Ridge regression, exactly: the inverse of the penalised moments is updated by each row.

    Any `alpha` above 0 (one number) that is not lost in rounding, with or without an intercept; solvers that
    are exact (auto, svd, cholesky). Time O(d^2 + m d) a row, memory O(d^2) a state.

    Source: Sherman and Morrison (1950), "Adjustment of an Inverse Matrix"; see `_moments`.
    """

    name: ClassVar[str] = "Ridge"
    question: Question
    squares: _Squares

    @classmethod
    def twin_of(cls, model: Any, question: Question) -> Ridge | None:
        """The twin of a `Ridge`, or None."""
        if type(model) is not linear_model.Ridge or question.classes is not None:
            return None
        squares = _penalised(model, question, question.y[:, None], 1.0)
        return None if squares is None else cls(question, squares)

    def begin(self) -> _State:
        """The state of no rows."""
        return self.squares.begin(0)

    def join(self, state: _State, rows: Positions, answers: Floats) -> None:
        """Learn `rows` one by one."""
        s = self.squares
        codes = np.zeros(len(s.X), np.intp)
        join(rows, s.X, s.V, s.Y, np.ones(1), codes, s.intercept, s.alpha, state.moments,
             state.decision, state.seen, answers)  # fmt: skip

    def fit(self, rows: Positions) -> Floats:
        """Predictions (m, 1) of a fit on `rows`."""
        return self.squares.predict(self.squares.fit(rows, np.ones(len(rows)))).T


@final
@dataclass(frozen=True, eq=False)
class RidgeClassifier(Learner):
    """Ridge classification, exactly: ridge regressions on targets of 1 and -1, one for each class.

    As `Ridge`, with any class weights above 0. Weights `"balanced"` change with every row, so that each step
    is a fit, O(k d^2). No probabilities.
    """

    name: ClassVar[str] = "RidgeClassifier"
    question: Question
    squares: _Squares
    weights: ClassWeights

    @classmethod
    def twin_of(cls, model: Any, question: Question) -> RidgeClassifier | None:
        """The twin of a `RidgeClassifier`, or None."""
        if type(model) is not linear_model.RidgeClassifier or question.classes is None or question.probable:
            return None
        weights = ClassWeights.read(model.class_weight, question.classes)
        if weights is None:
            return None
        targets = np.array([1]) if question.width == 2 else np.arange(question.width)
        Y = np.where(question.y[:, None] == targets, 1.0, -1.0)
        squares = _penalised(model, question, Y, len(Y) if weights.balanced else weights.fixed.max())
        return None if squares is None else cls(question, squares, weights)

    def refuses(self, counts: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Coalitions that lack a class with a weight; see `ClassWeights`."""
        return self.weights.refuses(counts)

    def begin(self) -> _State:
        """The state of no rows."""
        return self.squares.begin(self.question.width)

    def join(self, state: _State, rows: Positions, answers: Floats) -> None:
        """Learn `rows` one by one."""
        s = self.squares
        if not self.weights.balanced:
            join(rows, s.X, s.V, s.Y, self.weights.fixed, self.question.y, s.intercept, s.alpha,
                  state.moments, state.decision, state.seen, answers)  # fmt: skip
            return
        for j, row in enumerate(rows.tolist()):
            state.rows.append(row)
            answers[j] = self.fit(np.array(state.rows))

    def fit(self, rows: Positions) -> Floats:
        """Decisions (m, c) of a fit on `rows`."""
        codes = self.question.y[rows]
        counts = np.bincount(codes, minlength=self.question.width)
        decision = self.squares.predict(self.squares.fit(rows, self.weights.of(counts)[codes]))
        answer = np.empty((self.squares.V.shape[1], self.question.width))
        spread(decision, counts > 0, answer)
        return answer


@final
@dataclass(frozen=True, eq=False)
class LinearRegression(Learner):
    """Ordinary least squares: the solution of least norm where rows do not decide it.

    While the rows so far are fewer than the features, or nearly collinear, each step is a fit by singular
    values, cut off as scikit-learn's are; from then on rows join as in `Ridge`. `positive` is not supported.
    """

    name: ClassVar[str] = "LinearRegression"
    question: Question
    squares: _Squares
    cut: float

    @classmethod
    def twin_of(cls, model: Any, question: Question) -> LinearRegression | None:
        """The twin of a `LinearRegression`, or None."""
        wrong = type(model) is not linear_model.LinearRegression or question.classes is not None
        if wrong or model.positive:
            return None
        X, V = compact(question.X, question.V, shift=bool(model.fit_intercept), thin=True)
        squares = _Squares(X, V, question.y[:, None], bool(model.fit_intercept), 0.0)
        return cls(question, squares, float(model.tol))

    def begin(self) -> _State:
        """The state of no rows."""
        return self.squares.begin(0)

    def join(self, state: _State, rows: Positions, answers: Floats) -> None:
        """Learn `rows` one by one."""
        j = 0
        while j < len(rows):
            if state.floor > 0 and self._joined(state, rows[j:], answers[j:]):
                return
            state.rows.append(int(rows[j]))
            answers[j] = self._refit(state, np.array(state.rows))
            j += 1

    def fit(self, rows: Positions) -> Floats:
        """Predictions (m, 1) of a fit on `rows`."""
        return self._refit(self.begin(), rows)

    @cached_property
    def decided(self) -> bool:
        """Whether all rows decide the solution, so that it need not be the one of least norm."""
        state = self.begin()
        self._refit(state, np.arange(len(self.squares.X)))
        return state.floor > 0

    def _joined(self, state: _State, rows: Positions, answers: Floats) -> bool:
        s, moments = self.squares, state.moments
        codes = np.zeros(len(s.X), np.intp)
        join(rows, s.X, s.V, s.Y, np.ones(1), codes, s.intercept, 0.0, moments, state.decision,
              state.seen, answers)  # fmt: skip
        if np.trace(moments.G) * ROUND**2 > 100 * state.floor:  # a far row came: the cut-off may bite
            state.floor = 0.0
            return False
        state.rows.extend(rows.tolist())
        return True

    def _refit(self, state: _State, rows: Positions) -> Floats:
        s = self.squares
        X, y = s.X[rows], s.Y[rows, 0]
        mean, level = (X.mean(axis=0), y.mean()) if s.intercept else (np.zeros(X.shape[1]), 0.0)
        left, sizes, right = np.linalg.svd(X - mean, full_matrices=False)
        kept = sizes > self.cut * sizes.max(initial=0.0)
        beta = right[kept].T @ ((left[:, kept].T @ (y - level)) / sizes[kept])
        if len(rows) > X.shape[1] and sizes[-1] > ROUND * sizes[0]:
            state.floor = sizes[-1] ** 2
            state.moments = s.fit(rows, np.ones(len(rows)))
        return (level + beta @ (s.V - mean[:, None]))[:, None]
