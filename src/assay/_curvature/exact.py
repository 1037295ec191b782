"""The inverse of the whole curvature, by one Cholesky factor."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular

from .._errors import AssayError
from .._gradients.features import Features, full
from .._gradients.gauss_newton import check_size, summed
from .._gradients.gradients import Curvature, Gradients
from .._parallel import each
from .._types import Floats
from .metric import Metric
from .operator import damping_of, mean_curvature

COLUMNS = 64  # of a block of right-hand sides


@final
class Exact(Metric):
    """The Gauss-Newton matrix or Hessian of n rows, damped and factored.

    Parameters
    ----------
    gradients : Gradients
    data : Data
        The n training rows.
    damping : float, optional
        Added to the diagonal of the curvature of the mean loss. If not given, 0 for linear models, and
        a tenth of the mean eigenvalue for others.
    curvature : "gauss_newton" | "hessian"

    Raises
    ------
    AssayError
        If the matrix is not positive definite, or would not fit.

    Notes
    -----
    O(n p² + p³) multiplications and 8 p² bytes for p parameters.
    """

    def __init__(
        self,
        gradients: Gradients,
        data: Any,
        damping: float | None = None,
        curvature: Curvature = "gauss_newton",
    ) -> None:
        penalty = gradients.penalty
        if curvature == "hessian" and not gradients.linear:
            p = sum(gradients.widths)
            check_size(p)
            matrix = gradients.product(data, np.eye(p), curvature)
            matrix = (matrix + matrix.T) / 2 + np.diag(penalty)
            mean = mean_curvature(gradients, data)
        else:
            matrix = summed(gradients, data)
            mean = float(np.trace(matrix) - penalty.sum()) / len(penalty)
        damping = damping_of(damping, gradients, len(data), mean)
        matrix.flat[:: len(matrix) + 1] += len(data) * damping
        try:
            self.factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError as error:
            raise AssayError(
                "The curvature has no inverse: parameters are not determined by the rows; raise `damping` "
                f"(now {damping:g}), or shrink the model by a ridge."
            ) from error
        self.note = f"exact inverse, damping {damping:.3g}"

    def solve(self, query: Features) -> Features:
        """See `Metric.solve`."""
        parts = [(slice(at, at + COLUMNS),) for at in range(0, len(query), COLUMNS)]

        def solved(rows: slice) -> Floats:
            right = query.take(rows).dense().astype(float).T
            return cho_solve(self.factor, right, check_finite=False, overwrite_b=True).T

        return full(np.concatenate(list(each(solved, parts, threads=True))), query.widths)

    def half(self, features: Features) -> Floats:
        """Vectors (n, p) whose products are the scores of `features` with themselves."""
        right = features.dense().astype(float).T
        return solve_triangular(self.factor[0], right, lower=True, check_finite=False).T
