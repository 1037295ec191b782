"""The training rows that help and harm each query most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._errors import AssayError
from ..._numbers import check_seed, is_whole
from ..._problem import Problem
from ..._types import Floats, Positions
from ..._valuer import check_needs, same_bits
from .data_inf import DataInf
from .influence import Influence


@dataclass(frozen=True, eq=False)
class TopPairs:
    """For each of m queries the k training rows at either end, the farthest first; ties in row order.

    Parameters
    ----------
    helpful, harmful : array of shape (m, k)
        Positions of training rows.
    helpful_scores, harmful_scores : array of shape (m, k)
        Their scores, as in `Valuation.per_valid`.
    note : str
        What the scores rest on.
    """

    helpful: Positions
    helpful_scores: Floats
    harmful: Positions
    harmful_scores: Floats
    note: str


def top_pairs(
    problem: Problem,
    method: Influence | DataInf | None = None,
    *,
    k: int = 10,
    seed: int = 0,
    n_jobs: int | None = None,
) -> TopPairs:
    """The k most helpful and most harmful training rows of each validation row; scores are not kept.

    Memory is that of the gradients, 4,096 rows of scores and k a query, however many rows there are.

    Parameters
    ----------
    problem : Problem
        With `valid`, the queries.
    method : Influence | DataInf, optional
        `Influence()` if not given.
    k : int
        At least 1; all rows where there are fewer.
    seed, n_jobs : see `value`

    Raises
    ------
    AssayError
        If the method is another one, or the problem lacks what it needs.

    Examples
    --------
    >>> from assay import Data, Problem
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> valid = Data([[0.0], [1.0]], ["a", "b"])
    >>> top_pairs(Problem(train, valid, LogisticRegression(C=10)), k=1).harmful.tolist()
    [[2], [1]]
    """
    check_seed(seed)
    method = Influence() if method is None else method
    if not isinstance(method, (Influence, DataInf)):
        raise AssayError(f"top_pairs takes Influence or DataInf, not {method!r}; pass one of these.")
    if not is_whole(k) or k < 1:
        raise AssayError(f"k is {k!r}; pass a whole number of rows, at least 1.")
    if check_needs(problem, method):
        raise AssayError("top_pairs needs queries; pass assay.Problem(valid=assay.Data(X_valid, y_valid)).")
    with same_bits(n_jobs):
        scores = method.scores(problem, np.random.default_rng(seed))
        ends = [_Ends(k, sign) for sign in (1, -1)]
        for at, block in scores.blocks():
            for end in ends:
                end.take(at, block)
    (helpful, best), (harmful, worst) = ((end.rows, end.sign * end.scores) for end in ends)
    return TopPairs(helpful, best, harmful, worst, scores.note)


class _Ends:
    """The k largest scores of each query so far, times a sign."""

    def __init__(self, k: int, sign: int) -> None:
        self.k, self.sign = k, sign
        self.scores: Any = np.zeros((0, 0))
        self.rows: Any = np.zeros((0, 0), np.intp)

    def take(self, at: int, block: Floats) -> None:
        """Look at the scores of the rows from `at` on, (rows, m)."""
        fresh, rows = self.sign * block.T, np.broadcast_to(np.arange(at, at + len(block)), block.T.shape)
        if self.scores.size:
            fresh, rows = np.hstack([self.scores, fresh]), np.hstack([self.rows, rows])
        order = np.argsort(-fresh, axis=1, kind="stable")[:, : self.k]
        self.scores, self.rows = (np.take_along_axis(part, order, axis=1) for part in (fresh, rows))
