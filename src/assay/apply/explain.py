"""Explain: which kinds of rows help or hurt, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.model_selection import KFold

from .._errors import AssayError
from .._numbers import check_seed, is_whole
from .._problem import Data, Problem
from .._types import Floats, Positions
from .._valuation import Valuation
from ..tables import Table, load
from ._columns import Column, columns_of, numbers, ordered, valued
from ._rules import Tree, holds, matrix, words

if TYPE_CHECKING:
    import altair
    import pandas as pd

ERROR = 0.05  # two-sided: intervals cover 95%
FOLDS = 5
FEWEST = 40  # rows that can be parted in a half that chooses rules and a half that judges them
LEAST, LEAST_SHARE = 20, 0.01  # rows of a rule, and share of all rows


@final
@dataclass(frozen=True, eq=False)
class Rule:
    """One kind of rows, and what they are worth.

    Parameters
    ----------
    words : str
        What the rows have in common, such as "age <= 25 and label = yes".
    rows : array of positions
        Which ones they are.
    total : float
        The sum of their values.
    held_out : float
        The mean value of those among them that had no part in choosing the rule.
    stderr : float
        Its standard error; nan with fewer than two such rows.
    low, high : float
        Ends of its interval; all intervals of an explanation hold together in 95% of cases.
    """

    words: str
    rows: Positions
    total: float
    held_out: float
    stderr: float
    low: float
    high: float

    @property
    def mean(self) -> float:
        """The mean value of all its rows."""
        return self.total / len(self.rows)

    @property
    def verdict(self) -> str:
        """Whether rows of this kind help: "harmful", "helpful", or "unclear" where 0 is in the interval."""
        return "harmful" if self.high < 0 else "helpful" if self.low > 0 else "unclear"

    def __str__(self) -> str:
        kind = f"rows with {self.words}" if self.words else "all rows"
        return (
            f"{kind}: {len(self.rows):,} rows, worth {self.mean:.3g} each ({self.total:.3g} in all), "
            f"{self.held_out:.3g} ± {self.stderr:.1g} on those that did not choose the rule: {self.verdict}"
        )


@final
@dataclass(frozen=True, eq=False)
class Explanation:
    """Rules that part the rows, and how much they explain; prints as sentences.

    Parameters
    ----------
    rules : tuple of Rule
        Every row is in one; the least total first.
    r2 : float
        The share of the variance of values that such a tree foretells for rows it has not seen; negative
        where it does worse than the mean.
    low, high : float
        Ends of its interval of 95%.
    left_out : tuple of str
        Columns of text or vectors, of which no rule can speak.
    """

    rules: tuple[Rule, ...]
    r2: float
    low: float
    high: float
    left_out: tuple[str, ...] = ()

    @property
    def explains(self) -> bool:
        """Whether the tree foretells anything: the whole interval of `r2` is above 0."""
        return self.low > 0

    def __str__(self) -> str:
        out = [f"Left out: {', '.join(self.left_out)} (text or vectors)."] if self.left_out else []
        if not self.explains:
            return "\n".join(
                [
                    "These columns explain nothing: of the values of rows it has not seen the tree "
                    f"foretells {self.r2:.1%} of the variance ({self.low:.1%} to {self.high:.1%}).",
                    *out,
                ]
            )
        head = (
            f"These columns explain {self.r2:.1%} ({self.low:.1%} to {self.high:.1%}) of the variance of the "
            "values of rows that the tree has not seen."
        )
        return "\n".join([head, *(f"- {rule}" for rule in self.rules), *out])

    def to_frame(self) -> pd.DataFrame:
        """A frame of the rules: `rows`, `mean`, `total`, `held_out`, `stderr`, `low`, `high`, `verdict`."""
        import pandas as pd

        names = ("mean", "total", "held_out", "stderr", "low", "high", "verdict")
        columns = {"rows": [len(rule.rows) for rule in self.rules]}
        columns |= {name: [getattr(rule, name) for rule in self.rules] for name in names}
        return pd.DataFrame(columns, index=pd.Index([rule.words for rule in self.rules], name="rule"))

    def plot(self) -> altair.LayerChart:
        """The held-out mean of each rule with its interval, as an altair chart."""
        import altair as alt

        frame = self.to_frame().reset_index()
        frame["rule"] = frame["rule"].replace("", "all rows")
        y = alt.Y("rule:N", sort=frame["rule"].tolist(), title=None, axis=alt.Axis(labelLimit=600))
        scale = alt.Scale(domain=["harmful", "unclear", "helpful"])
        base = alt.Chart(frame, title=f"Explained: {self.r2:.1%}").encode(
            y=y, color=alt.Color("verdict:N", title=None, scale=scale)
        )
        bars: Any = base.mark_rule().encode(x=alt.X("low:Q", title="value of a row"), x2="high:Q")
        return bars + base.mark_point(filled=True).encode(x="held_out:Q", size=alt.Size("rows:Q"))


def explain(
    rows: Any,
    valuation: Valuation,
    *,
    depth: int = 3,
    least: int | None = None,
    key: Any = None,
    seed: int = 0,
) -> Explanation:
    """Which kinds of rows help or hurt: a tree of values on features and label, of limited depth, in words.

    A random half of the rows chooses the rules, no more of them than pay on rows they have not seen; the
    other half says what rows of each kind are worth. How much is explained is cross-validated in 5 folds.

    Parameters
    ----------
    rows : frame | path | Table | Problem | Data
        The table that was valued, label included, with columns and categories that have names: a pandas,
        polars or Arrow frame, or anything that `assay.tables.load` reads. Of a `Problem` or `Data` the
        columns are called x0, x1, ..., label and group.
    valuation : Valuation
        By any method. Its `ids` name the rows by `key`, or by their numbers; else it has one value for each
        row, in order.
    depth : int
        At most so many questions about a row: 1 to 6.
    least : int, optional
        The fewest rows of a rule; about 1% of the rows, and 20 at least, if not given.
    key : str | sequence of str, optional
        The column(s) that name a row, as given to `Problem.from_table`.
    seed : int
        Which half is which.

    Returns
    -------
    Explanation
        `print` it, or see its `rules`, `to_frame()` and `plot()`.

    Raises
    ------
    AssayError
        If values and rows do not belong together, there are fewer than 40, or a setting is out of range.

    Notes
    -----
    A rule describes the values: rows of a kind may be harmful because their labels are wrong, because there
    are too many of them, or because they are unlike the rows that judge.

    Source: Chhabra et al. (2024), "What Data Benefits My Classifier?"; halves: Athey and Imbens (2016),
    "Recursive Partitioning for Heterogeneous Causal Effects".

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from assay import Valuation, explain
    >>> rng = np.random.default_rng(0)
    >>> ages, labels = rng.integers(18, 90, 4000), rng.choice(["yes", "no"], 4000)
    >>> frame = pd.DataFrame({"age": ages, "label": labels})
    >>> bad = (frame["age"] <= 25) & (frame["label"] == "yes")
    >>> values = np.where(bad, -0.003, 0.001) + rng.normal(0, 0.0005, 4000)
    >>> print(explain(frame, Valuation(values), depth=2).rules[0].words)
    age <= 25 and label = yes
    """
    if not isinstance(valuation, Valuation):
        raise AssayError(
            f"explain takes the rows and an assay.Valuation, not {type(valuation).__name__}; pass what "
            "assay.value gave."
        )
    n = len(valuation)
    if n < FEWEST:
        raise AssayError(
            f"There are {n} values, and explain needs {FEWEST} at least: a half that chooses rules and a "
            "half that judges them."
        )
    least = max(LEAST, int(LEAST_SHARE * n)) if least is None else least
    _check(depth, least, n, seed)
    columns, left_out = _columns(rows, valuation, key, least)
    X = matrix(columns, n)
    r2, low, high = _explained(X, valuation.values, depth, least, seed)
    rules = _rules(columns, X, valuation.values, depth, least, seed)
    return Explanation(rules, r2, low, high, left_out)


def _check(depth: Any, least: Any, n: int, seed: Any) -> None:
    if not (is_whole(depth) and 1 <= depth <= 6):
        raise AssayError(f"depth is {depth!r}; it needs to be a whole number from 1 to 6.")
    if not (is_whole(least) and 2 <= least <= n):
        raise AssayError(f"least is {least!r}; it needs to be a number of rows, from 2 to all {n:,}.")
    check_seed(seed)


def _columns(rows: Any, valuation: Valuation, key: Any, least: int) -> tuple[list[Column], tuple[str, ...]]:
    if isinstance(rows, (Problem, Data)):
        data = rows.train if isinstance(rows, Problem) else rows
        if not np.array_equal(data.ids, np.asarray(valuation.ids)):
            raise AssayError("The values are of other rows than these; pass the rows that were valued.")
        is_class = (rows if isinstance(rows, Problem) else Problem(rows)).target_kind == "class"
        return _of_data(data, is_class, least), ()
    table = rows if isinstance(rows, Table) else load(rows, key=key, number_rows=key is None)
    return columns_of(_matched(table, valuation, named=bool(table.roles.key)), least)


def _of_data(data: Data, is_class: bool, least: int) -> list[Column]:
    found: list[Column] = []
    for at, cells in enumerate(data.dense.T):
        found += numbers(f"x{at}", cells, least)
    if data.y is not None and data.y.ndim == 1:
        whole = data.y.dtype.kind in "iu"
        found += (
            valued("label", data.y.tolist(), least)
            if is_class
            else [ordered("label", data.y.astype(float), "whole" if whole else "number")]
        )
    return found if data.groups is None else found + valued("group", data.groups.tolist(), least)


def _matched(table: Table, valuation: Valuation, named: bool) -> Table:
    """The rows of the table in the order of the values."""
    places = {name: at for at, name in enumerate(table.keys.tolist())}
    wanted = [places.get(str(name)) for name in np.asarray(valuation.ids).tolist()]
    if None not in wanted:
        return table.take(np.array(wanted, np.intp))
    if not named and len(table) == len(valuation):
        return table
    lost = sum(at is None for at in wanted)
    raise AssayError(
        f"{lost:,} of {len(valuation):,} values name no row of the {len(table):,} in the table; pass the "
        "table that was valued, and key= the column that names its rows."
    )


def _explained(
    X: NDArray[np.float32], values: Floats, depth: int, least: int, seed: int
) -> tuple[float, float, float]:
    """The share of the variance foretold for rows that were not seen, and its interval."""
    by_tree, by_mean = np.empty(len(values)), np.empty(len(values))
    parts = KFold(FOLDS, shuffle=True, random_state=seed)
    for seen, unseen in parts.split(X):
        tree = Tree(X[seen], values[seen], depth, max(1, least * (FOLDS - 1) // FOLDS), seed)
        by_tree[unseen] = (values[unseen] - tree.predict(X[unseen])) ** 2
        by_mean[unseen] = (values[unseen] - values[seen].mean()) ** 2
    whole = by_mean.mean()
    if whole == 0:
        return 0.0, 0.0, 0.0
    gains = (by_mean - by_tree) / whole
    half = float(stats.norm.ppf(1 - ERROR / 2) * gains.std(ddof=1) / np.sqrt(len(gains)))
    return float(gains.mean()), float(gains.mean()) - half, float(gains.mean()) + half


def _rules(
    columns: list[Column], X: NDArray[np.float32], values: Floats, depth: int, least: int, seed: int
) -> tuple[Rule, ...]:
    order = np.random.default_rng(seed).permutation(len(values))
    chooses, judges = np.array_split(order, 2)
    paths = Tree(X[chooses], values[chooses], depth, max(1, least // 2), seed).paths
    unseen = np.zeros(len(values), bool)
    unseen[judges] = True
    error = ERROR / len(paths)
    found = []
    for path in paths:
        rows = holds(columns, path, len(values))
        found.append(_rule(words(columns, path), rows, values, values[rows[unseen[rows]]], error))
    return tuple(sorted(found, key=lambda rule: rule.total))


def _rule(said: str, rows: Positions, values: Floats, judges: Floats, error: float) -> Rule:
    total = float(values[rows].sum())
    if len(judges) < 2:
        mean = float(judges.mean()) if len(judges) else np.nan
        return Rule(said, rows, total, mean, np.nan, -np.inf, np.inf)
    mean, spread = float(judges.mean()), float(judges.std(ddof=1) / np.sqrt(len(judges)))
    half = float(stats.t.ppf(1 - error / 2, len(judges) - 1)) * spread
    return Rule(said, rows, total, mean, spread, mean - half, mean + half)
