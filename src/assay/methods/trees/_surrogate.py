"""A linear model with a ridge on sparse features, by Newton's method with conjugate gradients."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, cg

from ..._errors import AssayError
from ..._leaves.loss import Loss
from ..._types import Floats

STEPS = 100
CLOSE = 1e-10  # of the first gradient: where to stop


def weights_of(features: csr_array, targets: Floats, loss: Loss, ridge: float) -> Floats:
    """What each row weighs (n, outputs), such that the model is `features.T @ weights`.

    The model W minimises the mean loss of `features @ W` plus ridge |W|**2; where it does, row i weighs
    -(mean_i - target_i) / (2 ridge n).

    Raises
    ------
    AssayError
        If 100 steps do not get there.
    """
    n, back = len(targets), features.T.tocsr()
    W = np.zeros((len(back.indptr) - 1, targets.shape[1]))
    first = None
    for _ in range(STEPS):
        scores = features @ W
        mean = loss.mean(scores)
        slope = back @ (mean - targets) / n + 2 * ridge * W
        size = np.abs(slope).max()
        first = size if first is None else first
        if size <= CLOSE * first:
            return (targets - mean) / (2 * ridge * n)
        step = _newton(features, back, loss, mean, slope, ridge, size / first)
        W = W + _length(features, targets, loss, ridge, W, step, float((slope * step).sum())) * step
    raise AssayError(f"TREX: its linear model did not converge in {STEPS} steps; raise TREX.ridge.")


def _newton(
    features: csr_array, back: csr_array, loss: Loss, mean: Floats, slope: Floats, ridge: float, left: float
) -> Floats:
    """The step to where the gradient would be 0, as nearly as pays."""
    n, shape = len(mean), slope.shape

    def curve(flat: Floats) -> Floats:
        V = flat.reshape(shape)
        moved = features @ V
        if loss.kind == "binary":
            moved = mean * (1 - mean) * moved
        elif loss.kind == "classes":
            moved = mean * (moved - (mean * moved).sum(axis=1, keepdims=True))
        return (back @ moved / n + 2 * ridge * V).ravel()

    operator = LinearOperator((slope.size, slope.size), matvec=curve, dtype=float)  # pyright: ignore[reportCallIssue]
    found, _ = cg(operator, -slope.ravel(), rtol=min(0.1, left), maxiter=500)
    return found.reshape(shape)


def _length(
    features: csr_array, targets: Floats, loss: Loss, ridge: float, W: Floats, step: Floats, fall: float
) -> float:
    """How much of a step to take so that the objective falls: all of it, or a half, a quarter, ..."""

    def objective(W: Floats) -> float:
        return float(loss.value(features @ W, targets).mean() + ridge * (W**2).sum())

    now, length = objective(W), 1.0
    while length > 1e-6 and objective(W + length * step) > now + 1e-4 * length * fall + 1e-12 * abs(now):
        length /= 2
    return length
