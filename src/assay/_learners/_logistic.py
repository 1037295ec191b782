"""Twin of LogisticRegression: two classes and more."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn import linear_model

from .._types import Coalitions, Floats, Positions
from . import _newton, _newton_cold, _softmax
from ._class_weights import ClassWeights
from ._learner import Learner
from ._question import Question
from ._space import compact

SOLVERS = ("lbfgs", "newton-cg", "newton-cholesky", "liblinear")


@dataclass(eq=False)
class _State:
    rows: list[int] = field(default_factory=list)
    classes: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))  # seen, sorted
    codes: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))  # (n,): places in `classes`
    minimum: Any = None  # of `_newton` or `_softmax`, once two classes are seen


@final
@dataclass(frozen=True, eq=False)
class LogisticRegression(Learner):
    """Logistic regression with an L2 penalty, at the optimum of every coalition.

    The answer is that of coefficients whose penalised loss (the sum over rows, plus the penalty) is certain
    to be within 1e-8 of its minimum one Newton step before they are reached; after it the gap is of the
    order of its square. scikit-learn's own solvers stop at `tol` or after `max_iter` steps, so that a refit
    with the default settings is farther from the optimum; a refit that would not converge is answered by
    the optimum.

    Any finite C, with or without an intercept, any positive class weights or `"balanced"`, two classes (the
    binomial loss) or more (the multinomial one). Solvers lbfgs, newton-cg, newton-cholesky; liblinear for two
    classes, with its penalised intercept. Not L1 or elastic net, and not C = inf, whose optimum does
    not exist for rows that a plane separates, as few rows are.

    Time O(k d) a step of a row joining k others with now and then O(k d^2 + d^3) for two classes; see
    `_newton` and `_softmax`. Memory O(n d + c d^2) a state.
    """

    name: ClassVar[str] = "LogisticRegression"
    question: Question
    X: Floats  # (n, p), the last used column holds the intercept
    V: Floats  # (p, m)
    penalty: Floats  # (p,)
    weights: ClassWeights

    @classmethod
    def twin_of(cls, model: Any, question: Question) -> LogisticRegression | None:
        """The twin of a `LogisticRegression`, or None."""
        if type(model) is not linear_model.LogisticRegression or question.classes is None:
            return None
        if not _plain(model) or (model.solver == "liblinear" and question.width > 2):
            return None
        weights = ClassWeights.read(model.class_weight, question.classes)
        if weights is None:
            return None
        free = bool(model.fit_intercept) and model.solver != "liblinear"
        X, V = compact(question.X, question.V, shift=free)
        constant = 0.0
        if model.fit_intercept:
            constant = 1.0 if free else float(model.intercept_scaling)
        n, d = X.shape
        p = _newton.padded(d + 1)
        rows, asked = np.zeros((n, p)), np.zeros((p, _newton.padded(V.shape[1])))
        rows[:, :d], asked[:d, : V.shape[1]] = X, V
        rows[:, d] = asked[d] = constant
        penalty = np.full(p, 1.0 / model.C)
        penalty[d] = 0.0 if free else 1.0 / model.C
        return cls(question, rows, asked, penalty, weights)

    def refuses(self, counts: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Coalitions that lack a class with a weight; see `ClassWeights`."""
        return self.weights.refuses(counts)

    def begin(self) -> _State:
        """The state of no rows."""
        return _State()

    def join(self, state: _State, rows: Positions, answers: Floats) -> None:
        """Learn `rows` one by one."""
        y = self.question.y
        done = 0
        while done < len(rows):
            new = ~np.isin(y[rows[done:]], state.classes)
            stop = done + (int(new.argmax()) if new.any() else len(rows) - done)
            if stop > done:
                self._grow(state, rows[done:stop], answers[done:stop])
                state.rows.extend(rows[done:stop].tolist())
            if stop < len(rows):
                self._meet(state, rows[stop : stop + 1], answers[stop : stop + 1])
            done = stop + 1

    def fit(self, rows: Positions) -> Floats:
        """The answer (m, c) of a fit on `rows`."""
        if len(self._all) == 2:
            coalition = np.zeros((1, len(self.X)), bool)
            coalition[0, rows] = True
            return self.fits(coalition)[0]
        return self._fit(rows)

    def fits(self, coalitions: Coalitions) -> Floats:
        """The answers (b, m, c) of `fit` on each of `coalitions` (b, n)."""
        if len(self._all) > 2:
            return super().fits(coalitions)
        two = np.empty((len(coalitions), len(self.question.V), 2))
        certain = np.empty(len(coalitions), bool)
        weights = self.weights.fixed[self._all] * (not self.weights.balanced)
        _newton_cold.fits(coalitions, self._whole, self._sides, weights, self.question.probable, two, certain)
        answers = self.widened(two, self._all)
        for i in np.flatnonzero(~certain):
            answers[i] = self._fit(np.flatnonzero(coalitions[i]))
        return answers

    def _fit(self, rows: Positions) -> Floats:
        """The answer (m, c) of a fit on `rows` that keeps no more classes than they have."""
        codes = self.question.y[rows]
        counts = np.bincount(codes, minlength=self.question.width)
        classes = np.flatnonzero(counts)
        answer = np.empty((len(self.question.V), self.question.width))
        places, weights = np.searchsorted(classes, self.question.y), self.weights.of(counts)[classes]
        start = self._start if len(classes) == len(self._all) else None
        self._minimum(rows, classes, places, weights, start, answer)
        return answer

    def _meet(self, state: _State, row: Positions, answers: Floats) -> None:
        """Learn a row of a class not seen before: start again, with one class more."""
        state.rows.extend(row.tolist())
        rows = np.array(state.rows)
        counts = np.bincount(self.question.y[rows], minlength=self.question.width)
        state.classes = np.flatnonzero(counts)
        state.codes = np.searchsorted(state.classes, self.question.y)
        if len(state.classes) > 1:
            weights = self.weights.of(counts)[state.classes]
            state.minimum = self._minimum(rows, state.classes, state.codes, weights, None, answers[0])

    def _grow(self, state: _State, rows: Positions, answers: Floats) -> None:
        if len(state.classes) < 2:
            return
        weights = self.weights.fixed[state.classes] * (not self.weights.balanced)
        if len(state.classes) == 2:
            wide = self._wide(answers)
            _newton.join(rows, self.X, 2.0 * state.codes - 1.0, weights, self.penalty, self.V, state.minimum,
                         self.question.probable, wide)  # fmt: skip
            self._spread(wide, state.classes, answers)
        else:
            X, V = self._turned
            _softmax.join(rows, X, state.codes, weights, self.penalty, V, state.minimum,
                          state.classes, self.question.probable, answers)  # fmt: skip

    @cached_property
    def _all(self) -> NDArray[np.intp]:
        return np.unique(self.question.y)

    @cached_property
    def _start(self) -> Floats:
        """The optimum over all rows, from which fits on many of them are near."""
        return self._first.w.copy() if len(self._all) == 2 else self._first.w[0].copy()

    @cached_property
    def _curves(self) -> Floats:
        """Curvatures (width, p) of a row's loss at the optimum over all rows; three classes and more."""
        curves = np.zeros((self.question.width, self.X.shape[1]))
        bent = np.empty((len(self._all), self.X.shape[1]))
        _softmax.bend(self._first, bent)
        curves[self._all] = bent
        return curves

    @cached_property
    def _first(self) -> Any:
        """The state after a fit on all rows."""
        weights = self.weights.of(np.bincount(self.question.y, minlength=self.question.width))[self._all]
        answer = np.empty((len(self.question.V), self.question.width))
        places = np.searchsorted(self._all, self.question.y)
        return self._minimum(np.arange(len(self.X)), self._all, places, weights, None, answer)

    @cached_property
    def _turned(self) -> tuple[Floats, Floats]:
        """Rows and validation rows turned to uncorrelated columns, which leaves the penalty as it is."""
        X, V, kept = self.X.copy(), self.V.copy(), self.penalty > 0
        turn: Floats = np.linalg.eigh(X[:, kept].T @ X[:, kept])[1]
        X[:, kept], V[kept] = X[:, kept] @ turn, turn.T @ V[kept]
        return X, V

    @cached_property
    def _sides(self) -> Floats:
        """Labels (n,) of two classes, +1 or -1."""
        return np.where(self.question.y == self._all[-1], 1.0, -1.0)

    @cached_property
    def _whole(self) -> _newton_cold.Whole:
        """All rows as fits on some of them want them."""
        counts = np.bincount(self.question.y, minlength=self.question.width)
        optimum = self.optimum(self.weights.of(counts)[self.question.y])
        return _newton_cold.whole(self.X, self.V, self.penalty, optimum)

    def optimum(self, weights: Floats) -> _newton.State:
        """The optimum over all rows of two classes with `weights` (n,), and its inverse Hessian."""
        state = _newton.empty(self.X.shape[1], len(self.X))
        n = len(self.X)
        state.X[:, :n], state.y[:n], state.a[:n], state.tally[0] = self.X.T, self._sides, weights, n
        state.w[:] = self._start
        for _ in range(2):  # the second begins where the gap is no longer seen
            _newton.polish(state, self.penalty)
        _newton.slopes(state, self.penalty)
        _newton.renew(state, self.penalty)
        return state

    def widened(self, two: Floats, classes: NDArray[np.intp]) -> Floats:
        """Answers (k, m, 2) for two classes as answers (k, m, c)."""
        if self.question.width == 2:
            return two
        answers = np.empty((*two.shape[:2], self.question.width))
        self._spread(two, classes, answers)
        return answers

    def _minimum(
        self,
        rows: Positions,
        classes: NDArray[np.intp],
        codes: NDArray[np.intp],
        weights: Floats,
        start: Floats | None,
        answer: Floats,
    ) -> Any:
        """The state after a fit on `rows`, with room for all rows if it has no `start`; writes the answer."""
        (n, p), c = self.X.shape, len(classes)
        room = n if start is None else len(rows)
        if c == 2:
            state = _newton.empty(p, room)
            wide = self._wide(answer[None])
            first = np.zeros(p) if start is None else start
            _newton.fit(rows, self.X, 2.0 * codes - 1.0, weights, self.penalty, first, self.V,
                        self.question.probable, state, wide[0])  # fmt: skip
            self._spread(wide, classes, answer[None])
            return state
        X, V = self._turned
        state = _softmax.empty(p, room, self._curves[classes] if len(rows) < n else _even(X, c))
        first = np.zeros((c, p)) if start is None else start
        _softmax.fit(rows, X, codes, weights, self.penalty, first, V, state, classes,
                     self.question.probable, answer)  # fmt: skip
        return state

    def _wide(self, answers: Floats) -> Floats:
        """Room (k, m, 2) for the answers of two classes: `answers` itself if there are no others."""
        return answers if self.question.width == 2 else np.empty((*answers.shape[:2], 2))

    def _spread(self, two: Floats, classes: NDArray[np.intp], answers: Floats) -> None:
        if self.question.width > 2:
            answers[:] = 0.0 if self.question.probable else -np.inf
            answers[:, :, classes] = two


def _even(X: Floats, c: int) -> Floats:
    """Curvatures (c, p) of a row's loss where all classes are as likely."""
    return np.tile((X * X).mean(axis=0) * ((c - 1) / c**2), (c, 1))


def _plain(model: Any) -> bool:
    """Whether the penalty is L2, of finite weight, and the solver reaches the optimum."""
    l2 = model.penalty in ("deprecated", "l2") and not model.l1_ratio and not model.dual
    return l2 and model.solver in SOLVERS and 0 < model.C < np.inf
