"""Selecting rows within a budget: what is a model worth that was trained on what each strategy takes?

    python -m benchmarks.quality.select [SEEDS] [PICTURE.png]

900 rows are valued by 300 others, and some of them are selected; logistic regression is fitted on these, and
judged on the rest. Beside every strategy stand five random selections a seed of as many rows. `digits, 20%
wrong`: that share of the 900 labels is another class, evenly. Means over seeds' splits; gains on random are
paired by seed, with Student's 95% interval.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from assay import Data, Influence, KNNShapley, Problem, Selection, select, value

from ._run import markdown
from .targets import adult

ROWS, JUDGES, MOST = 900, 300, 1000
BUDGETS = (25, 50, 100, 200)
STRATEGIES = ("top", "per_group", "sampled", "coverage")
NAMES = {"per_group": "top, per class", "random": "random"}
METHODS = {"KNNShapley": KNNShapley(per_valid=True), "Influence": Influence()}
Table = tuple[NDArray[Any], NDArray[Any]]


def digits() -> Table:
    """64 pixels of 1,797 digits."""
    X, y = map(np.asarray, load_digits(return_X_y=True))
    return X / 16, y


def census() -> Table:
    """The census table as it is right, standardised."""
    table = adult()
    return StandardScaler().fit_transform(table.X), table.y


TABLES: dict[str, tuple[Callable[[], Table], float]] = {
    "digits": (digits, 0.0),
    "digits, 20% wrong": (digits, 0.2),
    "adult": (census, 0.0),
}


def split(table: Table, wrong: float, seed: int) -> tuple[Problem, Data]:
    """The problem, and the rows that judge what was selected."""
    (X, y), rng = table, np.random.default_rng(seed)
    order, labels = rng.permutation(len(y))[: ROWS + JUDGES + MOST], y.copy()
    train, valid, test = np.split(order, [ROWS, ROWS + JUDGES])
    turned, classes = train[rng.random(ROWS) < wrong], len(np.unique(y))
    labels[turned] = (y[turned] + rng.integers(1, classes, len(turned))) % classes
    problem = Problem(
        Data(X[train], labels[train]), Data(X[valid], y[valid]), LogisticRegression(max_iter=500)
    )
    return problem, Data(X[test], y[test])


def accuracy(problem: Problem, rows: NDArray[np.intp], test: Data) -> float:
    """Of a model fitted on these rows; where they are all of one class, of naming it."""
    X, y = problem.train.X[rows], np.asarray(problem.train.y)[rows]
    if len(np.unique(y)) == 1:
        return float((test.y == y[0]).mean())
    return float(LogisticRegression(max_iter=500).fit(X, y).score(test.X, test.y))


def trial(name: str, seed: int) -> list[dict[str, Any]]:
    """One line for each method, strategy and budget: the accuracy."""
    make, wrong = TABLES[name]
    problem, test = split(make(), wrong, seed)
    lines = []
    for method, valuer in METHODS.items():
        valuation = value(problem, valuer, progress=False)
        for budget in BUDGETS:
            line = {"table": name, "method": method, "budget": budget, "seed": seed}
            chosen: dict[str, Selection] = {
                strategy: select(
                    valuation,
                    budget,
                    strategy=strategy,
                    groups=problem.train.y if strategy == "per_group" else None,
                    seed=seed,
                )
                for strategy in STRATEGIES
            }
            for strategy, selection in chosen.items():
                found = accuracy(problem, selection.rows, test)
                lines.append({**line, "strategy": NAMES.get(strategy, strategy), "accuracy": found})
            drawn = [accuracy(problem, rows, test) for rows in chosen["top"].baselines["random"]]
            lines.append({**line, "strategy": "random", "accuracy": float(np.mean(drawn))})
    return lines


def error(values: NDArray[Any]) -> float:
    """Half of Student's 95% interval of the mean."""
    return float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))


def cell(group: pd.DataFrame, chance: pd.DataFrame) -> str:
    """The mean accuracy, and the paired gain on random."""
    gain = (
        group.sort_values("seed")["accuracy"].to_numpy() - chance.sort_values("seed")["accuracy"].to_numpy()
    )
    mean = group["accuracy"].mean()
    if not gain.any():
        return f"{mean:.3f}"
    return f"{mean:.3f} ({gain.mean():+.3f} ± {error(gain):.3f})"


def picture(lines: pd.DataFrame, path: str) -> None:
    """Accuracy by budget on each table, selected by values of k-NN."""
    import altair as alt

    shown = lines[lines["method"] == "KNNShapley"]
    by = shown.groupby(["table", "strategy", "budget"])["accuracy"]
    points = by.mean().reset_index()
    half = by.apply(lambda values: error(values.to_numpy())).to_numpy()
    points["low"], points["high"] = points["accuracy"] - half, points["accuracy"] + half
    order = ["coverage", "top, per class", "sampled", "top", "random"]
    axis = alt.Axis(values=list(BUDGETS), title="rows selected")
    x = alt.X("budget:Q", scale=alt.Scale(type="log", domain=[23, 217]), axis=axis)
    color = alt.Color("strategy:N", sort=order, scale=alt.Scale(domain=order, scheme="tableau10"))
    base = alt.Chart(points).encode(x=x, color=color)
    y = alt.Y("accuracy:Q", scale=alt.Scale(zero=False), title="accuracy on other rows")
    marks = base.mark_line(point=True).encode(y=y) + base.mark_rule().encode(y="low:Q", y2="high:Q")
    size = marks.properties(width=230, height=220)
    size.facet(alt.Column("table:N", title=None, sort=list(TABLES))).resolve_scale(y="independent").save(
        path, scale_factor=1.2
    )


def main(seeds: int, path: str | None) -> None:
    """Print one table, and draw it where a path is given."""
    lines = pd.DataFrame([line for name in TABLES for seed in range(seeds) for line in trial(name, seed)])
    rows = []
    for (table, method), group in lines.groupby(["table", "method"], sort=False):
        chance = group[group["strategy"] == "random"].set_index("budget")
        for strategy, own in group.groupby("strategy", sort=False):
            cells = [cell(own[own["budget"] == b], chance.loc[b].reset_index()) for b in BUDGETS]
            rows.append([str(table), str(method), str(strategy), *cells])
    print(markdown(["table", "valued by", "selected", *(f"{b} rows" for b in BUDGETS)], rows))
    if path is not None:
        picture(lines, path)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, sys.argv[2] if len(sys.argv) > 2 else None)
