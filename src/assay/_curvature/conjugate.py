"""The inverse by conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from .._errors import AssayError
from .._gradients.features import Features, full
from .._gradients.gradients import Curvature, Gradients
from .._parallel import each
from .._types import Floats
from .kronecker import Kronecker
from .metric import Metric
from .operator import Operator, damping_of, operator

COLUMNS = 64  # of a block of right-hand sides
MOST_STEPS = 1_000
SINGLE = 1e-4  # tolerance that single precision reaches
ROUNDING = 1e-6  # of the mean curvature: what single precision cannot tell from 0
DRIFT = 10  # steps from which the residual is computed anew: its recursion drifts


@final
class Conjugate(Metric):
    """Conjugate gradients, all queries of a block at once, each until its own residual is small enough.

    Up to 8,000 parameters the curvature is a matrix, and its Cholesky factor in single precision the
    preconditioner: a step or two suffice. Above, EK-FAC is, and products go through the layers' factors.

    Parameters
    ----------
    gradients : Gradients
    data : Data
        The n training rows.
    damping : float, optional
        Added to the diagonal of the curvature of the mean loss; 0 for linear models, else a tenth of the mean
        curvature, if not given.
    tolerance : float
        The residual's length by the query's.
    curvature : "gauss_newton" | "hessian"

    Notes
    -----
    O(n p² + p³) multiplications with the matrix; else O(n (p + C B)) a query and step.
    """

    def __init__(
        self,
        gradients: Gradients,
        data: Any,
        damping: float | None = None,
        tolerance: float = 1e-3,
        curvature: Curvature = "gauss_newton",
    ) -> None:
        self.tolerance, self.curvature = tolerance, curvature
        kind = gradients.rows(data.take(np.arange(1))).dense().dtype if tolerance >= SINGLE else float
        self.kind = np.dtype(kind)
        self.operator = operator(gradients, data, curvature, self.kind)
        damping = damping_of(damping, gradients, len(data), self.operator.mean)
        self.shift = len(data) * damping
        self.inner = _inner(self.operator, gradients, data, damping)
        self.head = f"conjugate gradients, damping {damping:.3g}"
        self.note = self.head

    def solve(self, query: Features) -> Features:
        """See `Metric.solve`."""
        parts = [(query.take(slice(at, at + COLUMNS)),) for at in range(0, len(query), COLUMNS)]
        found = list(each(self._solve, parts, threads=True))
        worst, steps = max(part[1] for part in found), max(part[2] for part in found)
        self.note = f"{self.head}; residual at most {worst:.1g} after {steps} steps"
        if worst > 2 * self.tolerance:
            self.note += f", above the tolerance of {self.tolerance:g}"
        return full(np.concatenate([part[0] for part in found]), query.widths)

    def _times(self, vectors: Floats) -> Floats:
        return self.operator.apply(vectors) + self.kind.type(self.shift) * vectors

    def _solve(self, query: Features) -> tuple[Floats, float, int]:
        """Solutions, the largest relative residual, and the steps taken."""
        right: Any = query.dense().astype(self.kind)
        found: Any = np.zeros_like(right)
        lengths = np.linalg.norm(right, axis=1)
        live: Any = np.flatnonzero(lengths > 0)
        x, rest, way = found[live], right[live], found[live]
        slope: Any = np.ones(len(live))
        left, steps = np.zeros(len(right)), -1
        while len(live):
            steps += 1
            left[live] = np.linalg.norm(rest, axis=1) / lengths[live]
            open_ = left[live] > self.tolerance
            found[live] = x
            live, x, rest, way, slope = (part[open_] for part in (live, x, rest, way, slope))
            if not len(live) or steps == MOST_STEPS:
                break
            near: Any = self.inner(full(rest, query.widths)).astype(self.kind, copy=False)
            fresh = _dots(rest, near)
            way = near + (fresh / slope).astype(self.kind)[:, None] * way
            pushed: Any = self._times(way)
            bend = _dots(way, pushed)
            self._check(bend)
            step = (fresh / bend).astype(self.kind)[:, None]
            x, rest, slope = x + step * way, rest - step * pushed, fresh
        if steps > DRIFT:
            left = np.linalg.norm(right - self._times(found), axis=1) / np.where(lengths > 0, lengths, 1)
        return found, float(np.max(left, initial=0.0)), max(steps, 0)

    def _check(self, bend: Floats) -> None:
        if (bend > 0).all():
            return
        if self.curvature == "hessian":
            raise AssayError(
                "The Hessian has directions of negative curvature, so that it has no inverse to descend by; "
                'raise `damping`, or take curvature="gauss_newton".'
            )
        raise AssayError(
            "The curvature has no inverse: parameters are not determined by the rows; raise `damping`."
        )


def _inner(of: Operator, gradients: Gradients, data: Any, damping: float) -> Callable[[Features], Floats]:
    """What comes near the inverse: a factor in single precision where there is a matrix, else EK-FAC."""
    if of.matrix is not None:
        factor = of.matrix.astype(np.float32)
        factor.flat[:: of.p + 1] += np.float32(of.n * damping + ROUNDING * of.mean)
        try:
            half = cho_factor(factor, lower=True, overwrite_a=True, check_finite=False)
            return lambda rest: cho_solve(half, rest.dense().T.astype(np.float32), check_finite=False).T
        except LinAlgError:  # to single precision; CG itself will see whether there is an inverse
            pass
    inner = Kronecker(gradients, data, damping if damping + of.floor > 0 else None)
    return lambda rest: inner.solve(rest).dense()


def _dots(left: Any, right: Any) -> Floats:
    return np.einsum("qp,qp->q", left, right, dtype=float)
