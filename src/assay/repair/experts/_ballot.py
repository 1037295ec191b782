"""Votes of the dependencies for and against a value of a cell, and which side of a contradiction is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from ..._types import Floats
from ._cooccurrence import look
from ._dependency import Dependency
from ._domain import Codes, Domain

_RARE = 5.0  # how strongly an error that hits a small share of its value's rows is preferred
_PRIOR_ROWS = 5.0
_ECHO = 0.3  # what a further dependency adds, where an independent one would add 1


@dataclass(frozen=True)
class Votes:
    """What all dependencies say of m proposed values of one column.

    Parameters
    ----------
    rows, new : arrays of int, shape (m,)
        The cells, and the codes that they would get.
    pro, con : arrays of float, shape (m,)
        Belief in the new and in the old value, 0..1: that of the strongest dependency, raised a little by
        each further one (columns that settle the same cell mostly repeat each other).
    ayes, noes : arrays of int, shape (m,)
        Dependencies that believe more in the new value, and more in the old one.
    best : array of int, shape (m,)
        Position of the dependency that speaks loudest for the new value, -1 where none does.
    support, size : arrays of int, shape (m,)
        In that dependency's group: other rows with the new value, and other rows.
    """

    rows: NDArray[np.int64]
    new: Codes
    pro: Floats
    con: Floats
    ayes: NDArray[np.int64]
    noes: NDArray[np.int64]
    best: NDArray[np.int64]
    support: NDArray[np.int64]
    size: NDArray[np.int64]

    @property
    def confidence(self) -> Floats:
        """Belief in the new value against the old one and against neither."""
        yes = self.pro * (1 - self.con)
        return yes / (1 - self.pro * self.con)


def nominate(domains: Sequence[Domain], into: Sequence[Dependency]) -> tuple[NDArray[np.int64], Codes]:
    """Rows and values that a dependency `into` one column would have there; each pair once, in order."""
    rows, new = [], []
    for dependency in into:
        left, held = domains[dependency.left].codes, domains[dependency.right].codes
        value = np.where(left >= 0, dependency.image[left], -1)
        beside = dependency.pairs.count(left, value)
        named = np.flatnonzero((value >= 0) & (value != held) & (beside > 1))
        rows.append(named)
        new.append(value[named])
    if not rows:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    width = domains[into[0].right].size
    keys = np.unique(np.concatenate(rows) * width + np.concatenate(new))
    return keys // width, keys % width


def ballot(
    domains: Sequence[Domain], into: Sequence[Dependency], rows: NDArray[np.int64], new: Codes
) -> Votes:
    """Ask every dependency `into` a column about the values `new` of its cells `rows`."""
    m = len(rows)
    pros, cons, loudest = _Chorus(m), _Chorus(m), np.zeros(m)
    ayes, noes = np.zeros(m, np.int64), np.zeros(m, np.int64)
    best, support, size = np.full(m, -1), np.zeros(m, np.int64), np.zeros(m, np.int64)
    for place, dependency in enumerate(into):
        left, held = domains[dependency.left].codes[rows], domains[dependency.right].codes[rows]
        pro = dependency.belief(left, new, held)
        con = np.where(dependency.contradicts(left, held), 0.0, dependency.belief(left, held, held))
        pros.add(pro)
        cons.add(con)
        ayes, noes = ayes + (pro > con), noes + (con > pro)
        louder = (pro > con) & (pro > loudest)
        best[louder], loudest[louder] = place, pro[louder]
        support[louder] = dependency.pairs.count(left, new)[louder]
        size[louder] = (dependency.groups[left] - (held >= 0))[louder]
    return Votes(rows, new, pros.belief, cons.belief, ayes, noes, best, support, size)


def misfit(
    domains: Sequence[Domain], out_of: Sequence[Dependency], rows: NDArray[np.int64], new: Codes
) -> Floats:
    """How badly the new values of a column suit the cells that the column settles, 0..1.

    The mean, weighted by strength, over the dependencies `out_of` the column, of how much more often the
    value stands beside its usual partner than beside the one in the row.
    """
    amiss, heard = np.zeros(len(rows)), np.zeros(len(rows))
    for dependency in out_of:
        held = domains[dependency.right].codes[rows]
        usual, size = dependency.image[new], dependency.groups[new]
        known = (held >= 0) & (size > 1)
        excess = dependency.pairs.count(new, usual) - dependency.pairs.count(new, held)
        amiss += np.where(known, dependency.strength * np.maximum(excess, 0) / (size + 1), 0.0)
        heard += np.where(known, dependency.strength, 0.0)
    return amiss / np.maximum(heard, 1e-9)


def clustered(flags: NDArray[np.bool_], contexts: Sequence[Codes]) -> Floats:
    """How far the flagged rows are all rows of some kind, (n,) in 0..1: an exception then, and no errors.

    The largest share of flags among the other rows that hold the same value of one context (codes from 2 on:
    neither missing nor rare), five rows without a flag added.
    """
    share = np.zeros(len(flags))
    for codes in contexts:
        hits, rows = np.bincount(codes, flags), np.bincount(codes)
        others = (hits[codes] - flags) / (rows[codes] - 1 + _PRIOR_ROWS)
        share = np.maximum(share, np.where(codes > 1, others, 0.0))
    return share


class _Chorus:
    """Joins the beliefs of dependencies that are neither independent nor the same."""

    def __init__(self, m: int) -> None:
        self._all, self._most = np.zeros(m), np.zeros(m)

    def add(self, belief: Floats) -> None:
        doubt = -np.log1p(-np.minimum(belief, 1 - 1e-9))
        self._all += doubt
        self._most = np.maximum(self._most, doubt)

    @property
    def belief(self) -> Floats:
        return -np.expm1(-(_ECHO * self._all + (1 - _ECHO) * self._most))


def wrong_side(
    domains: Sequence[Domain], dependency: Dependency, contexts: Sequence[Codes], rows: NDArray[np.int64]
) -> Floats:
    """Probability that the right cell is the wrong one where two one-to-one columns contradict each other.

    Rows with the same contradiction are judged together: an error tends to repeat. Two things tell the sides
    apart: an error that would have hit a large share of its value's rows is less likely, and the other
    columns look like the rows of one of the two things (learnt from the rows without a contradiction alone).

    Parameters
    ----------
    contexts : sequence of (n,) int arrays
        The other columns.
    rows : array of int, shape (m,)
        Rows whose left and right value are each paired with another one.

    Returns
    -------
    array of float, shape (m,)
    """
    left, right = domains[dependency.left].codes, domains[dependency.right].codes
    agrees = (left >= 0) & (right >= 0) & (dependency.paired(left) == right)
    entity = np.where(agrees, left, -1)
    counts = np.bincount(entity[agrees], minlength=len(dependency.groups))
    x, y = left[rows], right[rows]
    twin = dependency.partner[y]
    hits = dependency.pairs.count(x, y)
    stay, leave = counts[x] / (counts[x] + hits), counts[twin] / (counts[twin] + hits)
    prior = expit(_RARE * (np.log(stay + 1e-3) - np.log(leave + 1e-3)))
    values = domains[dependency.left]
    outlook = look(Domain(values.column, entity, values.values, values.texts, counts, True), contexts)
    evidence = np.zeros(len(rows))
    if outlook is not None:
        here, there = outlook.slot[x], outlook.slot[twin]
        told = (here >= 0) & (there >= 0)
        scores = outlook.support(rows[told])
        evidence[told] = (
            scores[np.arange(len(scores)), here[told]] - scores[np.arange(len(scores)), there[told]]
        )
    _, cluster = np.unique(x * dependency.pairs.width + y, return_inverse=True)
    return _pool(prior, evidence, cluster)


def _pool(prior: Floats, evidence: Floats, cluster: NDArray[np.int64]) -> Floats:
    """Posterior of each row when rows of a cluster share one unknown rate, by expectation-maximisation."""
    sizes = np.bincount(cluster)
    start = np.bincount(cluster, prior) / sizes
    rate = start
    for _ in range(20):
        chance = expit(logit(np.clip(rate, 1e-6, 1 - 1e-6))[cluster] + evidence)
        rate = (np.bincount(cluster, chance) + _PRIOR_ROWS * start) / (sizes + _PRIOR_ROWS)
    return expit(logit(np.clip(rate, 1e-6, 1 - 1e-6))[cluster] + evidence)
