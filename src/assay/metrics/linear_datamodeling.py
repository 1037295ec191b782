"""The linear datamodeling score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from .._errors import AssayError
from .._types import Floats
from ._check import masks, numbers, same, whole
from ._ranks import Sorted, constant, correlations, spearman

NAME = "linear_datamodeling_score"
REACH = 1.959964  # standard errors on each side of 95%


@dataclass(frozen=True, eq=False)
class LinearDatamodelingScore:
    """How well sums of attributions order the outputs of models trained on subsets; from -1 to 1.

    Parameters
    ----------
    value : float
        The mean over queries of Spearman's rank correlation.
    low, high : float
        A 95% interval: 1.96 standard errors on each side, inside -1..1.
    stderr : float
        The standard error of `value`, over both.
    per_query : array of shape (m,)
        The correlation of each query; 0 where attributions say nothing, nan where the outputs do not vary.
    silent : int
        Queries to which every subset is predicted the same; they count as 0.
    unvarying : int
        Queries whose output is the same in every subset: nothing to predict; they do not count.
    """

    value: float
    low: float
    high: float
    stderr: float
    per_query: Floats
    silent: int
    unvarying: int


def linear_datamodeling_score(
    scores: Any, subsets: Any, outputs: Any, *, resamples: int = 200, seed: int = 0
) -> LinearDatamodelingScore:
    """Judge attributions by models that were trained on subsets of the rows.

    The sum of a query's scores over the rows of a subset predicts its output there; the score is the rank
    correlation of the two over subsets, averaged over queries. It does not see a query's scale or offset.
    The standard error is by the pigeonhole bootstrap: queries and subsets are drawn again, independently,
    which is slightly conservative. Noise of training is part of the outputs and lowers the score: average
    several trainings a subset (see `SubsetModels`) to have less of it.

    Cost: s n m multiplications, and about 20 s m operations a resample.

    Parameters
    ----------
    scores : array-like of shape (n, m)
        Attributions; positive where adding row i raises the output of query q (lowers its loss).
    subsets : array-like of shape (s, n)
        Which rows each model was trained on; s is at least 3.
    outputs : array-like of shape (s, m)
        What those models say of each query, higher is better; of losses pass their negatives.
    resamples : int
        Draws of the bootstrap, at least 50.
    seed : int
        Of the bootstrap.

    Source: Park, Georgiev, Ilyas, Leclerc and Madry (2023), "TRAK: Attributing Model Behavior at Scale";
    the interval after Owen (2007), "The pigeonhole bootstrap".

    Raises
    ------
    AssayError
        If a shape does not fit, a value is not finite, or no output varies.

    Examples
    --------
    >>> import numpy as np
    >>> subsets = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
    >>> scores = np.array([[1.0], [2.0], [-1.0]])
    >>> round(linear_datamodeling_score(scores, subsets, np.exp(subsets @ scores)).value, 9)
    1.0
    """
    given = numbers(NAME, "scores", scores)
    members = masks(NAME, "subsets", subsets, len(given))
    truth = numbers(NAME, "outputs", outputs)
    same(NAME, "outputs", truth.shape, (len(members), given.shape[1]))
    whole(NAME, "resamples", resamples, 50)
    whole(NAME, "seed", seed, 0)
    if len(members) < 3:
        raise AssayError(f"{NAME}: there are {len(members)} subsets; a rank correlation needs at least 3.")
    predicted = _predicted(members, given)
    unvarying, silent = constant(truth), constant(predicted)
    if unvarying.all():
        raise AssayError(f"{NAME}: no output varies from subset to subset; there is nothing to predict.")
    silent &= ~unvarying
    per_query = correlations(rankdata(predicted, axis=0), rankdata(truth, axis=0))
    per_query[silent], per_query[unvarying] = 0.0, np.nan
    count = ~unvarying
    draws = _resampled(predicted[:, count], truth[:, count], resamples, np.random.default_rng(seed))
    value, stderr = float(per_query[count].mean()), float(draws.std(ddof=1))
    return LinearDatamodelingScore(
        value,
        max(value - REACH * stderr, -1.0),
        min(value + REACH * stderr, 1.0),
        stderr,
        per_query,
        int(silent.sum()),
        int(unvarying.sum()),
    )


def _predicted(members: NDArray[np.bool_], scores: Floats) -> Floats:
    """Sums (s, m) of the scores of each subset; those equal but for rounding are made equal, as ties."""
    sums = members.astype(float) @ scores
    unit = np.abs(scores).sum(axis=0)
    scale = np.where(unit > 0, unit, 1.0) * 2.0**-44
    return np.round(sums / scale) * scale


def _resampled(predicted: Floats, truth: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """The score (resamples,) where queries and subsets are drawn again; 0 where nothing varies."""
    lines, queries = truth.shape
    left, right = Sorted.of(predicted), Sorted.of(truth)
    found = np.empty(resamples)
    for draw in range(resamples):
        counts = np.bincount(rng.integers(lines, size=lines), minlength=lines).astype(float)
        weight = np.bincount(rng.integers(queries, size=queries), minlength=queries)
        found[draw] = spearman(left, right, counts) @ weight / queries
    return found
