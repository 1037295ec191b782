"""Outlook: how probable each value of a closed column is, given the other columns of the row.

Naive Bayes over pairs of columns whose counts leave the row itself out, so that no cell votes for itself. The
columns of a table repeat each other, so each one's voice has a weight, chosen once to make the values that
stand in the table most probable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from ..._types import Floats
from ._domain import SMALL, Codes, Domain

_SHRINK = 20.0  # rows' worth of belief that the columns are independent
_FIT_ROWS = 1_000


@dataclass(frozen=True)
class Outlook:
    """A model of one closed column given the others.

    Parameters
    ----------
    domain : Domain
        The column that is predicted.
    classes : array of int, shape (k,)
        Codes of the modelled values, the most frequent first, at most 64.
    slot : array of int, shape (domain.size,)
        Place of each code among the classes; -1 where it is not modelled.
    counts : array of float, shape (k,)
        Cells of each class.
    contexts : list of (n,) int arrays
        Codes of the c other columns.
    joint : list of float arrays, each (size of the context's codes, k)
        How often each context value stands beside each class.
    weights : array of float, shape (c,)
        The voice of each context in 0..1.
    """

    domain: Domain
    classes: NDArray[np.int64]
    slot: NDArray[np.int64]
    counts: Floats
    contexts: list[Codes]
    joint: list[Floats]
    weights: Floats

    def log_prior(self, slots: Codes) -> Floats:
        """Log of the (m, k) class frequencies, each row's own cell (class `slots`, or -1) left out."""
        counts = np.tile(self.counts + 0.5, (len(slots), 1))
        own = np.flatnonzero(slots >= 0)
        counts[own, slots[own]] -= 1
        return np.log(counts / counts.sum(axis=1, keepdims=True))

    def lifts(self, rows: NDArray[np.int64], context: int) -> Floats:
        """Log of P(context | class) / P(context), (m, k), each row's own cell left out."""
        joint, seen = self.joint[context], self.contexts[context][rows]
        marginal = (joint.sum(axis=1) + 1) / (joint.sum() + len(joint))
        expected = _SHRINK * marginal[seen]
        lift = np.log((joint[seen] + expected[:, None]) / (self.counts + _SHRINK))
        slots = self.slot_of(rows)
        own = np.flatnonzero(slots >= 0)
        taken = joint[seen[own], slots[own]] - 1
        lift[own, slots[own]] = np.log((taken + expected[own]) / (self.counts[slots[own]] - 1 + _SHRINK))
        return lift - np.log(marginal[seen])[:, None]

    def slot_of(self, rows: NDArray[np.int64]) -> Codes:
        """Class of each row's own cell, -1 where it is missing or not modelled."""
        codes = self.domain.codes[rows]
        return np.where(codes < 0, -1, self.slot[codes])

    def support(self, rows: NDArray[np.int64]) -> Floats:
        """What the other columns say of each class, (m, k): weighted sum of the lifts, without the prior."""
        total = np.zeros((len(rows), len(self.classes)))
        for context in np.flatnonzero(self.weights > 0):
            total += self.weights[context] * self.lifts(rows, int(context))
        return total


def look(domain: Domain, others: Sequence[Codes]) -> Outlook | None:
    """Model `domain` given the `others`; None where nothing repeats or no other column says anything of it.

    Cost: O(rows x columns) for the counts, O(1,000 x 64 x columns) a step for the weights.
    """
    classes = np.argsort(-domain.counts, kind="stable")[:SMALL]
    classes = classes[domain.counts[classes] > 1]
    if len(classes) < 2 or not others:
        return None
    slot = np.full(domain.size, -1, dtype=np.int64)
    slot[classes] = np.arange(len(classes))
    present = np.flatnonzero(domain.codes >= 0)
    present = present[slot[domain.codes[present]] >= 0]
    own = slot[domain.codes[present]]
    joint = []
    for codes in others:
        width = int(codes.max()) + 1
        pairs = np.bincount(codes[present] * len(classes) + own, minlength=width * len(classes))
        joint.append(pairs.reshape(width, len(classes)).astype(np.float64))
    counts = domain.counts[classes].astype(np.float64)
    outlook = Outlook(domain, classes, slot, counts, list(others), joint, np.ones(len(others)))
    weights = _weigh(outlook, present)
    return Outlook(domain, classes, slot, counts, list(others), joint, weights) if weights.any() else None


def _weigh(outlook: Outlook, present: NDArray[np.int64]) -> Floats:
    """Weights in 0..1 that make the table's own values most probable, with a little ridge."""
    rows = present[:: max(1, len(present) // _FIT_ROWS)][:_FIT_ROWS]
    slots = outlook.slot_of(rows)
    lifts = np.stack([outlook.lifts(rows, context) for context in range(len(outlook.contexts))])
    prior = outlook.log_prior(slots)
    at_own = lifts[:, np.arange(len(rows)), slots]

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = prior + np.tensordot(weights, lifts, axes=1)
        chances = log_softmax(scores, axis=1)
        gradient = np.einsum("mk,cmk->c", np.exp(chances), lifts) - at_own.sum(axis=1)
        value = float(0.5 * (weights**2).sum() - chances[np.arange(len(rows)), slots].sum())
        return value / len(rows), (gradient + weights) / len(rows)

    start = np.full(len(lifts), 0.5)
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * len(lifts), options={"maxiter": 15}
    )
    return np.where(found.x > 0.01, found.x, 0.0)
