"""Fragility: how few rows a conclusion from a regression hangs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .._errors import AssayError
from .._numbers import is_number, is_whole
from .._types import Floats, Positions
from ._regression import Regression

if TYPE_CHECKING:
    import pandas as pd

Claim = Literal["sign", "significance", "both"]
CLAIMS: tuple[Claim, ...] = ("sign", "significance", "both")
TRIED = 16  # rows refitted without in each step of the search
MOST = 0.5  # of the rows that may be dropped


@final
@dataclass(frozen=True, eq=False)
class Reversal:
    """The fewest rows found whose removal turns a conclusion, checked by a refit.

    Parameters
    ----------
    claim : "sign" | "significance" | "both"
        The coefficient changes its sign; it stops (or begins) to be significant; it is significant with the
        other sign.
    rows : array of positions, optional
        Whose removal does it, by a refit; None where none were found in half of the rows.
    foretold : int, optional
        How many rows it takes to first order; None where no number does.
    share : float
        Of all rows; nan where none were found.
    coefficient, stderr : float
        Without these rows, by the refit; nan where none were found.
    """

    claim: Claim
    rows: Positions | None
    foretold: int | None
    share: float
    coefficient: float
    stderr: float

    def __str__(self) -> str:
        turns = {"sign": "turn its sign", "significance": "turn its significance"}.get(
            self.claim, "make it significant with the other sign"
        )
        if self.rows is None:
            return f"no rows were found that {turns}"
        return (
            f"{len(self.rows):,} row(s) ({self.share:.2%}) {turns}: {self.coefficient:.4g} ± "
            f"{self.stderr:.2g} without them"
        )


@final
@dataclass(frozen=True, eq=False)
class Fragility:
    """A coefficient, and how few rows turn what is concluded from it; prints as sentences.

    Parameters
    ----------
    coefficient, stderr : float
        On all rows.
    significant : bool
        Whether its interval leaves 0 out.
    sign, significance, both : Reversal
    influence : array of shape (n,)
        What each row's presence adds to the coefficient, to first order.
    """

    coefficient: float
    stderr: float
    significant: bool
    sign: Reversal
    significance: Reversal
    both: Reversal
    influence: Floats

    def __str__(self) -> str:
        word = "significant" if self.significant else "not significant"
        head = f"Coefficient {self.coefficient:.4g} ± {self.stderr:.2g}, {word}:"
        return "\n".join([head, *(f"- {one}" for one in (self.sign, self.significance, self.both))])

    def to_frame(self) -> pd.DataFrame:
        """A frame of the reversals: `rows`, `foretold`, `share`, `coefficient`, `stderr`, by `claim`."""
        import pandas as pd

        found = [self.sign, self.significance, self.both]
        names = ("foretold", "share", "coefficient", "stderr")
        columns = {"rows": [None if one.rows is None else len(one.rows) for one in found]}
        columns |= {name: [getattr(one, name) for one in found] for name in names}
        return pd.DataFrame(columns, index=pd.Index(CLAIMS, name="claim"))


def fragility(
    X: Any,
    y: Any,
    *,
    column: int | str,
    instruments: Any = None,
    groups: Any = None,
    intercept: bool = True,
    confidence: float = 0.95,
) -> Fragility:
    """How few rows have to go for a coefficient to change its sign, its significance, or both.

    Rows are ranked by what their removal does to first order, and dropped until a refit says that the
    conclusion has turned; a search that ranks anew after each row, and refits the likeliest of them, is tried
    besides, and the smaller set is given. Nothing smaller is ruled out: the share is at most that found.

    Parameters
    ----------
    X : array-like or frame of shape (n, d)
        Regressors.
    y : array-like of shape (n,)
    column : int | str
        Which regressor, by its place or its name in the frame.
    instruments : array-like of shape (n, d), optional
        One for each regressor, itself where it is exogenous; least squares if not given.
    groups : array-like of shape (n,), optional
        Clusters: standard errors then are the sandwich over them, without a factor for small samples; else
        those of equal variances.
    intercept : bool
        Whether there is one besides the columns.
    confidence : float
        Of the interval by which significance is judged, normal, in 0..1.

    Returns
    -------
    Fragility

    Raises
    ------
    AssayError
        If shapes do not fit, numbers are missing, or the rows do not determine the coefficients.

    Notes
    -----
    Derivatives in closed form, n d² multiplications; the search refits 16 times a row dropped.

    Source: Broderick, Giordano and Meager (2020), "An Automatic Finite-Sample Robustness Metric".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import fragility
    >>> x = np.r_[np.linspace(-1, 1, 100), 30.0]  # one row decides
    >>> y = np.r_[-0.5 * x[:100] + np.sin(np.arange(100)), 30.0]
    >>> found = fragility(x[:, None], y, column=0)
    >>> found.sign.rows
    array([100])
    """
    whole = _regression(X, y, column, instruments, groups, intercept)
    if not (is_number(confidence) and 0 < confidence < 1):
        raise AssayError(f"confidence is {confidence!r}; it needs to be between 0 and 1.")
    z = float(stats.norm.ppf((1 + confidence) / 2))
    b, se = whole.coefficient, whole.stderr
    significant = bool(abs(b) > z * se)
    side = 1.0 if b >= 0 else -1.0
    ends = {
        "sign": (side, 0.0),
        "significance": (side, -z) if significant else (-side, z),
        "both": (side, z),
    }
    found = {claim: _reversal(whole, claim, *ends[claim]) for claim in CLAIMS}
    return Fragility(b, se, significant, **found, influence=whole.slopes)


def _reversal(whole: Regression, claim: Claim, by: float, by_stderr: float) -> Reversal:
    """How to bring `by` b + `by_stderr` se, now positive, below 0."""
    n = len(whole.y)

    def level(kept: NDArray[np.bool_]) -> float:
        try:
            one = whole.without(kept)
            return by * one.coefficient + by_stderr * one.stderr
        except AssayError:  # no longer determined: not turned
            return np.inf

    def pulls(one: Regression) -> Floats:
        return by * one.slopes + (by_stderr * one.slopes_of_stderr if by_stderr else 0.0)

    now = by * whole.coefficient + by_stderr * whole.stderr
    pull = pulls(whole)
    order = np.argsort(-pull, kind="stable")
    sums = np.cumsum(np.maximum(pull[order], 0))
    foretold = int(np.searchsorted(sums, now)) + 1 if sums[-1] >= now else None
    most = int(MOST * n)
    rows = _at_once(order[pull[order] > 0][:most], foretold, n, level)
    rows = _step_by_step(whole, most if rows is None else len(rows) - 1, level, pulls) or rows
    if rows is None:
        return Reversal(claim, None, foretold, np.nan, np.nan, np.nan)
    dropped = np.array(rows, np.intp)
    last = whole.without(_kept(n, dropped))
    return Reversal(claim, dropped, foretold, len(dropped) / n, last.coefficient, last.stderr)


def _kept(n: int, dropped: Any) -> NDArray[np.bool_]:
    kept = np.ones(n, bool)
    kept[dropped] = False
    return kept


def _at_once(order: Positions, foretold: int | None, n: int, level: Any) -> list[int] | None:
    """The fewest first rows of `order` whose removal turns the conclusion, near the number foretold."""
    count = min(foretold or len(order), len(order))
    while count < len(order) and level(_kept(n, order[:count])) >= 0:
        count = min(len(order), count + max(1, count // 10))
    if not count or level(_kept(n, order[:count])) >= 0:
        return None
    while count > 1 and level(_kept(n, order[: count - 1])) < 0:
        count -= 1
    return order[:count].tolist()


def _step_by_step(whole: Regression, most: int, level: Any, pulls: Any) -> list[int] | None:
    """At most `most` rows, each the best to drop after those before it."""
    n, dropped = len(whole.y), []
    kept = np.ones(n, bool)
    while len(dropped) < most:
        left = np.flatnonzero(kept)
        likely = left[np.argsort(-pulls(whole.without(kept)), kind="stable")[:TRIED]]
        levels = []
        for row in likely:
            kept[row] = False
            levels.append(level(kept))
            kept[row] = True
        best = int(np.argmin(levels))
        if not np.isfinite(levels[best]):
            return None
        dropped.append(int(likely[best]))
        kept[likely[best]] = False
        if levels[best] < 0:
            return dropped
    return None


def _regression(X: Any, y: Any, column: Any, instruments: Any, groups: Any, intercept: Any) -> Regression:
    names = [str(name) for name in getattr(X, "columns", [])]
    X = _numbers("X", X, 2)
    y = _numbers("y", y, 1, len(X))
    Z = X if instruments is None else _numbers("instruments", instruments, 2, len(X))
    if Z.shape != X.shape:
        raise AssayError(
            f"instruments have shape {Z.shape} and X has {X.shape}; give one for each regressor, itself "
            "where it is exogenous."
        )
    place: Any = names.index(column) if isinstance(column, str) and column in names else column
    if not (is_whole(place) and 0 <= place < X.shape[1]):
        known = f"one of {', '.join(names)}" if names else f"a number from 0 to {X.shape[1] - 1}"
        raise AssayError(f"column is {column!r}; it needs to be {known}.")
    codes = None
    if groups is not None:
        codes = np.unique(np.asarray(groups), return_inverse=True)[1]
        if codes.shape != (len(X),) or codes.max() < 1:
            raise AssayError("groups needs to name a cluster for each row, and two clusters at least.")
    if intercept:
        ones = np.ones((len(X), 1))
        same = Z is X
        X = np.hstack([X, ones])
        Z = X if same else np.hstack([Z, ones])
    whole = Regression(X, y, Z, int(place), codes)
    if whole.stderr <= 1e-12 * abs(whole.coefficient):
        raise AssayError("The regression fits without error, so that nothing can turn it; check y.")
    return whole


def _numbers(name: str, given: Any, dimensions: int, n: int | None = None) -> Floats:
    try:
        array = np.ascontiguousarray(np.asarray(given, float))
    except (TypeError, ValueError) as error:
        raise AssayError(f"{name} does not hold numbers only ({error}); encode it.") from error
    if array.ndim != dimensions or not array.size or (n is not None and len(array) != n):
        wanted = f"({'n' if n is None else n},{' d' if dimensions == 2 else ''})"
        raise AssayError(f"{name} has shape {array.shape}; it needs {wanted}.")
    if not np.isfinite(array).all():
        raise AssayError(f"{name} has missing or infinite numbers; fill them in, or leave out their rows.")
    return array
