"""Correlation with what leaving each row out does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from .._errors import AssayError
from .._types import Floats
from ._check import numbers, same
from ._ranks import constant, correlations

NAME = "leave_one_out_correlation"


@dataclass(frozen=True, eq=False)
class LeaveOneOutCorrelation:
    """How well attributions agree with leave-one-out truth, each from -1 to 1.

    Parameters
    ----------
    pearson, spearman : float
        Means over queries.
    pearson_stderr, spearman_stderr : float
        Their standard errors, over queries; nan where there is one query only.
    per_query_pearson, per_query_spearman : array of shape (m,)
        Of each query; 0 where its scores are all the same, nan where its truth is.
    silent : int
        Queries whose scores are all the same; they count as 0.
    unvarying : int
        Queries to which no row makes another difference than any other; they do not count.
    """

    pearson: float
    spearman: float
    pearson_stderr: float
    spearman_stderr: float
    per_query_pearson: Floats
    per_query_spearman: Floats
    silent: int
    unvarying: int


def leave_one_out_correlation(scores: Any, truth: Any) -> LeaveOneOutCorrelation:
    """Compare attributions with what leaving each row out does to each query.

    Means something for models whose training has one outcome (linear models, ridge, trees without chance).
    For networks the effect of one row drowns in the noise of training: use `linear_datamodeling_score`.

    Cost: n m log n.

    Parameters
    ----------
    scores : array-like of shape (n, m) | (n,)
        Attributions; positive where adding row i lowers the loss of query q. One column is one query.
    truth : array-like of the same shape
        Loss without row i, less the loss with all rows.

    Source: Koh and Liang (2017), "Understanding Black-box Predictions via Influence Functions".

    Raises
    ------
    AssayError
        If a shape does not fit, a value is not finite, there are less than 3 rows, or no truth varies.

    Examples
    --------
    >>> leave_one_out_correlation([1.0, 2.0, 4.0], [2.0, 4.0, 9.0]).spearman
    1.0
    """
    flat = np.ndim(scores) == 1
    given, true = (
        numbers(NAME, name, part, 1 if flat else 2) for name, part in (("scores", scores), ("truth", truth))
    )
    same(NAME, "truth", true.shape, given.shape)
    if flat:
        given, true = given[:, None], true[:, None]
    if len(given) < 3:
        raise AssayError(f"{NAME}: there are {len(given)} rows; a correlation needs at least 3.")
    unvarying, silent = constant(true), constant(given)
    if unvarying.all():
        raise AssayError(f"{NAME}: truth is the same for every row; there is nothing to correlate with.")
    silent &= ~unvarying
    found = correlations(given, true), correlations(rankdata(given, axis=0), rankdata(true, axis=0))
    for each in found:
        each[silent], each[unvarying] = 0.0, np.nan
    (pearson, pearson_stderr), (spearman, spearman_stderr) = (_mean(each[~unvarying]) for each in found)
    return LeaveOneOutCorrelation(
        pearson,
        spearman,
        pearson_stderr,
        spearman_stderr,
        *found,
        silent=int(silent.sum()),
        unvarying=int(unvarying.sum()),
    )


def _mean(each: Floats) -> tuple[float, float]:
    """The mean, and its standard error (nan of one)."""
    error = each.std(ddof=1) / np.sqrt(len(each)) if len(each) > 1 else np.nan
    return float(each.mean()), float(error)
