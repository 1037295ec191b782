"""Exact: every coalition is asked for, and the definition is summed up."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from ..._errors import AssayError
from ..._game import Game
from ..._types import Floats
from ..._valuation import Status, Valuation
from ._weights import log_choose

MOST_ROWS = 20
BLOCK = 4096


def by_enumeration(
    game: Game, masses: Sequence[Floats], rng: np.random.Generator
) -> Generator[Valuation, int | None, None]:
    """Yield the exact values once; 2**n evaluations.

    Raises
    ------
    AssayError
        If there are more rows than 2**n coalitions can be asked for.
    """
    del rng
    n = game.n
    if n > MOST_ROWS:
        raise AssayError(
            f"design='exact' asks for all 2**n coalitions, and there are {n} rows; it takes at most "
            f"{MOST_ROWS}. Pass design='auto', which samples."
        )
    single = np.exp(masses[0] - log_choose(n - 1))  # the probability of one coalition of s others
    inside, outside = np.append(0.0, single), np.append(-single, 0.0)
    rows, values, centre = np.arange(n), np.zeros(n), 0.0
    for start in range(0, 2**n, BLOCK):
        members = (np.arange(start, min(start + BLOCK, 2**n))[:, None] >> rows & 1).astype(bool)
        sizes = members.sum(axis=1)
        worths = game(members)
        centre = worths[0] if start == 0 else centre  # none; readings sum to 0, so digits are kept
        worths = worths - centre
        values += np.where(
            members, (worths * inside[sizes])[:, None], (worths * outside[sizes])[:, None]
        ).sum(0)
    yield Valuation(values, evals=2**n, status=Status.exact)
