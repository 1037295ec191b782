"""The inverse curvature of one layer whose gradients are kept in full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular

from .._errors import AssayError
from .._gradients.layers import Full, Layer
from .._types import Floats
from .metric import check_finite
from .rotated import SHARE

WIDE = 2_000  # parameters from which only the diagonal is kept


@dataclass(frozen=True, eq=False)
class Block:
    """A Cholesky factor, or from 2,000 parameters the diagonal alone.

    Parameters
    ----------
    factor : array of shape (p, p) or (p,)
        Lower triangular, or the curvature's diagonal.
    damping : float
        What was added, on the scale of the mean loss.
    """

    factor: Floats
    damping: float

    def solve(self, layer: Layer) -> Full:
        """The inverse curvature times each row."""
        g = layer.dense()
        if self.factor.ndim == 1:
            return Full((g / self.factor).astype(g.dtype))
        return Full(cho_solve((self.factor, True), g.T.astype(float), check_finite=False).T.astype(g.dtype))

    def squares(self, layer: Layer, power: int = 1) -> Floats:
        """Products g' H^-power g of each row, (n,)."""
        g = layer.dense().astype(float)
        if self.factor.ndim == 1:
            return (g**2 / self.factor**power).sum(axis=1)
        half = solve_triangular(self.factor, g.T, lower=True, check_finite=False)
        if power == 2:
            half = solve_triangular(self.factor, half, lower=True, trans=1, check_finite=False)
        return (half**2).sum(axis=0)

    def against(self, query: Layer) -> tuple[Callable[[Layer], Floats], float]:
        """What gives the scores of any rows for these queries, and its error: none."""
        solved = self.solve(query)
        return (lambda train: train.gram(solved)), 0.0


def block(roots: list[Layer], weights: Floats, penalty: Floats, damping: float | None) -> Block:
    """The layer's inverse, from its Gauss-Newton roots; see `rotated`.

    Raises
    ------
    AssayError
        If the matrix is not positive definite.
    """
    p = roots[0].width
    matrix = np.zeros((p, p) if p <= WIDE else p)
    for root in roots:
        g = root.dense() * np.sqrt(weights)[:, None]
        matrix += g.T @ g if p <= WIDE else (g**2).sum(axis=0)
    check_finite(matrix)
    diagonal = matrix if p > WIDE else matrix.reshape(-1)[:: p + 1]
    added = SHARE * float(diagonal.mean()) / len(weights) if damping is None else damping
    if damping is None and added == 0:
        added = 1.0  # no row has a gradient here: all scores are 0
    diagonal += penalty + len(weights) * added
    try:
        if p > WIDE:
            if diagonal.min() <= 1e-14 * diagonal.max():
                raise LinAlgError
            return Block(matrix, added)
        return Block(cho_factor(matrix, lower=True, overwrite_a=True)[0], added)
    except LinAlgError as error:
        raise AssayError(
            "The curvature has no inverse: some direction of a layer has none; raise `damping` "
            f"(now {added:g})."
        ) from error
