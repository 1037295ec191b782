"""An inverse that is diagonal in pairs of directions, told in few terms.

Scores of rows with factors a, b are sums over pairs (j, k) of b_j b'_j M_jk a_k a'_k. Where M is near a few
outer products, each costs two short products a pair of rows, and single pairs of directions are added where
the two differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._gradients.layers import Full, Outer, blocks
from .._types import Floats, Positions

ERROR = 1e-4  # of scores, root mean square, that leaving out terms may cost
RANKS = (0, 1, 2, 3, 4, 6, 8, 12, 16)
PASSES = 24  # multiplications that reading and writing the product of a pair of rows is worth
GATHER = 1.5  # multiplications that a pair of directions is worth, its columns being gathered


@dataclass(frozen=True, eq=False)
class Terms:
    """Directions that matter, and the inverse on them: in full, or as outer products and single pairs.

    Parameters
    ----------
    inward, outward : arrays of shape (A,), (B,)
        Positions of the directions.
    inverse : array of shape (B, A)
        All of it.
    left, right : arrays of shape (r, B), (r, A)
        Outer products.
    pairs : tuple of three arrays of shape (K,), or None
        Where the inverse differs from their sum, outward and inward, and by how much; None: take it in full.
    error : float
        What is left out, of scores, as a root mean square for directions that are independent.
    """

    inward: Positions
    outward: Positions
    inverse: Floats
    left: Floats
    right: Floats
    pairs: tuple[Positions, Positions, Floats] | None
    error: float

    def of_queries(self, a: Floats, b: Floats) -> Callable[[Outer | Full], Floats]:
        """What gives scores of training rows for queries with these factors (m, A), (m, B)."""

        def in_full() -> Floats:
            return ((b[:, :, None] * self.inverse.astype(b.dtype)) * a[:, None]).reshape(len(a), -1).T

        if self.pairs is None:
            solved = in_full()
            return lambda train: _dense(train, solved)
        lefts = b * self.left.astype(b.dtype)[:, None]
        rights = a * self.right.astype(b.dtype)[:, None]
        first, second, values = self.pairs
        single = (b[:, first] * a[:, second] * values.astype(b.dtype)).T

        def scores(train: Outer | Full) -> Floats:
            if isinstance(train, Full):
                return _dense(train, in_full())
            out = _outer_products(train, rights, lefts)
            for token in range(train.a.shape[1]):
                out += (train.b[:, token, first] * train.a[:, token, second]) @ single
            return out

        return scores


def few_terms(inverse: Floats, inward: Floats, outward: Floats) -> Terms:
    """The inverse (B, A) in as few terms as leave scores the same to one in ten thousand.

    With independent components the mean square of a score is the sum of (w_b M w_a)², w the sizes of the
    rows' factors (`inward` (A,), `outward` (B,)); what is left out of w_b M w_a is the relative error.
    """
    seen = outward[:, None] * inverse * inward
    whole = (seen**2).sum()
    none = np.zeros(0, np.intp)
    if whole == 0:
        keep = np.zeros(1, np.intp)
        one = inverse[:1, :1] * 0
        return Terms(keep, keep, one, np.zeros((0, 1)), np.zeros((0, 1)), (none, none, np.zeros(0)), 0.0)
    cut = ERROR**2 * whole / 3
    few_in, few_out = (_kept((seen**2).sum(axis=axis), cut) for axis in (0, 1))
    inner, part = (matrix[np.ix_(few_out, few_in)] for matrix in (inverse, seen))
    lost = whole - (part**2).sum()
    vectors, values, others = np.linalg.svd(part, full_matrices=False)
    rank, places, tail = _cheapest(part, vectors, values, others, cut)
    if places is None:
        empty = np.zeros((0, len(few_out))), np.zeros((0, len(few_in)))
        return Terms(few_in, few_out, inner, *empty, None, float(np.sqrt(max(lost, 0) / whole)))
    left = (vectors[:, :rank] * values[:rank]).T / outward[few_out]
    right = others[:rank] / inward[few_in]
    first, second = np.unravel_index(places, part.shape)
    rest = (inner - left.T @ right)[first, second]
    error = float(np.sqrt(max(lost + tail, 0) / whole))
    return Terms(few_in, few_out, inner, left, right, (first, second, rest), error)


def _cheapest(part: Floats, vectors: Floats, values: Floats, others: Floats, cut: float) -> Any:
    """Outer products, single pairs beside them, and what is left out; None pairs where all is cheaper."""
    best, least = (0, None, 0.0), float(part.size)
    for rank in RANKS:
        if rank > len(values) or rank * (sum(part.shape) + PASSES) >= least:
            break
        rest = ((part - (vectors[:, :rank] * values[:rank]) @ others[:rank]) ** 2).ravel()
        order = np.argsort(-rest, kind="stable")
        tails = np.append(np.cumsum(rest[order][::-1])[::-1], 0.0)
        count = int(np.argmax(tails <= cut))
        cost = rank * (sum(part.shape) + PASSES) + GATHER * count
        if cost < least:
            best, least = (rank, np.sort(order[:count]), float(tails[count])), cost
    return best


def _kept(mass: Floats, cut: float) -> Positions:
    """Positions of the most massive, without those that sum to at most `cut`."""
    order = np.argsort(mass, kind="stable")
    return np.sort(order[np.cumsum(mass[order]) > cut])


def _dense(train: Outer | Full, solved: Floats) -> Floats:
    parts = blocks(len(train), train.width * solved.itemsize)
    return np.concatenate([train.take(rows).dense() @ solved for rows in parts])


def _outer_products(train: Outer, rights: Floats, lefts: Floats) -> Floats:
    """Sums over terms and tokens of (a . right)(b . left), (n, m)."""
    shape = (len(train), rights.shape[1])
    out, one, other = (np.zeros(shape, rights.dtype) for _ in range(3))
    for token in range(train.a.shape[1]):
        a, b = (np.ascontiguousarray(side[:, token]) for side in (train.a, train.b))
        for right, left in zip(rights, lefts, strict=True):
            np.matmul(a, right.T, out=one)
            np.matmul(b, left.T, out=other)
            one *= other
            out += one
    return out
