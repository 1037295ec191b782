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
BLOCK = 16  # evaluations between two estimates, at least
RENEW = 0.03  # growth of the evaluations between two estimates
REFIT = 1.4  # growth between two fits of the surrogate
ASYMMETRY = 0.1


def by_strata(
    game: Game, masses: Sequence[Floats], rng: np.random.Generator, *, strata: Strata | None = None
) -> Generator[Valuation, int | None, None]:
    """Yield an estimate of the first semivalue whenever there are 3% more evaluations; memory O(evals n).

    Parameters
    ----------
    masses : sequence of arrays of shape (n,)
        Log masses; the sizes that are asked for serve all of them.
    strata : Strata, optional
        Of these masses, with nothing handed out: for who wants to know afterwards what was.
    """
    strata = strata or strata_of(masses)
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
        latest = record.estimate(np.exp(masses[0]))
        if strata.left == 0:
            yield Valuation(latest.values, evals=evals, status=Status.exact)
            return
        draws, stderr = (evals - 2) // least, latest.stderr
        room = yield Valuation(latest.values, stderr, evals=evals, draws=draws, next_evals=least)
        block = max(BLOCK, round(RENEW * evals))
        block = block if room is None else max(least, min(block, room))


def strata_of(masses: Sequence[Floats]) -> Strata:
    """The coalitions that serve all of these log masses.

    Complements are asked for unless no mass is nearly symmetric: then they cancel nothing.
    """
    shares = [np.exp(mass) for mass in masses]
    paired = any(np.abs(share - share[::-1]).sum() < ASYMMETRY for share in shares)
    return Strata(len(shares[0]), shares, paired=paired)
