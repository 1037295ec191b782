"""The inverse curvature of one linear layer, diagonal in the eigenvectors of its two factors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import AssayError
from .._gradients.layers import Full, Layer, Outer, blocks
from .._parallel import each
from .._types import Floats
from .metric import check_finite
from .terms import few_terms

ROWS = 2048  # of a block of sums: fixed, so that bits depend on nothing else
SHARE = 0.1  # of the mean eigenvalue, the damping where none is given


@dataclass(frozen=True, eq=False)
class Rotated:
    """Eigenvectors of both factors, and the damped curvature of the summed loss in them.

    Parameters
    ----------
    inward : array of shape (A, A)
        Eigenvectors, as columns, of the second moment of what came in.
    outward : array of shape (B, B)
        Eigenvectors of the second moment of the gradients by what came out.
    moments : pair of arrays of shape (A,), (B,)
        The eigenvalues of these.
    curvature : array of shape (B, A)
        Along each pair of eigenvectors, with penalty and damping.
    damping : float
        What was added, on the scale of the mean loss.
    """

    inward: Floats
    outward: Floats
    moments: tuple[Floats, Floats]
    curvature: Floats
    damping: float

    @property
    def inverse(self) -> Floats:
        """1 / curvature, in the precision of the features."""
        return (1 / self.curvature).astype(self.inward.dtype)

    def _turned(self, layer: Outer) -> tuple[Any, Any]:
        return layer.a @ self.inward, layer.b @ self.outward

    def _matrices(self, layer: Layer) -> Floats:
        """Gradients along pairs of eigenvectors, (n, B, A)."""
        if isinstance(layer, Outer):
            a, b = self._turned(layer)
            return np.matmul(b.transpose(0, 2, 1), a)
        shape = (len(layer), len(self.outward), len(self.inward))
        return (
            self.outward.T @ layer.dense().reshape(shape).astype(self.inward.dtype, copy=False) @ self.inward
        )

    def solve(self, layer: Layer) -> Full:
        """The inverse curvature times each row."""
        solved = self.outward @ (self._matrices(layer) * self.inverse) @ self.inward.T
        return Full(solved.reshape(len(layer), -1))

    def squares(self, layer: Layer, power: int = 1) -> Floats:
        """Products g' H^-power g of each row, (n,)."""
        weights = self.inverse**power
        if isinstance(layer, Outer) and layer.a.shape[1] == 1:
            a, b = self._turned(layer)
            return np.einsum("ib,ib->i", (b[:, 0] ** 2) @ weights, a[:, 0] ** 2)
        size = layer.width * self.inward.itemsize
        parts = [self._matrices(layer.take(rows)) ** 2 for rows in blocks(len(layer), size)]
        return np.concatenate([np.tensordot(part, weights, axes=2) for part in parts])

    def against(self, query: Layer) -> tuple[Callable[[Layer], Floats], float]:
        """What gives the scores of training rows for these queries, and its relative error."""
        if not isinstance(query, Outer) or query.a.shape[1] > 1:
            solved = self.solve(query)
            return (lambda train: train.gram(solved)), 0.0
        a, b = (side[:, 0] for side in self._turned(query))
        weigh = [
            np.sqrt(np.maximum(moment, 0) * (side.astype(float) ** 2).mean(axis=0))
            for moment, side in zip(self.moments, (a, b), strict=True)
        ]
        terms = few_terms(1 / self.curvature, *weigh)
        inward, outward = self.inward[:, terms.inward], self.outward[:, terms.outward]
        parts = terms.of_queries(a[:, terms.inward], b[:, terms.outward])
        return (lambda train: parts(_turn(train, inward, outward))), terms.error


def _turn(train: Layer, inward: Floats, outward: Floats) -> Outer | Full:
    if isinstance(train, Outer):
        return Outer(train.a @ inward, train.b @ outward)
    shape = (len(train), len(outward), len(inward))
    return Full((outward.T @ train.dense().reshape(shape) @ inward).reshape(len(train), -1))


