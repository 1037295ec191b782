"""Whether low values find wrong labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from .._errors import AssayError
from .._types import Floats
from ._check import masks, numbers
from ._ranks import constant

NAME = "mislabel_auroc"


@dataclass(frozen=True)
class MislabelAUROC:
    """The probability that a wrong row is worth less than a right one, ties counted half; in 0..1.

    Parameters
    ----------
    value : float
        The area under the curve.
    stderr : float
        DeLong's standard error, 0 where the two kinds do not overlap; of Hanley and McNeil where one kind has
        one row only.
    low, high : float
        A 95% interval on the logit scale, so that it stays inside 0..1; by Hanley and McNeil's standard error
        where DeLong's is 0.
    """

    value: float
    stderr: float
    low: float
    high: float


def mislabel_auroc(values: Any, wrong: Any) -> MislabelAUROC:
    """How well low values tell rows with wrong labels from the others.

    Of self-influence, which is high for odd rows, pass the negative. Cost: n log n.

    Parameters
    ----------
    values : array-like of shape (n,)
        What each row is worth; higher is better.
    wrong : array-like of shape (n,)
        Whether the label of each row is wrong; some are and some are not.

    Source: DeLong, DeLong and Clarke-Pearson (1988); by ranks after Sun and Xu (2014), "Fast Implementation
    of DeLong's Algorithm"; Hanley and McNeil (1982).

    Raises
    ------
    AssayError
        If a shape does not fit, a value is not finite, all rows are of one kind, or all values are the same.

    Examples
    --------
    >>> mislabel_auroc([0.1, 0.9, 0.5, 0.8], [True, False, False, False]).value
    1.0
    """
    worth = numbers(NAME, "values", values, 1)
    bad = masks(NAME, "wrong", wrong, len(worth), 1)
    count = int(bad.sum())
    if not 0 < count < len(bad):
        raise AssayError(
            f"{NAME}: {count} of {len(bad)} rows are wrong; it needs rows of both kinds to tell them apart."
        )
    if constant(worth[:, None])[0]:
        raise AssayError(
            f"{NAME}: all values are the same, {worth[0]:.6g}, and can tell nothing apart (the "
            "self-influence of gradient cosines is 1 for every row); take a method that weighs rows by size, "
            "such as gradient dot products."
        )
    value, variance = _delong(-worth, bad)
    assumed = _hanley_mcneil(value, count, len(bad) - count)
    if min(count, len(bad) - count) == 1:
        variance = assumed  # one row says nothing of how its kind scatters
    low, high = _interval(value, variance or assumed, 0.5 / (count * (len(bad) - count)))
    return MislabelAUROC(value, float(np.sqrt(variance)), low, high)


def _delong(suspicion: Floats, bad: NDArray[np.bool_]) -> tuple[float, float]:
    """The area, and its variance from the placements of each row among the rows of the other kind."""
    overall = rankdata(suspicion)
    above = (overall[bad] - rankdata(suspicion[bad])) / (
        ~bad
    ).sum()  # share of right rows below each wrong one
    below = (overall[~bad] - rankdata(suspicion[~bad])) / bad.sum()
    variance = sum(part.var(ddof=1) / len(part) for part in (above, below) if len(part) > 1)
    return float(above.mean()), float(variance)


def _hanley_mcneil(value: float, wrong: int, right: int) -> float:
    """The variance of an area if both kinds were exponential; half a pair short of a perfect one."""
    half = 0.5 / (wrong * right)
    value = float(np.clip(value, half, 1 - half))
    first, second = value / (2 - value), 2 * value**2 / (1 + value)
    terms = (wrong - 1) * (first - value**2) + (right - 1) * (second - value**2)
    return (value * (1 - value) + max(terms, 0.0)) / (wrong * right)


def _interval(value: float, variance: float, half: float) -> tuple[float, float]:
    value = float(np.clip(value, half, 1 - half))
    centre, reach = np.log(value / (1 - value)), ndtri(0.975) * np.sqrt(variance) / (value * (1 - value))
    low, high = 1 / (1 + np.exp(-(centre + np.array([-reach, reach]))))
    return float(low), float(high)
