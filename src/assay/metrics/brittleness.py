"""How few rows flip a prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.base import clone

from .._bar import bar
from .._errors import AssayError
from .._keys import unset_seeds
from .._parallel import each
from .._problem import Problem, is_torch
from .._types import Coalitions, Floats, Labels
from ._check import numbers, whole

NAME = "brittleness"


@dataclass(frozen=True, eq=False)
class Brittleness:
    """How many predictions flip without the rows that attributions call most helpful.

    Parameters
    ----------
    counts : array of shape (c,)
        How many rows were removed.
    share : array of shape (c,)
        The share of queries whose prediction is another then.
    low, high : array of shape (c,)
        95% intervals of `share` over queries (Wilson).
    flipped : array of shape (m, c)
        Whether each did.
    """

    counts: NDArray[np.intp]
    share: Floats
    low: Floats
    high: Floats
    flipped: NDArray[np.bool_]


def brittleness(
    scores: Any,
    counts: Sequence[int],
    train: Problem | Callable[[NDArray[np.bool_]], Labels],
    *,
    n_jobs: int | None = None,
    progress: bool = True,
) -> Brittleness:
    """Remove each query's most helpful rows, train again, and see whether its prediction flips.

    The better the attributions, the larger the share at the same count. The same training is compared with
    and without the rows, so that it should be one that repeats: with other chance each time, predictions flip
    by themselves. Cost: m c trainings and one of all rows, less where queries agree on what is removed.

    Parameters
    ----------
    scores : array-like of shape (n, m)
        Attributions; positive where row i helps query q.
    counts : sequence of int
        How many rows to remove, each from 1 to n - 1.
    train : Problem | callable
        A problem whose validation rows are the queries and whose model is an estimator of scikit-learn; or a
        function that trains on the rows of a mask (n,) and returns the labels predicted for all queries (m,).
        A model that leaves `random_state` to chance gets 0 in every training.
    n_jobs : int | None
        Processes that train, as in joblib.
    progress : bool
        Show a bar on stderr, if that is a terminal.

    Source: Ilyas, Park, Engstrom, Leclerc and Madry (2022), "Datamodels: Predicting Predictions from Training
    Data".

    Raises
    ------
    AssayError
        If a shape does not fit, a count is out of range, labels are numbers, or what is predicted has not
        one label a query.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([1, 0, 0])
    >>> vote = lambda kept: np.array([int(y[kept].mean() >= 0.5)])
    >>> brittleness([[0.0], [0.5], [0.4]], [1, 2], vote, progress=False).flipped
    array([[ True,  True]])
    """
    given = numbers(NAME, "scores", scores)
    n, m = given.shape
    removed = np.array([whole(NAME, "a count", count, 1) for count in counts], np.intp)
    if not len(removed) or removed.max() >= n:
        raise AssayError(f"{NAME}: counts are {list(counts)!r}; it needs some, each from 1 to {n - 1}.")
    ask = _Asked(_trainer(train, n, m) if isinstance(train, Problem) else train, m)
    kept = _kept(given, removed)
    masks, inverse = np.unique(kept.reshape(-1, n), axis=0, return_inverse=True)
    answers = []
    with bar(NAME, len(masks) + 1, progress) as tell:
        whole_set = ask(np.ones(n, bool))
        tell(1)
        for one in each(ask, ((mask,) for mask in masks), n_jobs):
            answers.append(one)
            tell(1)
    inverse = inverse.reshape(m, len(removed))
    flipped = np.stack(answers)[inverse, np.arange(m)[:, None]] != whole_set[:, None]
    low, high = _wilson(flipped.mean(axis=0), m)
    return Brittleness(removed, flipped.mean(axis=0), low, high, flipped)


def _kept(scores: Floats, counts: NDArray[np.intp]) -> Coalitions:
    """What is left (m, c, n) for each query and count; ties in row order."""
    order = np.argsort(-scores, axis=0, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(len(scores))[:, None], axis=0)
    return rank.T[:, None, :] >= counts[None, :, None]


@dataclass(frozen=True)
class _Asked:
    """Training by somebody's function, its answers checked."""

    train: Callable[[NDArray[np.bool_]], Labels]
    queries: int

    def __call__(self, kept: NDArray[np.bool_]) -> Labels:
        found = np.asarray(self.train(kept))
        if found.shape != (self.queries,):
            raise AssayError(
                f"{NAME}: train answers with shape {found.shape}; it needs one label for each of the "
                f"{self.queries} queries."
            )
        return found


@dataclass(frozen=True, eq=False)
class _Refit:
    problem: Problem

    def __call__(self, kept: NDArray[np.bool_]) -> Labels:
        train, valid = self.problem.train, self.problem.valid
        assert train.y is not None
        assert valid is not None
        labels = train.y[kept]
        if (labels == labels[0]).all():  # most classifiers refuse one class
            return np.full(len(valid), labels[0])
        model: Any = clone(self.problem.model)
        model.set_params(**dict.fromkeys(unset_seeds(model), 0))
        return model.fit(train.X[kept], labels).predict(valid.X)


def _trainer(problem: Problem, n: int, m: int) -> _Refit:
    valid = problem.valid
    if valid is None or problem.train.y is None or problem.model is None or is_torch(problem.model):
        raise AssayError(
            f"{NAME}: the problem needs labels, validation rows and an estimator of scikit-learn; pass "
            "those, or a function that trains on a mask of rows."
        )
    if problem.target_kind == "number":
        raise AssayError(f"{NAME}: labels are numbers, and predictions of numbers do not flip; pass classes.")
    if (problem.n, len(valid)) != (n, m):
        raise AssayError(
            f"{NAME}: scores has shape {(n, m)}; the problem has {problem.n} rows and {len(valid)} queries."
        )
    return _Refit(problem)


def _wilson(share: Floats, count: int) -> tuple[Floats, Floats]:
    z = ndtri(0.975)
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.maximum(centre - reach, 0.0), np.minimum(centre + reach, 1.0)
