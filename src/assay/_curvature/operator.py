"""The curvature of the summed loss as what vectors are multiplied by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._gradients.features import Features
from .._gradients.gauss_newton import summed
from .._gradients.gradients import Curvature, Gradients
from .._gradients.layers import Outer
from .._types import Floats, Positions
from .metric import check_finite
from .rotated import SHARE

FEW = 8_000  # parameters up to which the matrix itself is made
BLOCK = 2**22  # bytes of what the layers give out for the vectors, at a time: what a cache holds


@dataclass(frozen=True, eq=False)
class Operator:
    """Products with the curvature of n rows, with its penalty and without damping.

    Parameters
    ----------
    n, p : int
        Rows and parameters.
    apply : callable
        Vectors (q, p) to vectors (q, p).
    floor : float
        What the penalty adds to the curvature in every direction, at least.
    mean : float
        Of the eigenvalues that are due to the rows.
    matrix : array of shape (p, p), optional
        Itself, where it was made.
    """

    n: int
    p: int
    apply: Callable[[Floats], Floats]
    floor: float
    mean: float
    matrix: Floats | None = None


def operator(
    gradients: Gradients,
    data: Any,
    curvature: Curvature = "gauss_newton",
    kind: Any = float,
    products: int | None = None,
) -> Operator:
    """The curvature of all rows: a matrix where it is small, else products through the layers' factors.

    Parameters
    ----------
    gradients : Gradients
    data : Data
    curvature : "gauss_newton" | "hessian"
        The Hessian of a net by products through the net.
    kind : dtype
        What is multiplied.
    products : int, optional
        How many vectors will be: the matrix is made where that saves multiplications; wherever it fits, if
        not given.
    """
    penalty, p = gradients.penalty, sum(gradients.widths)
    least = float(penalty.min())
    if curvature == "hessian" and not gradients.linear:
        mean = mean_curvature(gradients, data)
        return Operator(
            len(data), p, lambda v: gradients.product(data, v, curvature) + penalty * v, least, mean
        )
    n = len(data)
    # to make it n p², and 2 p² a vector; else 4 n p a vector
    if p <= FEW and (products is None or n * p <= products * (4 * n - 2 * p)):
        matrix = summed(gradients, data)
        mean = float((np.trace(matrix) - penalty.sum()) / p)
        matrix = matrix.astype(kind, copy=False)
        return Operator(len(data), p, lambda vectors: vectors @ matrix, least, mean, matrix)
    roots = Roots(gradients, data, kind)
    shrunk = penalty.astype(kind)
    return Operator(len(data), p, lambda v: roots.apply(v) + shrunk * v, least, roots.mean)


def mean_curvature(gradients: Gradients, data: Any) -> float:
    """The mean eigenvalue of the Gauss-Newton matrix of the summed loss, without the penalty."""
    weights, p = gradients.weights(data), sum(gradients.widths)
    return float(sum((weights * root.rowdot(root)).sum() for root in gradients.roots(data))) / p


def damping_of(damping: float | None, gradients: Gradients, n: int, mean: float) -> float:
    """The damping of the mean loss, where none is given a tenth of the mean eigenvalue of its curvature.

    None for linear models, whose optimum is one.
    """
    check_finite(mean)
    if damping is not None:
        return damping
    return 0.0 if gradients.linear else SHARE * mean / n or 1.0  # without gradients all scores are 0


class Roots:
    """Products with the Gauss-Newton matrix, C functions of each row at a time: exact, no vector of a row."""

    def __init__(self, gradients: Gradients, data: Any, kind: Any = float) -> None:
        half = np.sqrt(gradients.weights(data))
        roots = [root.scaled(half) for root in gradients.roots(data)]
        self.widths, self.n, self.kind = gradients.widths, len(data), kind
        self.layers: list[tuple[Any, Any]] = [_stacked(roots, k, kind) for k in range(len(self.widths))]
        self.mean = float(sum(root.rowdot(root).sum() for root in roots)) / sum(self.widths)

    def apply(self, vectors: Floats, rows: Positions | None = None) -> Floats:
        """The matrix of all rows, or of these, times each vector (q, p)."""
        ends = np.cumsum(self.widths)[:-1]
        parts = np.split(vectors.astype(self.kind, copy=False), ends, axis=1)
        out = [np.zeros(part.shape, self.kind) for part in parts]
        chosen = np.arange(self.n) if rows is None else rows
        # a row's outputs for all vectors, at the widest layer
        widest = max(b.shape[1] * b.shape[3] if a is not None else 1 for a, b in self.layers)
        step = max(1, BLOCK // (len(vectors) * widest * np.dtype(self.kind).itemsize))
        for at in range(0, len(chosen), step):
            some = slice(at, at + step) if rows is None else chosen[at : at + step]
            forward: Any = 0.0
            for (a, b), part in zip(self.layers, parts, strict=True):
                forward = forward + _forward(a, b, some, part)
            for (a, b), total in zip(self.layers, out, strict=True):
                _backward(a, b, some, forward, total)
        return np.concatenate(out, axis=1)


def _stacked(roots: list[Features], k: int, kind: Any) -> tuple[Any, Any]:
    """What came in (n, T, A) and gradients (n, T, C, B); or None and vectors (n, C, p)."""
    layers = [root.layers[k] for root in roots]
    if isinstance(layers[0], Outer):
        b = np.stack([layer.b for layer in layers if isinstance(layer, Outer)], axis=2)
        return layers[0].a.astype(kind, copy=False), b.astype(kind, copy=False)
    return None, np.stack([layer.dense() for layer in layers], axis=1).astype(kind, copy=False)


def _forward(a: Any, b: Any, rows: Any, part: Floats) -> Floats:
    """Products of the rows' C gradients with each vector, (rows, C, q)."""
    b = b[rows]
    if a is None:
        return b @ part.T
    a = a[rows]
    total: Any = np.zeros((len(b), b.shape[2], len(part)), part.dtype)
    matrix = part.reshape(len(part) * b.shape[3], a.shape[2]).T
    for token in range(a.shape[1]):
        given = (a[:, token] @ matrix).reshape(len(a), len(part), -1)
        total += np.matmul(b[:, token], given.transpose(0, 2, 1))
    return total


def _backward(a: Any, b: Any, rows: Any, forward: Floats, total: Any) -> None:
    """Add the sum over rows and C of gradients times the products."""
    b = b[rows]
    if a is None:
        total += np.tensordot(forward, b, axes=((0, 1), (0, 1)))
        return
    a = a[rows]
    for token in range(a.shape[1]):
        slopes = np.matmul(forward.transpose(0, 2, 1), b[:, token]).reshape(len(a), -1)
        total += (slopes.T @ a[:, token]).reshape(total.shape)
