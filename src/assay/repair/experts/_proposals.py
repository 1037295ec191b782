"""Proposals: every value that some evidence would put in a cell of one column, with all that speaks of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from ..._types import Floats
from ._ballot import Votes, ballot, nominate
from ._cooccurrence import Outlook
from ._dependency import Dependency
from ._domain import Codes, Domain
from ._spelling import Misspellings, find_misspellings

_ERRORS = 0.05  # share of a column's cells that may be wrong, before anything is known of it
_KNOWN = 3  # cells that must hold a value before its company says anything of it
_WORTH = 0.1  # confidence from which co-occurrence alone makes a proposal
_BLOCK = 8_192

Cells = tuple[NDArray[np.int64], Codes]
"""Rows, and a code proposed for each."""


@dataclass(frozen=True)
class Proposals:
    """Proposals for one column: parallel arrays, one entry for each pair of a cell and a value.

    Parameters
    ----------
    votes : Votes
        The rows, the new codes, and what the dependencies say.
    held : array of int, shape (m,)
        Codes that stand in the cells.
    p_old, p_new : arrays of float, shape (m,)
        Probability of the old and new value given the other columns of the row; 0 where they say nothing.
    log_odds : array of float, shape (m,)
        log(p_new / p_old); 0 where they say nothing.
    company : array of float, shape (m,)
        Confidence from the other columns of the row alone: 0 where they say nothing or too little.
    distance : array of int, shape (m,)
        Edits from the old to the new value; -1 where the new one is not what the old one may be a slip of.
    slip : array of float, shape (m,)
        Confidence that the old value is a slip of the new one; 0 where it is not.
    ruled : array of bool, shape (m,)
        Whether a dependency named the new value.
    """

    votes: Votes
    held: Codes
    p_old: Floats
    p_new: Floats
    log_odds: Floats
    company: Floats
    distance: NDArray[np.int64]
    slip: Floats
    ruled: NDArray[np.bool_]


def gather(
    domains: Sequence[Domain], into: Sequence[Dependency], outlook: Outlook | None, j: int
) -> Proposals:
    """Proposals for column `j` from the dependencies `into` it, its `outlook` and its spelling."""
    domain = domains[j]
    slips = find_misspellings(domain)
    sources = [nominate(domains, into), _unlikely(outlook), _misspelt(domain, slips)]
    keys = [rows * domain.size + new for rows, new in sources]
    everything = np.unique(np.concatenate(keys))
    rows, new = np.divmod(everything, domain.size)
    held = domain.codes[rows]
    old, fresh, known = _company(outlook, rows, new)
    odds = np.where(known, fresh - old, 0.0)
    distance, slip = _look_up(slips, domain, held, new)
    return Proposals(
        votes=ballot(domains, into, rows, new),
        held=held,
        p_old=np.where(known, np.exp(old), 0.0),
        p_new=np.where(known, np.exp(fresh), 0.0),
        log_odds=odds,
        company=np.where(known, _confidence(odds, held, domain), 0.0),
        distance=distance,
        slip=slip,
        ruled=np.isin(everything, keys[0]),
    )


def _confidence(log_odds: Floats, held: Codes, domain: Domain) -> Floats:
    """Chance of an error, if errors held any value alike and no value were wrong in over 5% of its cells."""
    frequency = domain.counts[held] / max(1, domain.counts.sum())
    slips = _ERRORS * np.minimum(1 / domain.size, frequency)
    return 1 / (1 + (1 - _ERRORS) / slips * np.exp(-np.clip(log_odds, -50, 50)))


def _log_chances(outlook: Outlook, rows: NDArray[np.int64]) -> Floats:
    return log_softmax(outlook.log_prior(outlook.slot_of(rows)) + outlook.support(rows), axis=1)


def _unlikely(outlook: Outlook | None) -> Cells:
    """Cells whose value is improbable beside its row, and the most probable other value."""
    found: list[Cells] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    if outlook is not None:
        every = np.arange(len(outlook.domain.codes))
        for start in range(0, len(every), _BLOCK):
            rows = every[start : start + _BLOCK]
            slots = outlook.slot_of(rows)
            rows, slots = rows[slots >= 0], slots[slots >= 0]
            chances = _log_chances(outlook, rows)
            own = chances[np.arange(len(rows)), slots]
            best = chances.argmax(axis=1)
            odds = chances[np.arange(len(rows)), best] - own
            keep = (best != slots) & (_confidence(odds, outlook.classes[slots], outlook.domain) >= _WORTH)
            found.append((rows[keep], outlook.classes[best[keep]]))
    return np.concatenate([rows for rows, _ in found]), np.concatenate([new for _, new in found])


def _company(
    outlook: Outlook | None, rows: NDArray[np.int64], new: Codes
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Log probability of the old and of the new value in each row, and where both are known."""
    old, fresh, known = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows), dtype=bool)
    if outlook is None:
        return old, fresh, known
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        chances = _log_chances(outlook, rows[part])
        line = np.arange(len(chances))
        mine, theirs = outlook.slot_of(rows[part]), outlook.slot[new[part]]
        held = np.where(mine >= 0, outlook.counts[mine], 0)
        known[part] = (held >= _KNOWN) & (theirs >= 0)
        old[part], fresh[part] = chances[line, mine], chances[line, theirs]
    return old, fresh, known


def _misspelt(domain: Domain, slips: Misspellings) -> Cells:
    """Every cell that holds a value which may be a slip, with each value it may be a slip of."""
    order = np.argsort(domain.codes, kind="stable")
    starts = np.searchsorted(domain.codes[order], slips.wrong)
    lengths = domain.counts[slips.wrong]
    rows = [order[start : start + length] for start, length in zip(starts, lengths, strict=True)]
    empty = np.empty(0, np.int64)
    return np.concatenate([empty, *rows]), np.repeat(slips.right, lengths)


def _look_up(
    slips: Misspellings, domain: Domain, held: Codes, new: Codes
) -> tuple[NDArray[np.int64], Floats]:
    """Distance (-1 where no slip) and score (0) of each pair of an old and a new code."""
    distance, score = np.full(len(held), -1), np.zeros(len(held))
    if len(slips.wrong):
        known = slips.wrong * domain.size + slips.right
        order = np.argsort(known)
        place = order[np.minimum(np.searchsorted(known[order], held * domain.size + new), len(known) - 1)]
        hit = (held >= 0) & (known[place] == held * domain.size + new)
        distance[hit], score[hit] = slips.distance[place[hit]], slips.score[place[hit]]
    return distance, score
