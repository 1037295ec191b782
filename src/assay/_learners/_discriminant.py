"""Linear discriminant analysis, row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, final

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.linalg import svd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from .._types import Floats, Positions
from ._dense import dot, factor, invert_triangle, width
from ._learner import Learner
from ._probabilities import softmax, sure_of
from ._question import Question
from ._scatter import NO_RANK, ROUNDED, SEEN, SIZE, SOLVED, Scatter, begin, learn, solve

MOST_PRIORS = 3  # classes; with priors of more, prefixes that lack some have no place in the arrays


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
    0 or do not sum to 1, priors of more than three classes, and a `tol` below 1e-6, where rounding decides.

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
        if priors is not None and question.width > MOST_PRIORS:
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
        columns = np.zeros((width(question.V.shape[1]), len(question.V)))
        columns[: question.V.shape[1]] = question.V.T
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


class Ends(NamedTuple):
    """Directions whose scores are still to be written: four at once read the validation rows once."""

    marks: NDArray[np.intp]  # (1,) how many
    places: NDArray[np.intp]  # (4, 2) place of the answer; class
    slopes: Floats  # (4, d)
    starts: Floats  # (4,) scores where the rows are 0
    scores: Floats  # (4, m) room
    levels: Floats  # (c - 1,) of the answer that is being made


@njit(cache=True, nogil=True)
def _join(every, state, rows, answers, done, X, y, columns, tol, priors, probable):
    """Learn rows from `done` on; the place of the first whose answer is to be retraced, else their number."""
    (d, m), c = columns.shape, len(state.counts)
    places, slopes, scores = np.zeros((4, 2), np.intp), np.zeros((4, d)), np.empty((4, m))
    ends = Ends(np.zeros(1, np.intp), places, slopes, np.zeros(4), scores, np.empty(c - 1))
    first, stop = len(answers), len(rows)
    for j in range(done, len(rows)):
        learn(state, X, rows[j], y[rows[j]])
        if (every or j == len(rows) - 1) and state.marks[SEEN] > 1:
            place = j if every else 0
            if _answer(state, columns, tol, priors, ends, answers, place) == ROUNDED:
                stop = j
                break
            first = min(first, place)
    _write(ends, columns, answers)
    if probable:
        for place in range(first, stop if every else 1):
            _normalise(answers[place])
    return stop


@njit(cache=True, nogil=True)
def _normalise(answer):
    """Turn log scores into probabilities."""
    for k in range(answer.shape[1]):
        if answer[0, k] == math.inf:
            sure_of(answer, k)
            return
    softmax(answer, np.ones(answer.shape[1]))  # -inf, of a class without rows, turns into 0


@njit(cache=True, nogil=True, error_model="numpy")
def _answer(state, columns, tol, priors, ends, answers, place):
    """Make log scores but for a constant: with w_k = W gap_k, w_k (v - middle) + log(prior) of class k."""
    counts, m, first, g = state.counts, answers.shape[1], -1, 0
    status = solve(state, tol)
    if status == NO_RANK:
        answers[place] = -math.inf
        answers[place, :, counts.argmax()] = math.inf
    if status != SOLVED:
        return status
    _level(state, tol, priors, ends.levels)
    for k in range(len(counts)):
        start = math.log(priors[k] if len(priors) > 0 else counts[k] / state.marks[SIZE])  # -inf without rows
        if counts[k] == 0 or first < 0:
            for i in range(m):
                answers[place, i, k] = start
            first = k if counts[k] > 0 else first
        else:
            e = ends.marks[0]
            ends.places[e, 0], ends.places[e, 1] = place, k
            for a in range(ends.slopes.shape[1]):
                ends.slopes[e, a] = state.slopes[g, a]
            ends.starts[e] = start + ends.levels[g] - dot(state.slopes, g, state.means, first)
            ends.marks[0], g = e + 1, g + 1
            if e == 3:
                _write(ends, columns, answers)
    return status


@njit(cache=True, nogil=True, error_model="numpy")
def _level(state, tol, priors, levels):
    """Write -w_k gap_k / 2, after short directions between classes are dropped."""
    c, total, gaps, slopes = state.marks[SEEN], state.marks[SIZE], state.gaps, state.slopes
    for g in range(c - 1):
        levels[g] = -0.5 * dot(gaps, g, slopes, g)
    if c > 2:
        shares = priors if len(priors) > 0 else state.counts[state.counts > 0] / total
        if not _long(gaps, slopes, shares, tol):
            _drop(gaps[: c - 1], slopes[: c - 1], shares, tol, total, levels)


@njit(cache=True, nogil=True, error_model="numpy")
def _long(gaps, slopes, shares, tol):
    """Whether no direction is to be dropped: shown by the traces of what `_drop` decomposes and its inverse.

    With M = gaps W gaps' and P = diag(p) - p p' of all classes but the first, its eigenvalues but 0 are those
    of M P times a constant; P^-1 = diag(1 / p) + 1 1' / p_0.
    """
    q = len(shares) - 1
    M, back, lines = np.zeros((q, q)), np.zeros((q, q)), np.zeros((3, q))
    trace, inverse = 0.0, 0.0
    for k in range(q):
        for g in range(q):
            M[k, g] = dot(gaps, k, slopes, g)
            trace -= shares[k + 1] * M[k, g] * shares[g + 1]
        trace += shares[k + 1] * M[k, k]
    if not factor(M, q, lines):
        return False
    invert_triangle(M, q, lines, back)
    for a in range(q):
        down = 0.0
        for k in range(q):
            inverse += back[k, a] * back[k, a] / shares[k + 1]
            down += back[k, a]
        inverse += down * down / shares[0]
    return trace * inverse * tol * tol < 0.99


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
        levels[k - 1] = -0.5 * (kept[k, k] - kept[0, 0]) - (slopes[k - 1] * centre).sum()


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _write(ends, columns, answers):
    """Write the scores of the directions that are waiting, four features at a time."""
    (d, m), s, out = columns.shape, ends.slopes, ends.scores
    for e in range(4):
        for i in range(m):
            out[e, i] = ends.starts[e]
    for a in range(0, d, 4):
        p0, p1, p2, p3 = s[0, a], s[0, a + 1], s[0, a + 2], s[0, a + 3]
        q0, q1, q2, q3 = s[1, a], s[1, a + 1], s[1, a + 2], s[1, a + 3]
        r0, r1, r2, r3 = s[2, a], s[2, a + 1], s[2, a + 2], s[2, a + 3]
        t0, t1, t2, t3 = s[3, a], s[3, a + 1], s[3, a + 2], s[3, a + 3]
        for i in range(m):
            v0, v1, v2, v3 = columns[a, i], columns[a + 1, i], columns[a + 2, i], columns[a + 3, i]
            out[0, i] += v0 * p0 + v1 * p1 + v2 * p2 + v3 * p3
            out[1, i] += v0 * q0 + v1 * q1 + v2 * q2 + v3 * q3
            out[2, i] += v0 * r0 + v1 * r1 + v2 * r2 + v3 * r3
            out[3, i] += v0 * t0 + v1 * t1 + v2 * t2 + v3 * t3
    for e in range(ends.marks[0]):
        place, k = ends.places[e]
        for i in range(m):
            answers[place, i, k] = out[e, i]
    ends.marks[0] = 0
