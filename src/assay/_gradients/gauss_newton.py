"""The Gauss-Newton matrix of the summed loss, as an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import AssayError
from .._parallel import each
from .._types import Floats
from .features import Features
from .gradients import Gradients
from .layers import BLOCK_BYTES, Outer

MOST_PARAMETERS = 20_000  # 3.2 GB
PARTS = 6  # of a block at least, for threads to share
IDLE = 1.0  # curvature given to directions without any, in means of the diagonal


def summed(gradients: Gradients, data: Any) -> Floats:
    """The matrix (p, p) of the loss summed over rows, with the penalty; idle directions made invertible.

    Where every layer is one outer product a row, sums over rows of S_i ⊗ a_i a_iᵀ, S_i the curvature by what
    the layers give out: C times fewer multiplications than from the C gradients of each row.

    Raises
    ------
    AssayError
        If there are more than 20,000 parameters.
    """
    p = sum(gradients.widths)
    check_size(p)
    half = np.sqrt(gradients.weights(data))
    roots = [root.scaled(half) for root in gradients.roots(data)]
    single = all(isinstance(layer, Outer) and layer.a.shape[1] == 1 for layer in roots[0].layers)
    matrix = _by_factors(roots) if single else _by_rows(roots, p)
    matrix.flat[:: p + 1] += gradients.penalty
    idle = gradients.idle
    if len(idle):
        matrix += IDLE * np.trace(matrix) / p * (idle.T @ idle)
    return matrix


def check_size(p: int) -> None:
    """Refuse a matrix that would not fit.

    Raises
    ------
    AssayError
        If there are more than 20,000 parameters.
    """
    if p > MOST_PARAMETERS:
        raise AssayError(
            f"The curvature of {p:,} parameters as a matrix would take {8 * p * p / 2**30:,.0f} GiB; take "
            'solver="ekfac" or "cg", or give fewer layers.'
        )


def _by_rows(roots: list[Features], p: int) -> Floats:
    matrix = np.zeros((p, p))
    step = max(1, 4 * BLOCK_BYTES // (8 * p))
    for root in roots:
        for start in range(0, len(root), step):
            part = root.take(slice(start, start + step)).dense().astype(float)
            matrix += part.T @ part
    return matrix


def _by_factors(roots: list[Features]) -> Floats:
    layers = range(len(roots[0].layers))
    inputs = [_outer(roots[0].layers[k]).a[:, 0].astype(float) for k in layers]
    outputs = [np.stack([_outer(r.layers[k]).b[:, 0] for r in roots], axis=1).astype(float) for k in layers]
    sizes = [(out.shape[2], into.shape[1]) for into, out in zip(inputs, outputs, strict=True)]
    ends = np.cumsum([0, *(b * a for b, a in sizes)])
    matrix = np.zeros((ends[-1], ends[-1]))
    for k in layers:
        for j in layers[k:]:
            block = matrix[ends[k] : ends[k + 1], ends[j] : ends[j + 1]].reshape(*sizes[k], *sizes[j])
            _fill(block, inputs[k], outputs[k], inputs[j], outputs[j], same=j == k)
    upper = np.triu_indices(len(layers), 1)
    for k, j in zip(*upper, strict=True):
        block = matrix[ends[k] : ends[k + 1], ends[j] : ends[j + 1]]
        matrix[ends[j] : ends[j + 1], ends[k] : ends[k + 1]] = block.T
    return matrix


def _fill(block: Floats, a: Floats, b: Floats, a2: Floats, b2: Floats, *, same: bool) -> None:
    """Sum over rows of S_i ⊗ a_i a2_iᵀ into block (B, A, B2, A2), S_i = bᵢᵀ b2_i."""
    n, width, width2 = len(a), b.shape[2], b2.shape[2]
    if same:
        first, second = np.triu_indices(width)
    else:
        first, second = (part.ravel() for part in np.indices((width, width2)))
    bends = np.matmul(b.transpose(0, 2, 1), b2)[:, first, second].T.copy()

    def fill(start: int, stop: int) -> None:
        low = start if same else 0  # a_i a_iᵀ is symmetric: the other half is copied
        products = (a[:, start:stop, None] * a2[:, None, low:]).reshape(n, -1)
        part = (bends @ products).reshape(len(first), stop - start, -1)
        block[first, start:stop, second, low:] = part
        if same:
            block[second, start:stop, first, low:] = part
            block[first, low:, second, start:stop] = part.transpose(0, 2, 1)
            block[second, low:, first, start:stop] = part.transpose(0, 2, 1)

    step = max(1, min(2 * BLOCK_BYTES // (8 * n * a2.shape[1]), -(-a.shape[1] // PARTS)))
    tasks = [(start, min(start + step, a.shape[1])) for start in range(0, a.shape[1], step)]
    for _ in each(fill, tasks, threads=True):
        pass


def _outer(layer: Any) -> Outer:
    assert isinstance(layer, Outer)
    return layer
