"""Linear discriminant analysis, row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.linalg import svd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from .._types import Floats, Positions
from ._learner import Learner
from ._probabilities import softmax, sure_of
from ._question import Question
from ._scatter import NO_RANK, ROUNDED, SIZE, Scatter, begin, learn, solve


@final
@dataclass(frozen=True, eq=False)
class Discriminant(Learner):
    """`LinearDiscriminantAnalysis` by its default solver: scatter and its inverse grow by one row, O(d^2).

    A step costs O(d^2 + m d) a class with at least as many rows as columns. With fewer, and where singular
    values are near `tol`, the answer is made anew, O(d n^2) and O(d^3). Where a column is constant in every
    class and means are rounded, scikit-learn divides the rounding by itself; there it is retraced step by
    step.

    A coalition of as many classes as rows is refused, so is one of too few classes for `n_components`, and,
    with priors, one of fewer classes than priors. One whose classes vary in nothing makes scikit-learn raise
    an `IndexError`; it is worth its commonest class here. Declined: other solvers, shrinkage, priors that are
    0 or do not sum to 1, and a `tol` below 1e-6, where rounding decides.

    Parameters
    ----------
    question : Question
        What is learnt and asked.
    tol : float
        Singular values up to this are dropped.
    priors : array of shape (c,) | None
        One for each class; None for shares of the rows.
    components : int
        `n_components`; 0 if not given.
    """

    name: ClassVar[str] = "LinearDiscriminantAnalysis"
    question: Question
    tol: float
    priors: Floats | None
    components: int

    @classmethod
    def twin_of(cls, model: Any, question: Question) -> Discriminant | None:
        """The twin of a `LinearDiscriminantAnalysis(solver="svd")` with sound settings."""
        if type(model) is not LinearDiscriminantAnalysis or question.classes is None or model.solver != "svd":
            return None
        if model.shrinkage is not None or model.covariance_estimator is not None or not model.tol >= 1e-6:
            return None
        priors = None if model.priors is None else np.asarray(model.priors, dtype=float)
        if priors is not None and (priors.ndim != 1 or (priors <= 0).any() or abs(priors.sum() - 1) > 1e-12):
            return None
        twin = cls(question, float(model.tol), priors, int(model.n_components or 0))
        whole = np.bincount(question.y, minlength=question.width)[None]
        return None if twin.refuses(whole)[0] else twin

    def begin(self) -> Scatter:
        """No rows."""
        n, d = self.question.X.shape
        return begin(n, d, self.question.width)

    def join(self, state: Scatter, rows: Positions, answers: Floats) -> None:
        """See `Learner.join`; O(d^2 + m d) a row and class once there are more rows than columns."""
        done = 0
        while done < len(rows):
            done = _join(True, state, rows, answers, done, *self._fixed)
            if done < len(rows):
                answers[done] = self._retraced(state.members[: state.marks[SIZE]])
                done += 1

    def fit(self, rows: Positions) -> Floats:
        """See `Learner.fit`; O(d^2) a row and O(d^3 + m d) a class once."""
        answers = np.empty((1, len(self.question.V), self.question.width))
        if _join(False, self.begin(), rows, answers, 0, *self._fixed) < len(rows):
            return self._retraced(rows)
        return answers[0]

    def refuses(self, counts: NDArray[np.intp]) -> NDArray[np.bool_]:
        """As many classes as rows; fewer classes than priors, or than components and one."""
        seen, d = (counts > 0).sum(axis=1), self.question.X.shape[1]
        refused = (counts.sum(axis=1) == seen) | (np.minimum(seen - 1, d) < self.components)
        return refused if self.priors is None else refused | (seen != len(self.priors))

    @cached_property
    def _fixed(self) -> tuple[Any, ...]:
        question = self.question
        given = np.empty(0) if self.priors is None else self.priors
        columns = np.ascontiguousarray(question.V.T)
        return question.X, question.y, columns, self.tol, given, question.probable

    def _retraced(self, members: Positions) -> Floats:
        """The answer by scikit-learn's steps, in its order of rows, to the rounding."""
        question, rows = self.question, np.sort(members)
        X, y, n = question.X[rows], question.y[rows], len(rows)
        known, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        answer = np.full((len(question.V), question.width), -np.inf)
        means = np.zeros((len(known), X.shape[1]))
        np.add.at(means, codes, X)
        means /= counts[:, None]
        priors = counts / n if self.priors is None else self.priors
        centre = priors @ means
        gaps = np.concatenate([X[codes == k] - means[k] for k in range(len(known))])
        std = gaps.std(axis=0)
        std[std == 0] = 1
        _, s, Vt = svd(math.sqrt(1 / n) * (gaps / std), full_matrices=False)
        rank = int((s > self.tol).sum())
        if rank == 0:
            sure_of(answer, known[counts.argmax()])
            return answer
        scalings = (Vt[:rank] / std).T / s[:rank]
        shares = np.sqrt(n * priors / (len(known) - 1))
        _, s, Vt = svd((shares * (means - centre).T).T @ scalings, full_matrices=False)
        scalings = scalings @ Vt.T[:, : int((s > self.tol * s[0]).sum())]
        inner = (means - centre) @ scalings
        slopes = inner @ scalings.T
        levels = -0.5 * (inner**2).sum(axis=1) + np.log(priors) - centre @ slopes.T
        if len(known) == 2:  # scikit-learn answers by the difference
            slopes[1], levels[1] = slopes[1] - slopes[0], levels[1] - levels[0]
            slopes[0], levels[0] = 0, 0
        answer[:, known] = question.V @ slopes.T + levels
        if question.probable:
            softmax(answer, np.bincount(y, minlength=question.width).astype(float))
        return answer


