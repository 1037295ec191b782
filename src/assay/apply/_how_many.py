"""How many rows to drop: as many as help judges that did not choose them."""

from __future__ import annotations

import numpy as np

from .._gradients.target import read
from .._problem import Data, Problem
from .._types import Floats, Positions
from .._valuation import Valuation
from ._refits import Fitted, Refits

FEWEST_JUDGES = 20
HALVINGS = 6


def how_many(
    problem: Problem,
    valuation: Valuation,
    refits: Refits,
    before: Fitted,
    most: int,
    target: str,
    pair: tuple | None,
) -> int | None:
    """At most `most` rows; None where values do not say what rows are worth to single judges.

    Each half of the judges ranks the rows, and refits without the first `most`, `most` / 2, ... of its
    harmful ones are measured on the other half. The number of the largest mean gain is taken; 0 if none
    helps.
    """
    valid, per_valid = problem.valid, valuation.per_valid
    if valid is None or per_valid is None or len(valid) != per_valid.shape[1] or len(valid) < FEWEST_JUDGES:
        return None
    counts = sorted({most // 2**k for k in range(HALVINGS)} - {0})
    if not counts or not np.isfinite(per_valid).all():
        return None if counts else 0
    judges = refits.seen(valid)
    gains = np.zeros(len(counts))
    for chooses, judge in _halves(valid):
        values = per_valid[:, chooses].mean(axis=1)
        order = np.argsort(values, kind="stable")[: int((values < 0).sum())]
        gains += _gains(problem.n, refits, before, order, counts, judges.take(judge), target, pair)
    return counts[int(np.argmax(gains))] if gains.max() > 0 else 0


def _gains(
    n: int,
    refits: Refits,
    before: Fitted,
    order: Positions,
    counts: list[int],
    judges: Data,
    target: str,
    pair: tuple | None,
) -> Floats:
    """By how much the target falls for `judges` without the first so many rows of `order`."""
    first = read(target, before.judged, judges, pair=pair)
    attacked = first.data if target == "robustness" else None
    found = []
    for count in counts:
        model = refits(np.setdiff1d(np.arange(n), order[:count])).judged
        after = read(target, model, judges, pair=pair, attacked=attacked)
        found.append(abs(first.value) - abs(after.value))
    return np.array(found)


def _halves(valid: Data) -> list[tuple[Positions, Positions]]:
    """Every other judge, of each group and label alike, both ways round."""
    keys = [np.random.default_rng(0).random(len(valid)), np.asarray(valid.y)]
    order = np.lexsort(keys if valid.groups is None else [*keys, valid.groups])
    return [(order[::2], order[1::2]), (order[1::2], order[::2])]
