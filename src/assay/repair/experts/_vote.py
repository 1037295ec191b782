"""The vote: strays that share a way of going wrong make it likelier for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..._types import Floats
from ._options import Option

_ROUNDS = 25
# Strays that each way is thought to have had before any is seen: slips of the hand are rarer than units.
_BEFOREHAND: Mapping[str, float] = {"unit": 0.5, "plain": 1.0, "shift": 0.5, "digit": 0.05}
_NONSENSE = 2.0
_HABIT = 0.5  # strays that a text counts for which names the unit outright


@dataclass(frozen=True)
class Vote:
    """What the strays of a column say together.

    Parameters
    ----------
    shares : tuple of (k,) arrays
        For each stray, the probability of each of its options; what is missing to 1 is nonsense.
    support : Mapping
        Way -> how many strays went it, by expectation.
    evidence : float
        Log of how much likelier the strays are with these options than as nonsense, less the cost of
        every way that was needed.
    """

    shares: tuple[Floats, ...]
    support: Mapping[str, float]
    evidence: float


def vote(
    strays: Sequence[Sequence[Option]], nonsense: Sequence[float], habits: Mapping[str, int] | None = None
) -> Vote:
    """Weigh the options of distinct strays by how many of the others went each way.

    Parameters
    ----------
    strays : the options of each stray
    nonsense : how likely each is typed if it means nothing
    habits : how many texts of the column name each unit, or pair of units, outright

    Notes
    -----
    A mixture with a Dirichlet prior over the ways, by collapsed variational inference of order zero
    (Asuncion, Welling, Smyth and Teh, 2009), 25 rounds.
    """
    before = {option.way: _beforehand(option, habits or {}) for cell in strays for option in cell}
    ways = sorted(before)
    place = {way: column for column, way in enumerate(ways)}
    table = np.zeros((len(strays), len(ways) + 1))  # nonsense last
    for row, cell in enumerate(strays):
        for option in cell:
            table[row, place[option.way]] += option.weight
        table[row, -1] = nonsense[row]
    prior = np.array([*(before[way] for way in ways), _NONSENSE])
    posterior = np.zeros_like(table)
    for _ in range(_ROUNDS):
        others = prior + posterior.sum(axis=0) - posterior  # a stray is no witness for itself
        posterior = others * table
        posterior /= posterior.sum(axis=1, keepdims=True)
    counts = posterior.sum(axis=0)
    rates = prior + counts - posterior
    rates /= rates.sum(axis=1, keepdims=True)
    likelihood = (rates * table).sum(axis=1)
    shares = tuple(
        np.array([rates[row, place[option.way]] * option.weight for option in cell]) / likelihood[row]
        for row, cell in enumerate(strays)
    )
    needed = np.minimum(counts[:-1], 1.0).sum()
    evidence = float(np.log(likelihood / table[:, -1]).sum() - 2.0 * needed)
    support = {way: float(counts[place[way]] + before[way]) for way in ways}
    return Vote(shares, support, evidence)


def _beforehand(option: Option, habits: Mapping[str, int]) -> float:
    """Strays that an option's way is taken to have had before the first is seen."""
    return _BEFOREHAND[option.kind] + _HABIT * habits.get(option.habit, 0)
