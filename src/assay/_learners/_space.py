"""Rows in the fewest coordinates that a linear model can tell apart."""

from __future__ import annotations

import numpy as np

from .._types import Floats

RANK = 1e-12  # singular values below this share of the largest are rounding errors


def compact(X: Floats, V: Floats, *, shift: bool, thin: bool = False) -> tuple[Floats, Floats]:
    """Training rows (n, k) and validation rows (k, m), k <= min(d, n), on which a fit is the same as on X, V.

    With `shift` (a free intercept takes it up) both are moved by the mean of X, so that sums of squares lose
    no digits. A model with more features than rows keeps its coefficients in the span of its rows (the
    representer theorem): coordinates in an orthonormal basis of that span give the same answers.

    Parameters
    ----------
    X, V : arrays of shape (n, d), (m, d)
        Training and validation rows.
    shift : bool
        Whether the model has an intercept that is not penalised.
    thin : bool
        Whether to leave out directions in which no row differs (beyond rounding), too.
    """
    centre = X.mean(axis=0) if shift else np.zeros(X.shape[1])
    rows, asked = X - centre, V - centre
    if thin or X.shape[1] > len(X):
        _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
        kept = basis[sizes > RANK * sizes.max()].T if thin else basis.T
        rows, asked = rows @ kept, asked @ kept
    return np.ascontiguousarray(rows), np.ascontiguousarray(asked.T)
