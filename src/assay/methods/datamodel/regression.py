"""Linear datamodels of arrays: outputs of models on subsets, regressed on which rows were in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from ..._errors import AssayError
from ..._spread import Range, variance
from ..._types import Coalitions, Floats
from ._fits import FOLDS, Fit, lasso, parts, ridge

Regression: TypeAlias = Literal["lasso", "ridge", "difference"]
REGRESSIONS = ("lasso", "ridge", "difference")
LEAST = 2 * FOLDS  # draws
MOST_ROWS = 10_000  # of the LASSO: its Gram matrix has their square


@dataclass(frozen=True, eq=False)
class LinearDatamodel:
    """What each row does to each output, by a linear fit.

    Parameters
    ----------
    scores : array of shape (n, m)
        What output q gains where row i is in; positive helps.
    values : array of shape (n,)
        Their mean over outputs.
    stderr : array of shape (n,)
        Standard errors of `values`.
    """

    scores: Floats
    values: Floats
    stderr: Floats


def datamodels(subsets: Any, outputs: Any, *, regression: Regression = "lasso") -> LinearDatamodel:
    """Fit a linear datamodel: each output as a sum over the rows in the subset.

    Standard errors are those of the unbiased values that one further step from the fit gives, each draw's
    step taken from the fit without its fold, or how far the fit is from those if that is more.

    Cost, for s draws, n rows and m outputs: "difference" s n m; "ridge" s² (n + s) + s m (n + 25 s);
    "lasso" 5 (s n² + s n m) and five paths of coordinate descent, with 8 n² bytes.

    Parameters
    ----------
    subsets : array-like of shape (s, n)
        Which rows each model was trained on; at least 8, drawn at random.
    outputs : array-like of shape (s, m)
        What those models say, higher is better.
    regression : "lasso" | "ridge" | "difference"
        See `Datamodels`.

    Source: Ilyas, Park, Engstrom, Leclerc and Madry (2022), "Datamodels: Predicting Predictions from Training
    Data".

    Raises
    ------
    AssayError
        If a shape does not fit, a value is not finite, or there are too few draws or too many rows.

    Examples
    --------
    >>> subsets = np.random.default_rng(0).random((64, 3)) < 0.5
    >>> datamodels(subsets, subsets @ [[1.0], [0.0], [-2.0]], regression="ridge").values.round(1)
    array([ 1., -0., -2.])
    """
    members, said = np.asarray(subsets), np.asarray(outputs)
    if members.ndim != 2 or said.ndim != 2 or len(members) != len(said) or not members.size * said.size:
        raise AssayError(
            f"datamodels: subsets has shape {members.shape} and outputs {said.shape}; they need (s, n) and "
            "(s, m)."
        )
    if members.dtype != bool and not (members.dtype.kind in "iuf" and np.isin(members, (0, 1)).all()):
        raise AssayError("datamodels: subsets needs True or False for every row.")
    if said.dtype.kind not in "biuf" or not np.isfinite(said).all():
        raise AssayError("datamodels: outputs needs finite numbers; leave such subsets or outputs out.")
    if len(members) < LEAST:
        raise AssayError(f"datamodels: there are {len(members)} subsets; a fit needs at least {LEAST}.")
    check_regression("datamodels: regression", regression, members.shape[1])
    return fitted(members.astype(bool), said.astype(float), regression)


def check_regression(name: str, given: Any, n: int) -> None:
    """Raise `AssayError` if there is no such regression, or not of so many rows."""
    if given not in REGRESSIONS:
        raise AssayError(f"{name} is {given!r}; choose 'lasso', 'ridge' or 'difference'.")
    if given == "lasso" and n > MOST_ROWS:
        raise AssayError(
            f"{name} is 'lasso', whose matrix of {n} by {n} rows is too large; choose 'ridge' or "
            "'difference'."
        )


def fitted(members: Coalitions, outputs: Floats, regression: Regression) -> LinearDatamodel:
    """The datamodel of checked arrays."""
    X = members - members.mean(axis=0)
    scale = X.std(axis=0)
    still = scale == 0  # rows that were always in, or always out: nothing is known of them
    scale[still] = 1.0
    X /= scale
    Y = outputs - outputs.mean(axis=0)
    if regression == "difference":
        found = _difference(X, Y)
    else:
        found = (lasso if regression == "lasso" else ridge)(X, Y)
    scores = found.coefficients / scale[:, None]
    values = scores.mean(axis=1)
    draws, mean = len(X), Y.mean(axis=1)
    steps, fold = np.empty_like(X), parts(draws)
    for k, other in enumerate(found.folds):
        seen = X[fold == k]
        steps[fold == k] = other + seen * (mean[fold == k] - seen @ other)[:, None]
    spread = np.maximum(steps.var(axis=0), draws * (steps.mean(axis=0) - values * scale) ** 2)
    width = Range().see(outputs.mean(axis=1))
    prior = max(float(spread[~still].mean()) if not still.all() else 0.0, (width / X.shape[1]) ** 2)
    spread[still] = draws * prior
    stderr = np.sqrt(variance(draws * spread, draws + 1, prior) / draws) / scale
    return LinearDatamodel(scores, values, stderr)


def _difference(X: Floats, Y: Floats) -> Fit:
    """The mean where a row is in less the mean where it is out: least squares on that row alone."""
    found = X.T @ Y / len(X)
    return Fit(found, np.tile(found.mean(axis=1) * 0.0, (FOLDS, 1)))