@njit(cache=True, nogil=True)
def _join(every, state, rows, answers, done, X, y, columns, tol, priors, probable):
    """Learn rows from `done` on; the place of the first whose answer is to be retraced, else their number."""
    for j in range(done, len(rows)):
        learn(state, X[rows[j]], rows[j], y[rows[j]])
        if (every or j == len(rows) - 1) and state.counts.max() < state.marks[SIZE]:
            answer = answers[j if every else 0]
            if _answer(state, columns, tol, priors, answer) == ROUNDED:
                return j
            if probable and answer[0, state.counts.argmax()] != math.inf:
                softmax(answer, state.counts)
            elif probable:
                sure_of(answer, state.counts.argmax())
    return len(rows)


@njit(cache=True, nogil=True, error_model="numpy")
def _answer(state, columns, tol, priors, answer):
    """Write log scores but for a constant: with w_k = W gap_k, w_k (v - middle) + log(prior) of class k."""
    counts, known = state.counts, np.flatnonzero(state.counts > 0)
    c, d = len(known), state.means.shape[1]
    shares = priors if len(priors) > 0 else counts[known] / state.marks[SIZE]
    gaps, slopes = np.empty((c - 1, d)), np.empty((c - 1, d))
    for k in range(1, c):
        gaps[k - 1] = state.means[known[k]] - state.means[known[0]]
    answer[:] = -math.inf
    status = solve(state, tol, gaps, slopes)
    if status == NO_RANK:
        answer[:, counts.argmax()] = math.inf
    if status != 0:
        return status
    levels = np.zeros(c)
    if c > 2:
        _drop(gaps, slopes, shares, tol, state.marks[SIZE], levels)
    else:
        levels[1] = -0.5 * (gaps[0] * slopes[0]).sum()
    answer[:, known[0]] = math.log(shares[0])
    far = np.empty(columns.shape[1])
    for k in range(1, c):
        far[:] = math.log(shares[k]) + levels[k] - (slopes[k - 1] * state.means[known[0]]).sum()
        _add(columns, slopes[k - 1], far)
        answer[:, known[k]] = far
    return status


@njit(cache=True, nogil=True, error_model="numpy")
def _drop(gaps, slopes, shares, tol, total, levels):
    """Drop directions between classes whose singular value is up to `tol` of the largest; write `levels`.

    With C the means less the weighted mean, G = C W C' and D the roots of shares n / (c - 1), the singular
    values are the roots of the eigenvalues of D G D = U L U'; keeping some of them turns C W into
    G D U L^-1 U' D C W, and G into G D U L^-1 U' D G. All relative to the first class.
    """
    c = len(shares)
    T = np.zeros((c, c))
    T[1:, 1:] = gaps @ slopes.T
    lean = T @ shares
    G = T - lean - lean.reshape(-1, 1) + (shares * lean).sum()
    roots = np.sqrt(shares * total / (c - 1))
    values, U = np.linalg.eigh(G * roots * roots.reshape(-1, 1))
    least = tol * tol * values[c - 1]
    kept = G
    if ((values > 1e-13 * values[c - 1]) & (values <= least)).any():
        half = np.ascontiguousarray((G * roots) @ U)  # G D U
        back = np.zeros((c, c))  # L^-1 U' D
        for i in range(c):
            if values[i] > least:
                back[i] = U[:, i] * roots / values[i]
        turn = half @ back
        wide = np.zeros((c, gaps.shape[1]))  # W times the means, relative to the first
        wide[1:] = slopes
        mean = shares @ wide
        wide = turn @ (wide - mean)
        slopes[:] = wide[1:] - wide[0]
        kept = turn @ G
    centre = shares @ np.concatenate((np.zeros((1, gaps.shape[1])), gaps))
    for k in range(1, c):
        levels[k] = -0.5 * (kept[k, k] - kept[0, 0]) - (slopes[k - 1] * centre).sum()


@njit(cache=True, nogil=True, fastmath={"contract"})
def _add(columns, slope, out):
    """Add slope (d,) times `columns` (d, m) to `out` (m,), four features at a time."""
    d, m = columns.shape
    for a in range(0, d - d % 4, 4):
        v0, v1, v2, v3 = columns[a], columns[a + 1], columns[a + 2], columns[a + 3]
        s0, s1, s2, s3 = slope[a], slope[a + 1], slope[a + 2], slope[a + 3]
        for i in range(m):
            out[i] += v0[i] * s0 + v1[i] * s1 + v2[i] * s2 + v3[i] * s3
    for a in range(d - d % 4, d):
        row, weight = columns[a], slope[a]
        for i in range(m):
            out[i] += row[i] * weight
