"""The inverse from the largest curvatures alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np

from .._errors import AssayError
from .._gradients.features import Features, dense_blocks, full
from .._gradients.gradients import Gradients
from .._types import Floats
from .metric import Metric
from .operator import Operator, damping_of, operator

WIDTH = 16  # vectors that a Krylov space grows by


@final
class LowRank(Metric):
    """The largest curvatures with their directions; in all others the damping and the least penalty.

    "arnoldi" finds them in a Krylov space (Rayleigh-Ritz; the curvature is symmetric), "nystrom" from one
    product with random vectors.

    Parameters
    ----------
    gradients : Gradients
    data : Data
        The n training rows.
    damping : float, optional
        Added to the diagonal of the curvature of the mean loss; above 0, unless there is a penalty. If not
        given, 0 for linear models, and a tenth of the mean eigenvalue for others.
    rank : int
        Directions.
    rng : np.random.Generator
    kind : str
        "arnoldi" or "nystrom".

    Raises
    ------
    AssayError
        If damping and penalty are 0.

    Notes
    -----
    `rank` products with the curvature and O(p rank²) multiplications.
    Source: Schioppa et al. (2022), "Scaling Up Influence Functions"; Frangella, Tropp and Udell (2023),
    "Randomized Nystrom Preconditioning"; the complement is kept in both.
    """

    def __init__(
        self,
        gradients: Gradients,
        data: Any,
        damping: float | None,
        rank: int,
        rng: np.random.Generator,
        *,
        kind: str,
    ) -> None:
        of = operator(gradients, data, products=rank)
        damping = damping_of(damping, gradients, of.n, of.mean)
        self.shift = of.floor + of.n * damping
        if self.shift <= 0:
            raise AssayError(
                f'solver="{kind}" has no inverse where there is neither damping nor penalty; raise `damping`.'
            )
        rank = min(rank, of.p)
        self.curves, self.ways = (_krylov if kind == "arnoldi" else _nystrom)(_bare(of), of.p, rank, rng)
        seen = self.curves.sum() / max(of.mean * of.p, np.finfo(float).tiny)
        self.note = f"{kind} of rank {rank} ({min(seen, 1):.0%} of the curvature), damping {damping:.3g}"

    def solve(self, query: Features) -> Features:
        """See `Metric.solve`; g/s + V (1/(curve + s) - 1/s) V'g, s the damping."""
        gains = 1 / (self.curves + self.shift) - 1 / self.shift
        parts = []
        for rows in dense_blocks(query):
            g = query.take(rows).dense().astype(float)
            parts.append(g / self.shift + ((g @ self.ways.T) * gains) @ self.ways)
        return full(np.concatenate(parts), query.widths)


def _bare(of: Operator) -> Callable[[Floats], Floats]:
    """Products without the least penalty, which the complement has too."""
    return lambda vectors: of.apply(vectors) - of.floor * vectors


def _krylov(
    times: Callable[[Floats], Floats], p: int, rank: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Ritz values and vectors (rank, p) of a block Krylov space; a space that closes is opened at random."""
    ways, images = np.zeros((0, p)), np.zeros((0, p))
    fresh = rng.normal(size=(min(WIDTH, rank), p))
    while len(ways) < rank:
        fresh = _orthogonal(fresh[: rank - len(ways)], ways, rng)
        pushed = times(fresh)
        ways, images, fresh = np.concatenate([ways, fresh]), np.concatenate([images, pushed]), pushed
    inside = ways @ images.T
    values, turns = np.linalg.eigh((inside + inside.T) / 2)
    return np.maximum(values, 0), turns.T @ ways


def _orthogonal(fresh: Floats, ways: Floats, rng: np.random.Generator) -> Floats:
    """Orthonormal vectors that span what is new in `fresh`; what is not new is replaced by chance."""
    for _ in range(2):  # twice is enough
        fresh = fresh / np.maximum(np.linalg.norm(fresh, axis=1, keepdims=True), np.finfo(float).tiny)
        fresh = fresh - (fresh @ ways.T) @ ways
        turned, corner = np.linalg.qr(fresh.T)
        old = np.abs(np.diag(corner)) < 1e-8
        fresh = turned.T.copy()
        fresh[old] = rng.normal(size=(int(old.sum()), fresh.shape[1]))
    fresh = fresh - (fresh @ ways.T) @ ways
    fresh = np.linalg.qr(fresh.T)[0].T
    fresh = fresh - (fresh @ ways.T) @ ways
    return np.linalg.qr(fresh.T)[0].T


def _nystrom(
    times: Callable[[Floats], Floats], p: int, rank: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Eigenvalues and vectors (rank, p) of C (W'C)^-1 C', C the curvature times random W."""
    random = np.linalg.qr(rng.normal(size=(p, rank)))[0].T
    images = times(random)
    shift = np.sqrt(p) * np.finfo(float).eps * np.linalg.norm(images)  # keeps W'C positive, to rounding
    if shift == 0:
        return np.zeros(rank), random
    images = images + shift * random
    inside = images @ random.T
    values, turns = np.linalg.eigh((inside + inside.T) / 2)
    keep = values > values[-1] * np.finfo(float).eps * rank
    half = (turns[:, keep] / np.sqrt(values[keep])).T @ images
    _, lengths, ways = np.linalg.svd(half, full_matrices=False)
    return np.maximum(lengths**2 - shift, 0), ways