def rotated(
    roots: list[Outer], weights: Floats, penalty: Floats, damping: float | None, *, corrected: bool
) -> Rotated:
    """The layer's inverse, from its Gauss-Newton roots.

    Parameters
    ----------
    roots : list of C Outer
        They share what came in.
    weights : array of shape (n,)
        How often each row counts.
    penalty : array of shape (B A,)
    damping : float, optional
        Added to the curvature of the mean loss; a tenth of its mean if not given.
    corrected : bool
        Take the curvature along each pair of eigenvectors from the rows (EK-FAC), not as the product of
        eigenvalues (K-FAC).

    Raises
    ------
    AssayError
        If some direction has no curvature, penalty or damping.
    """
    a, bs = roots[0].a, [root.b for root in roots]
    inner = _summed(lambda rows: _moment(a[rows], weights[rows]), len(a)) / (weights.sum() * a.shape[1])
    outer = _summed(lambda rows: sum(_moment(b[rows], weights[rows]) for b in bs), len(a))
    check_finite(inner, outer)
    (into, inward), (out, outward) = _eigen(inner, a.dtype), _eigen(outer, a.dtype)
    curvature = np.outer(out, into)
    if corrected:
        work = _squares if a.shape[1] == 1 else _squares_of_tokens
        curvature = _summed(lambda i: work(a[i], [b[i] for b in bs], weights[i], inward, outward), len(a))
    added = SHARE * float(curvature.mean()) / len(a) if damping is None else damping
    if damping is None and added == 0:
        added = 1.0  # no row has a gradient here: all scores are 0
    curvature += len(a) * added
    if penalty.any():
        squares = [side.astype(float) ** 2 for side in (outward, inward)]
        curvature += squares[0].T @ penalty.reshape(curvature.shape) @ squares[1]
    if curvature.min() <= 1e-14 * curvature.max():
        raise AssayError(
            "The curvature has no inverse: some direction of a layer has none; raise `damping` "
            f"(now {added:g})."
        )
    return Rotated(inward, outward, (into, out), curvature, added)


def _summed(work: Callable[[slice], Any], n: int) -> Floats:
    """The sum over blocks of rows, by threads, in the order of the blocks."""
    total: Any = 0.0
    for part in each(work, [(slice(at, at + ROWS),) for at in range(0, n, ROWS)], threads=True):
        total = total + part.astype(float)
    return total


def _moment(side: Floats, weights: Floats) -> Floats:
    flat = side.reshape(-1, side.shape[2])
    if (weights == 1).all():
        return flat.T @ flat
    return (side * weights[:, None, None].astype(side.dtype)).reshape(flat.shape).T @ flat


def _eigen(moment: Floats, kind: Any) -> tuple[Floats, Floats]:
    """Eigenvalues and vectors; coordinates that are 0 in every row are vectors of their own."""
    live = np.flatnonzero(np.diag(moment) > 0)
    values, vectors = np.zeros(len(moment)), np.eye(len(moment), dtype=kind)
    if len(live):
        values[live], vectors[np.ix_(live, live)] = np.linalg.eigh(moment[np.ix_(live, live)])
    return np.maximum(values, 0), vectors


def _squares(a: Floats, bs: list[Floats], weights: Floats, inward: Floats, outward: Floats) -> Floats:
    """(Qs'b)² ((Qa'a)²)' summed over rows and classes: one product of squares."""
    squares = np.sum([(b[:, 0] @ outward) ** 2 for b in bs], axis=0)
    squares *= weights[:, None].astype(a.dtype)
    return squares.T @ (a[:, 0] @ inward) ** 2


def _squares_of_tokens(
    a: Floats, bs: list[Floats], weights: Floats, inward: Floats, outward: Floats
) -> Floats:
    total = np.zeros((len(outward), len(inward)))
    size = total.size * a.itemsize
    for b in bs:
        for rows in blocks(len(a), size):
            turned = np.matmul((b[rows] @ outward).transpose(0, 2, 1), a[rows] @ inward)
            total += np.einsum("i,iba->ba", weights[rows], turned.astype(float) ** 2)
    return total
