"""Regression: least squares or instrumental variables, and what the weight of a row does to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .._types import Floats

SINGULAR = 1e-12  # the least ratio of singular values of a system that is solved


@dataclass(frozen=True, eq=False)
class Regression:
    """The solution of Zᵀ(y - X b) = 0 and the standard error of one coefficient, every row weighing 1.

    Parameters
    ----------
    X : array of shape (n, d)
    y : array of shape (n,)
    Z : array of shape (n, d)
        Instruments; X itself for least squares.
    k : int
        Which coefficient.
    groups : array of shape (n,), optional
        Codes of clusters: the standard error is then the sandwich over them, without a factor for small
        samples; else that of equal variances, with n - d degrees of freedom.

    Raises
    ------
    AssayError
        If the rows do not determine the coefficients.
    """

    X: Floats
    y: Floats
    Z: Floats
    k: int
    groups: NDArray[np.intp] | None = None

    @cached_property
    def inverse(self) -> Floats:
        """M = (ZᵀX)⁻¹, (d, d)."""
        system = self.Z.T @ self.X
        sizes = np.linalg.svd(system, compute_uv=False)
        if len(self.X) <= self.X.shape[1] or sizes[-1] <= SINGULAR * sizes[0]:
            raise AssayError(
                f"The {self.X.shape[1]} coefficients are not determined by {len(self.X)} rows; leave out "
                "columns that are sums of others, or take more rows."
            )
        return np.asarray(np.linalg.inv(system), float)

    @cached_property
    def coefficients(self) -> Floats:
        """b, (d,)."""
        return self.inverse @ (self.Z.T @ self.y)

    @property
    def coefficient(self) -> float:
        """The one that is looked at."""
        return float(self.coefficients[self.k])

    @cached_property
    def residuals(self) -> Floats:
        """What is left of y, (n,): y - X b."""
        return self.y - self.X @ self.coefficients

    @cached_property
    def _pull(self) -> Floats:
        """What a unit of each row's residual adds to the coefficient, (n,)."""
        return self.Z @ self.inverse[self.k]

    @property
    def _freedom(self) -> int:
        return len(self.X) - self.X.shape[1]

    @cached_property
    def _spread(self) -> Floats:
        """C = M ZᵀZ Mᵀ, (d, d)."""
        return self.inverse @ (self.Z.T @ self.Z) @ self.inverse.T

    @cached_property
    def _clusters(self) -> Floats:
        """R_g = M S_g of each cluster, S_g the sum of its z e, (G, d)."""
        assert self.groups is not None
        sums = np.zeros((int(self.groups.max()) + 1, self.Z.shape[1]))
        np.add.at(sums, self.groups, self.Z * self.residuals[:, None])
        return sums @ self.inverse.T

    @cached_property
    def stderr(self) -> float:
        """Of the coefficient."""
        if self.groups is not None:
            return float(np.sqrt((self._clusters[:, self.k] ** 2).sum()))
        return float(np.sqrt(self.residuals @ self.residuals / self._freedom * self._spread[self.k, self.k]))

    @property
    def slopes(self) -> Floats:
        """The derivative of the coefficient by the weight of each row, (n,): (M z_i)_k e_i."""
        return self._pull * self.residuals

    @property
    def slopes_of_stderr(self) -> Floats:
        """The derivative of the standard error by the weight of each row, (n,); n - d stays as it is."""
        moved = (self.Z @ self.inverse.T) * self.residuals[:, None]  # of all coefficients, (n, d)
        if self.groups is not None:
            r = self._clusters[:, self.k]
            own = r[self.groups] * self.slopes
            fitted = moved @ (self.X.T @ (r[self.groups] * self._pull))
            bent = self._pull * (self.X @ (r @ self._clusters))
            return (own - fitted - bent) / self.stderr
        variance = self.residuals @ self.residuals / self._freedom
        by_variance = (self.residuals**2 - 2 * moved @ (self.X.T @ self.residuals)) / self._freedom
        by_spread = self._pull * (self._pull - 2 * self.X @ self._spread[:, self.k])
        at = self._spread[self.k, self.k]
        return (by_variance * at + variance * by_spread) / (2 * self.stderr)

    def without(self, kept: NDArray[np.bool_]) -> Regression:
        """The regression on the rows kept, (n,) bool."""
        Z = self.Z[kept]
        X = Z if self.Z is self.X else self.X[kept]
        return Regression(X, self.y[kept], Z, self.k, None if self.groups is None else self.groups[kept])
