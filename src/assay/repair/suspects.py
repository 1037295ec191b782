"""Suspects: the training rows that look as if they harm the model, by what they are worth to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._problem import Problem
from .._types import Floats
from .._valuer import value
from ..methods import KNNShapley

NEIGHBOURS = 10
MOST_PAIRS = 20_000_000  # training rows times judging rows: 160 MB; beyond, fewer rows judge
Z = 1.96  # standard errors of a 95% interval


@dataclass(frozen=True)
class Suspicion:
    """What the rows are worth, and which are looked into.

    Parameters
    ----------
    values, stderr : (n,) floats
        Value of each training row and its standard error over the judging rows: how much it would move with
        other judges.
    suspect : (n,) bool
        Rows whose value is not clearly above zero, at most a share of the rows, lowest first.
    decoy : (n,) bool
        Rows of the highest value: experts are asked about them too, and had better leave their ordinary
        cells alone.
    method, why : str
        What valued the rows, and why that.
    """

    values: Floats
    stderr: Floats
    suspect: NDArray[np.bool_]
    decoy: NDArray[np.bool_]
    method: str
    why: str


def suspicion(problem: Problem, *, most: float, decoys: float, seed: int) -> Suspicion:
    """Value the training rows and pick suspects and decoys.

    Parameters
    ----------
    problem : Problem
        Train and value rows.
    most : float
        Largest share of rows to suspect, 0..1.
    decoys : float
        Decoys as a share of the suspects.
    seed : int
        Which rows judge where all are too many.

    Notes
    -----
    Cost: O(n m log n) for n training and m value rows, exact. A label error is found at a value near zero as
    well as below it, so that the interval decides who is clearly good, and all others are looked into.
    """
    valid = problem.valid
    assert valid is not None
    judges = min(len(valid), max(1, MOST_PAIRS // problem.n))
    if judges < len(valid):
        rows = np.sort(np.random.default_rng(seed).choice(len(valid), judges, replace=False))
        valid = valid.take(rows)
    method = KNNShapley(k=NEIGHBOURS, per_valid=True)
    # The values are those of a k-NN surrogate: they need neither the user's model nor its score.
    valuation = value(Problem(problem.train, valid), method, seed=seed, progress=False)
    each = valuation.per_valid
    assert each is not None
    stderr = np.full(problem.n, np.inf)
    if each.shape[1] > 1:
        stderr = each.std(axis=1, ddof=1) / np.sqrt(each.shape[1])
    ranking = valuation.ranking()
    suspect = np.zeros(problem.n, dtype=bool)
    lowest = ranking[: int(most * problem.n)]
    suspect[lowest[(valuation.values - Z * stderr)[lowest] <= 0]] = True
    decoy = np.zeros(problem.n, dtype=bool)
    decoy[ranking[len(ranking) - max(1, int(decoys * suspect.sum())) :]] = True
    why = f"exact, in one pass over {problem.n:,} x {judges:,} pairs of training and judging rows"
    return Suspicion(
        valuation.values,
        stderr,
        suspect,
        decoy & ~suspect,
        f"KNNShapley(k={NEIGHBOURS})",
        why,
    )
