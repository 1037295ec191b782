"""Select: the rows to train on within a budget, and what they are to be held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .._numbers import is_number
from .._types import Coalitions, Floats, Labels, Positions
from .._valuation import Valuation
from ._baselines import baselines, check_draws, check_lengths
from ._budget import count_of, quotas
from ._coverage import Coverage

if TYPE_CHECKING:
    import pandas as pd

Strategy = Literal["top", "per_group", "coverage", "sampled"]
MOST_CURVE = 10.0  # beyond it a single row leaves a judge nothing to ask for but rounding


@final
@dataclass(frozen=True, eq=False)
class Selection:
    """Which rows were chosen, in which order, and rows of the same number to hold them against.

    Parameters
    ----------
    rows : array of shape (k,)
        Positions of the chosen rows, in the order in which they were picked: the first are the best part.
    ids : array of shape (k,)
        Their keys.
    n : int
        Rows that there were to choose from.
    strategy : str
        How they were chosen.
    gains : array of shape (k,)
        What each pick added to what its strategy maximises; their sum is what was reached.
    why : str
        What there is to know of the choice.
    baselines : mapping of str to array of shape (draws, k)
        Positions of as many rows, drawn several times: "random", and "length_matched" where lengths were
        given. A choice that does not beat them was not worth making.
    """

    rows: Positions
    ids: Labels
    n: int
    strategy: str
    gains: Floats
    why: str
    baselines: Mapping[str, NDArray[np.intp]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def mask(self) -> Coalitions:
        """Whether each row was chosen, (n,)."""
        return np.isin(np.arange(self.n), self.rows)

    def __str__(self) -> str:
        return f"Selected {len(self):,} of {self.n:,} rows ({self.strategy}): {self.why}"

    def to_frame(self) -> pd.DataFrame:
        """A frame of `row` (its position) and `gain`, indexed by `id`, in the order of picking."""
        import pandas as pd

        index = pd.Index(self.ids, name="id")
        return pd.DataFrame({"row": self.rows, "gain": self.gains}, index=index)


def select(
    valuation: Valuation,
    budget: int | float,
    *,
    strategy: Strategy = "top",
    groups: Any = None,
    quota: Literal["proportional", "equal"] = "proportional",
    curve: float = 2.0,
    temperature: float = 1.0,
    lengths: Any = None,
    draws: int = 5,
    seed: int = 0,
) -> Selection:
    """Choose rows within a budget by what they are worth.

    Values are of rows among all others: the best rows one by one are often alike, and together not the best
    set. "coverage" takes what rows are worth to each judge, and gives less for serving the same judges again.

    Parameters
    ----------
    valuation : Valuation
        Of the rows to choose from, by any method.
    budget : int | float
        Rows to choose: a whole number, or a share of all, above 0 and up to 1.0, rounded down.
    strategy : "top" | "per_group" | "coverage" | "sampled"
        - "top": the rows of highest value, ties in row order.
        - "per_group": of each group, the rows of highest value.
        - "coverage": rows picked one by one, each that which raises the mean over judges of
          1 - exp(-curve x) most, where x is the sum over the chosen rows of what they are worth to the judge
          (`per_valid`), counted in the best row of the mean judge. In a cross-fitted valuation a row is worth
          0 to judges of its own fold.
        - "sampled": drawn one by one without replacement, each with a chance in proportion to
          exp(value / temperature), where values are standardised.
    groups : array of shape (n,), optional
        The group of each row, such as its class or source, for "per_group".
    quota : "proportional" | "equal"
        How many rows a group gets: as it has rows, or as any other, as far as it has them.
    curve : float
        Of "coverage", above 0 and up to 10. A judge to whom the chosen rows are worth one best row is at
        1 - exp(-curve): 0.86 of what can be had. Towards 0 it chooses as "top" does.
    temperature : float
        Of "sampled", above 0: towards 0 it chooses as "top" does, and large ones by chance alone.
    lengths : array of shape (n,), optional
        Lengths of rows, such as tokens: a baseline is then drawn with as many rows from each tenth of the
        chosen lengths.
    draws : int
        How many sets of each baseline.
    seed : int
        Of everything drawn.

    Returns
    -------
    Selection

    Raises
    ------
    AssayError
        If the budget or a setting does not fit the rows, or the strategy lacks what it needs.

    Notes
    -----
    "coverage" costs O(n m) for each row picked. Where no row is worth less than 0 to a judge it is less, as
    only rows that may still be best are asked again (Minoux 1978), and what it reaches is at least 1 - 1/e of
    what the best set does. It holds one copy of `per_valid`.

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Valuation, select
    >>> worth = np.array([[3.0, 0.0], [2.9, 0.0], [0.0, 1.0]])  # to two judges
    >>> valuation = Valuation(worth.mean(axis=1), per_valid=worth, ids=np.array(["a", "b", "c"]))
    >>> select(valuation, 2).ids.tolist(), select(valuation, 2, strategy="coverage").ids.tolist()
    (['a', 'b'], ['a', 'c'])
    """
    if not isinstance(valuation, Valuation):
        raise AssayError(f"select takes an assay.Valuation, not {type(valuation).__name__}.")
    n = len(valuation)
    k = count_of("budget", budget, n)
    check_draws(draws, seed)
    lengths = check_lengths(lengths, n)
    _check_settings(strategy, groups, quota, curve, temperature)
    gains: Floats | None = None
    if strategy == "coverage":
        rows, gains, why = _covering(valuation, k, float(curve))
    elif strategy == "per_group":
        rows, why = _of_each(valuation, k, groups, quota == "equal")
    elif strategy == "sampled":
        rows, why = _sampled(valuation.values, k, float(temperature), np.random.default_rng([seed, 0]))
    else:
        rows, why = valuation.highest(k), "the rows of highest value"
    harmful = int((valuation.values[rows] < 0).sum())
    why += f"; {harmful:,} of them have values below 0." if harmful else "."
    found = valuation.values[rows] if gains is None else gains
    drawn = baselines(rows, n, lengths, int(draws), int(seed))
    return Selection(rows, np.asarray(valuation.ids)[rows], n, strategy, found, why, drawn)


def _check_settings(strategy: Any, groups: Any, quota: Any, curve: Any, temperature: Any) -> None:
    if strategy not in ("top", "per_group", "coverage", "sampled"):
        raise AssayError(f"strategy is {strategy!r}; choose 'top', 'per_group', 'coverage' or 'sampled'.")
    if quota not in ("proportional", "equal"):
        raise AssayError(f"quota is {quota!r}; choose 'proportional' or 'equal'.")
    if (groups is None) == (strategy == "per_group"):
        raise AssayError(
            "strategy='per_group' needs groups, the group of each row, such as groups=problem.train.y."
            if groups is None
            else f"groups are given, and strategy={strategy!r} takes none; choose strategy='per_group'."
        )
    if not (is_number(curve) and 0 < curve <= MOST_CURVE):
        raise AssayError(f"curve is {curve!r}; it needs to be a number above 0 and up to {MOST_CURVE:g}.")
    if not (is_number(temperature) and temperature > 0):
        raise AssayError(f"temperature is {temperature!r}; it needs to be a number above 0.")


def _covering(valuation: Valuation, k: int, curve: float) -> tuple[Positions, Floats, str]:
    worth = valuation.per_valid
    if worth is None:
        raise AssayError(
            "strategy='coverage' needs what rows are worth to each judge, and this valuation has no "
            "per_valid; value with a method that keeps it, such as KNNShapley(per_valid=True), Influence() "
            "or TRAK()."
        )
    worth = np.asarray(worth, float)
    if worth.ndim != 2 or not worth.shape[1] or np.isinf(worth).any():
        raise AssayError(
            f"Valuation.per_valid has shape {worth.shape} or infinite values; coverage needs finite ones, "
            "(rows, judges)."
        )
    rows, gains = Coverage.of(worth, curve).pick(k)
    helped, top = ((np.nansum(worth[some], axis=0) > 0).mean() for some in (rows, valuation.highest(k)))
    why = f"they help {helped:.0%} of the judges, where the rows of highest value help {top:.0%}"
    return rows, gains, why


def _of_each(valuation: Valuation, k: int, groups: Any, equal: bool) -> tuple[Positions, str]:
    import pandas as pd

    groups = np.asarray(groups)
    if groups.shape != valuation.values.shape:
        raise AssayError(
            f"groups have shape {groups.shape}; pass the group of each of the {len(valuation)} rows."
        )
    missing = np.asarray(pd.isna(groups))
    if missing.any():
        raise AssayError(f"groups are missing at position {missing.argmax()}; drop or fill such rows.")
    names, codes = np.unique(groups.astype(str) if groups.dtype == object else groups, return_inverse=True)
    counts = quotas(np.bincount(codes), k, equal=equal)
    ranked = valuation.highest(len(valuation))
    rows = np.concatenate([ranked[codes[ranked] == g][:count] for g, count in enumerate(counts)])
    why = f"the highest of each of {len(names)} groups, {counts.min():,} to {counts.max():,} rows a group"
    return rows[np.argsort(np.argsort(ranked)[rows])], why


def _sampled(values: Floats, k: int, temperature: float, rng: np.random.Generator) -> tuple[Positions, str]:
    """Draw without replacement by the largest of values and Gumbel noise, which is the same as one by one."""
    spread = values.std()
    standard = (values - values.mean()) / spread if spread > 0 else np.zeros(len(values))
    noisy = standard + temperature * rng.gumbel(size=len(values))
    rows = np.argsort(-noisy, kind="stable")[:k]
    inside = int(np.isin(rows, np.argsort(-values, kind="stable")[:k]).sum())
    return rows, f"drawn at temperature {temperature:g}; {inside:,} are among the {k:,} of highest value"
