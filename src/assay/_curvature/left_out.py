"""Leave-one-out steps of linear models: what one Newton step without a row changes."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_solve

from .._errors import AssayError
from .._gradients.features import Features
from .._gradients.layers import Outer
from .._gradients.linear import LinearGradients
from .._parallel import each
from .._problem import Data
from .._types import Floats
from .exact import Exact


def left_out(gradients: LinearGradients, data: Data, metric: Exact) -> Features:
    """Features f_i of the training rows such that H⁻¹ f_i is the Newton step that leaves row i out.

    The curvature without row i is H - J_iᵀ Λ_i J_i, J_i its outputs by the parameters and Λ_i the curvature
    of its loss by its outputs; by Woodbury f_i = J_iᵀ (1 - Λ_i J_i H⁻¹ J_iᵀ)⁻¹ b_i. Exact for squared error;
    for log loss the approximate leave-one-out of Beirami et al. (2017).

    Raises
    ------
    AssayError
        If the model without some row is not determined.
    """
    layer = gradients.rows(data).layers[0]
    assert isinstance(layer, Outer)
    weights = gradients.weights(data)
    bends = gradients.bends(data) * weights[:, None, None]
    leverage = _leverages(layer.a[:, 0], gradients.outputs, metric)
    inner = np.eye(gradients.outputs) - bends @ leverage
    if (np.abs(np.linalg.det(inner)) < 1e-10).any():
        row = int(np.argmin(np.abs(np.linalg.det(inner))))
        raise AssayError(
            f"The model without the row at position {row} is not determined by the others; shrink it by "
            'a ridge, or take solver="exact".'
        )
    b = np.linalg.solve(inner, weights[:, None, None] * layer.b[:, 0, :, None])
    return Features([Outer(layer.a, b.transpose(0, 2, 1))])


def _leverages(X: Floats, outputs: int, metric: Exact) -> Floats:
    """J_i H⁻¹ J_iᵀ of each row, (n, outputs, outputs)."""
    width = X.shape[1]
    inverse = cho_solve(metric.factor, np.eye(outputs * width), check_finite=False)
    inverse = inverse.reshape(outputs, width, outputs, width)
    found = np.empty((len(X), outputs, outputs))

    def fill(first: int, second: int) -> None:
        found[:, first, second] = np.einsum("ia,ia->i", X @ inverse[first, :, second], X)
        found[:, second, first] = found[:, first, second]

    pairs = zip(*np.triu_indices(outputs), strict=True)
    for _ in each(fill, ((int(c), int(d)) for c, d in pairs), threads=True):
        pass
    return found
