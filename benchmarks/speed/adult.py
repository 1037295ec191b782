"""OpenDataVal's own setting: `python -m benchmarks.speed.adult [PERMUTATIONS]`.

Adult, 1,000 rows to value of which a fifth has a wrong label, judged by 100; logistic regression; Data
Shapley by truncated permutations at its default settings, but ended after PERMUTATIONS (100: the first time
that it looks whether to go on). It evaluates the first hundred or so rows of a permutation. Ours runs with
2 jobs: at least as many evaluations of whole permutations, whose coalitions are larger; as many with its
own truncation; and all that many permutations without.
"""

from __future__ import annotations

import math
import sys

import numpy as np

from assay import Shapley

from ..peers._models import MODELS
from ._data import adult, problem
from ._look import look
from ._sides import Run, ours, peers
from ._tables import facts, show, times, verdict

BAR = 30


def main() -> None:
    """Print the table."""
    permutations = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    facts()
    parts = adult()
    asked = problem(parts, MODELS["logistic"])
    with peers(*parts) as others:
        theirs = others.run("opendataval", method="shapley", model="logistic", batches=permutations)
    method, line = Shapley(design="permutations"), asked.n + 1
    alike = ours(asked, method, math.ceil(theirs.evals / line) * line, whole=True)
    cut = ours(asked, Shapley(design="permutations", tolerance="bootstrap"), theirs.evals)
    whole = ours(asked, method, permutations * line, whole=True)
    runs = {
        "OpenDataVal, truncated": theirs,
        "ours, as many evaluations": alike,
        "ours, truncated": cut,
        "ours, all permutations whole": whole,
    }
    ends = look(asked, lambda game: game(np.array([[False], [True]]).repeat(game.n, axis=1)))
    show(
        f"Adult, {permutations} permutations; values sum to {ends[1] - ends[0]:.4f} where they are right",
        ("who", "evaluations", "seconds", "evaluations/s", "values sum to", "time an evaluation", ""),
        (_row(name, run, theirs) for name, run in runs.items()),
    )


def _row(name: str, run: Run, theirs: Run) -> list[str]:
    ratio = run.rate / theirs.rate
    compared = ("", "") if run is theirs else (f"1/{times(ratio)[:-1]}", verdict(ratio, BAR))
    return [
        name,
        f"{run.evals:,}",
        f"{run.seconds:.2f}",
        f"{run.rate:,.0f}",
        f"{run.values.sum():.4f}",
        *compared,
    ]


if __name__ == "__main__":
    main()
