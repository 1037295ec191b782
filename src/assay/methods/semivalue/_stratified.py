"""Stratified: coalitions of every size in the best proportion, read less what a surrogate explains."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from ..._game import Game
from ..._types import Floats
from ..._valuation import Status, Valuation
from ._strata import Strata
from ._surrogate import Record

FIRST = 64  # coalitions behind the first estimate, if 2 n are not fewer
RENEW = 0.03  # growth of the evaluations between two estimates
REFIT = 1.4  # growth between two fits of the surrogate


def by_strata(
    game: Game, masses: Sequence[Floats], rng: np.random.Generator
) -> Generator[Valuation, int | None, None]:
    """Yield an estimate of the first semivalue whenever there are 3% more evaluations; memory O(evals n).

    Parameters
    ----------
    masses : sequence of arrays of shape (n,)
        Log masses; the sizes that are asked for serve all of them.
    """
    shares = [np.exp(mass) for mass in masses]
    strata = Strata(game.n, shares, paired=paired(shares))
    coalitions, worths = np.empty((0, game.n), bool), np.empty(0)
    record, latest, fit_at = None, None, 0
    block, least = min(2 * game.n + 2, FIRST), 2 if strata.paired else 1
    while True:
        asked = strata.next(block, rng, None if latest is None else latest.spread)
        coalitions, worths = np.concatenate([coalitions, asked]), np.append(worths, game(asked))
        evals = len(worths)
        again = record is None or (evals >= REFIT * fit_at and record.fresh)
        fit_at = evals if again else fit_at
        record = Record(
            coalitions, worths, strata.expected, paired=strata.paired, before=None if again else record
        )
        latest = record.estimate(shares[0])
        if strata.left == 0:
            yield Valuation(latest.values, evals=evals, status=Status.exact)
            return
        facts = {"evals": evals, "draws": (evals - 2) // least, "next_evals": least}
        room = yield Valuation(latest.values, latest.stderr, **facts)
        block = max(least, round(RENEW * evals) if room is None else min(round(RENEW * evals), room))


def paired(masses: Sequence[Floats]) -> bool:
    """Whether to ask for complements: it pays where masses are nearly symmetric."""
    return all(np.abs(mass - mass[::-1]).sum() < 0.1 for mass in masses)
