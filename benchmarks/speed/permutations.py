"""Semivalues by sampling, on breast cancer: `python -m benchmarks.speed.permutations [EVALS]`.

200 rows are judged by 200. Whole permutations without truncation: EVALS (20,000) evaluations for the peers
with logistic regression, a quarter of it for pyDVL with one job, a tenth for their other rows. OpenDataVal
always truncates: its rate is that of the evaluations that it made. Ours runs with 2 jobs, once briefly
before the clock starts (kernels are compiled at their first use), and then for at least a second. The bare
loop has one job.
"""

from __future__ import annotations

import sys

import numpy as np

from assay import Banzhaf, BetaShapley, Problem, Shapley
from assay._game import ordered

from ..peers._models import MODELS
from ._data import breast_cancer, problem
from ._look import look
from ._sides import Peers, Run, bare, ours, peers, refits
from ._tables import facts, show, times, verdict

TWINS = ("k-NN", "naive Bayes", "centroid", "LDA", "ridge")
LOGISTIC_BAR, TWIN_BAR, BANZHAF_BAR = 150, 1000, 100
COMPARED = ("who", "evaluations", "seconds", "evaluations/s", "ours is", "")
PERMUTATIONS = Shapley(design="permutations")


def main() -> None:
    """Print the tables."""
    evals = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    facts()
    parts = breast_cancer()
    with peers(*parts) as others:
        asked = problem(parts, MODELS["logistic"])
        fastest = _shapley(asked, others, evals)
        show(
            "Other models, whole permutations; worths against scikit-learn's refits of one order",
            (
                "model",
                "ours/s",
                "pyDVL/s",
                "ours is",
                "",
                "of pyDVL's logistic",
                "worths differ: mean",
                "max",
            ),
            (_twin(name, problem(parts, MODELS[name]), others, evals // 4, fastest) for name in TWINS),
        )
        _banzhaf(asked, others, evals // 10)
        _beta(asked, others, evals // 10)


def _shapley(asked: Problem, others: Peers, evals: int) -> float:
    """Print the table of logistic regression; the rate of pyDVL's better number of jobs."""
    orders = max(2, evals // asked.n)
    whole = {"method": "shapley", "model": "logistic"}
    theirs = {
        "pyDVL, 1 job": others.run("pydvl", **whole, batches=max(2, orders // 4), n_jobs=1),
        "pyDVL, 2 jobs": others.run("pydvl", **whole, batches=orders, n_jobs=2),
        "OpenDataVal (truncates)": others.run("opendataval", **whole, batches=orders),
    }
    loop = bare(asked, max(1, orders // 10))
    found = ours(asked, PERMUTATIONS, evals, whole=True)
    _compare("Shapley, logistic regression", found, theirs, LOGISTIC_BAR, {"bare clone-fit-score": loop})
    mean, largest = _difference(asked)
    right = look(asked, lambda game: game(np.array([[False], [True]]).repeat(game.n, axis=1)))
    sums = ", ".join(f"{name} {run.values.sum():.4f}" for name, run in {"ours": found, **theirs}.items())
    print(f"\nWorths differ from scikit-learn's refits by {mean:.1e} on average, {largest:.1e} at most.")
    print(f"Values sum to (right: {right[1] - right[0]:.4f}): {sums}.", flush=True)
    return max(run.rate for name, run in theirs.items() if name.startswith("pyDVL"))


def _twin(name: str, asked: Problem, others: Peers, evals: int, logistic: float) -> list[str]:
    batches = max(2, evals // asked.n)
    theirs = others.run("pydvl", method="shapley", model=name, batches=batches, n_jobs=2)
    found = ours(asked, PERMUTATIONS, evals, whole=True)
    ratio, (mean, largest) = found.rate / theirs.rate, _difference(asked)
    return [
        name,
        f"{found.rate:,.0f}",
        f"{theirs.rate:,.0f}",
        times(ratio),
        verdict(ratio, TWIN_BAR),
        times(found.rate / logistic),
        f"{mean:.1e}",
        f"{largest:.1e}",
    ]


def _banzhaf(asked: Problem, others: Peers, evals: int) -> None:
    drawn = {"method": "banzhaf", "model": "logistic"}
    theirs = {
        "pyDVL, 1 job": others.run("pydvl", **drawn, batches=max(20, evals // 5), n_jobs=1),
        "pyDVL, 2 jobs": others.run("pydvl", **drawn, batches=max(20, evals // 5), n_jobs=2),
        "OpenDataVal": others.run("opendataval", **drawn, batches=evals),
    }
    _compare(
        "Banzhaf by sample reuse, logistic regression", ours(asked, Banzhaf(), evals), theirs, BANZHAF_BAR
    )


def _beta(asked: Problem, others: Peers, evals: int) -> None:
    batches = max(2, evals // asked.n)
    settings = {"method": "beta", "model": "logistic", "batches": batches}
    theirs = {
        "pyDVL, 2 jobs": others.run("pydvl", **settings, n_jobs=2),
        "OpenDataVal (truncates)": others.run("opendataval", **settings),
    }
    found = ours(asked, BetaShapley(alpha=4, beta=1, design="permutations"), evals, whole=True)
    _compare("Beta Shapley (4, 1), logistic regression, for the record", found, theirs, None)


def _compare(
    title: str, found: Run, theirs: dict[str, Run], bar: float | None, extra: dict[str, Run] | None = None
) -> None:
    rows = []
    for name, run in {**(extra or {}), **theirs}.items():
        ratio = found.rate / run.rate
        judged = verdict(ratio, bar) if bar is not None and name in theirs else ""
        rows.append([name, f"{run.evals:,}", f"{run.seconds:.2f}", f"{run.rate:,.0f}", times(ratio), judged])
    rows.append(["ours, 2 jobs", f"{found.evals:,}", f"{found.seconds:.2f}", f"{found.rate:,.0f}", "", ""])
    show(title, COMPARED, rows)


def _difference(asked: Problem) -> tuple[float, float]:
    """Mean and largest difference of our worths from plain refits, over the prefixes of one order."""
    order = np.random.default_rng(5).permutation(asked.n)
    worths = look(asked, lambda game: ordered(game).grow(order[None]))[0]
    differ = np.abs(worths[1:] - refits(asked, order))
    return float(np.nanmean(differ)), float(np.nanmax(differ))


if __name__ == "__main__":
    main()
