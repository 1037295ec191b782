"""Threshold samples: rows given to a class of their own, that show what a wrong label looks like."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._errors import AssayError
from ..._numbers import check_seed, is_number
from ..._trace.trace import Trace
from ..._types import Labels
from ._runs import Runs, mean_seen

PERCENTILE = 99.0


def threshold_labels(
    y: Any, *, seed: int, share: float | None = None, without: Any = None
) -> tuple[Labels, NDArray[np.bool_]]:
    """Labels to train with, in which some rows belong to an additional class that is wrong for all of them.

    Parameters
    ----------
    y : array-like of shape (n,)
        Labels that are classes.
    seed : int
        Draws the rows.
    share : float, optional
        How many rows, as a share of all, in (0, 1); 1 / (classes + 1) if not given, which makes the
        additional class as large as the others are on average.
    without : array-like of shape (n,), bool, optional
        Rows that are not drawn: the threshold samples of another training.

    Returns
    -------
    labels : array of shape (n,)
        The additional class is one more than the largest number, or the text "threshold"; booleans become 0
        and 1.
    mask : array of shape (n,), bool
        Which rows were given to it.

    Raises
    ------
    AssayError
        If labels are no classes, or too few rows are left to draw from.

    Notes
    -----
    Source: Pleiss et al. (2020), "Identifying Mislabeled Data using the Area Under the Margin Ranking".

    Examples
    --------
    >>> labels, mask = threshold_labels(["a", "b", "b", "a", "b", "a"], seed=0)
    >>> [str(name) for name in labels]
    ['a', 'b', 'b', 'threshold', 'threshold', 'a']
    """
    check_seed(seed)
    y = np.asarray(y)
    if y.dtype == object and all(isinstance(name, str) for name in y.ravel()):
        y = y.astype(str)  # text as pandas has it
    y = y.astype(np.int64) if y.dtype.kind in "biu" else y  # where there is room for one more class
    if y.ndim != 1 or not len(y) or (y.dtype.kind not in "iuU" and not _whole(y)):
        raise AssayError(
            f"y ({y.dtype}, shape {y.shape}) needs to be one class a row, as text or whole numbers."
        )
    if share is not None and not (is_number(share) and 0 < share < 1):
        raise AssayError(f"share is {share!r}; it needs to be a share of the rows, between 0 and 1.")
    classes = np.unique(y)
    count = max(1, int(len(y) * (1 / (len(classes) + 1) if share is None else share) + 1e-9))
    left = np.arange(len(y)) if without is None else np.flatnonzero(~_mask("without", without, len(y)))
    if len(left) < count:
        raise AssayError(
            f"{count} threshold samples are asked for, and {len(left)} rows are left; lower share."
        )
    mask = np.zeros(len(y), bool)
    mask[np.random.default_rng(seed).choice(left, count, replace=False)] = True
    return np.where(mask, _another(classes), y), mask


def aum_cut(trace: Trace, mask: Any, *, percentile: float = PERCENTILE) -> float:
    """The area under the margin that this percentile of the threshold samples stays below.

    Rows below it look like rows that are known to be wrong. Percentiles are interpolated.

    Parameters
    ----------
    trace : Trace
        Of a training on the labels of `threshold_labels`.
    mask : array-like of shape (n,), bool
        The threshold samples among the rows of the trace, in its order.
    percentile : float
        In 0..100; 99 in the paper.

    Raises
    ------
    AssayError
        If the mask is none of these rows, or names no row.

    Notes
    -----
    Source: Pleiss et al. (2020), "Identifying Mislabeled Data using the Area Under the Margin Ranking".

    Examples
    --------
    >>> margins = np.array([[-2.0, -1.0, 3.0], [-1.0, -2.0, 5.0]])  # of two epochs and three rows
    >>> p = 1 / (1 + np.exp(-margins))
    >>> trace = Trace(np.arange(3), -np.log(p), margins, p, np.sqrt(2) * (1 - p))
    >>> aum_cut(trace, [True, True, False])
    -1.5
    """
    check_percentile(percentile)
    mask = _mask("mask", mask, len(trace))
    if not mask.any():
        raise AssayError("mask names no threshold sample; pass the mask that threshold_labels gave.")
    return float(np.percentile(areas(trace)[mask], percentile))


def areas(trace: Trace) -> NDArray[np.float64]:
    """The area under the margin of each row."""
    return Runs("aum_errors", [trace]).mean("margins", mean_seen)


def check_percentile(percentile: Any) -> None:
    """Refuse what is no percentile."""
    if not is_number(percentile) or not 0 <= percentile <= 100:
        raise AssayError(f"percentile is {percentile!r}; it needs to be a number from 0 to 100.")


def _mask(name: str, given: Any, n: int) -> NDArray[np.bool_]:
    mask = np.asarray(given)
    if mask.shape != (n,) or mask.dtype != bool:
        raise AssayError(f"{name} ({mask.dtype}, shape {mask.shape}) needs to be True or False for {n} rows.")
    return mask


def _whole(y: NDArray[Any]) -> bool:
    return y.dtype.kind == "f" and bool((y % 1 == 0).all())


def _another(classes: Labels) -> Any:
    if classes.dtype.kind != "U":
        return classes.max() + 1
    name = "threshold"
    while name in classes:
        name += "_"
    return name
