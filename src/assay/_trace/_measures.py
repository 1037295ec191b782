"""What is kept of a row, from what the model says of it and its label; by numpy or by torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = ("losses", "margins", "probabilities", "errors")
WIDE = 64  # classes from which on rows are read as they lie


def of_logits(xp: Any, logits: Any, codes: Any) -> Any:
    """The four `KINDS`, (4, b), of logits (b, c), c >= 2, and labels as codes (b,)."""
    rows = xp.arange(len(codes))
    if logits.shape[1] > WIDE:
        others = logits - logits[rows, codes][:, None]
        others[rows, codes] = -np.inf
        return _of_others(xp, others, axis=1)
    turned = np.ascontiguousarray(logits.T) if xp is np else logits.T.contiguous()  # short sums are slow
    others = turned - turned[codes, rows]
    others[codes, rows] = -np.inf
    return _of_others(xp, others, axis=0)


def of_one_logit(xp: Any, logits: Any, codes: Any) -> Any:
    """The same of the logit of class 1, (b,), as if that of class 0 were 0."""
    return _of_others(xp, xp.where(codes > 0, -logits, logits)[None], axis=0)


def of_numbers(outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
    """The squared error and its root, (4, b), of outputs and targets (b, k); what needs classes is nan."""
    squares = ((outputs - targets) ** 2).sum(axis=1)
    unknown = np.full(len(squares), np.nan)
    return np.stack([squares, unknown, unknown, np.sqrt(squares)])


def _of_others(xp: Any, others: Any, *, axis: int) -> Any:
    """From the other logits minus the label's, classes along the axis; they are overwritten.

    One exponential, and no difference of numbers near 1.
    """
    top = xp.amax(others, axis=axis)
    shift = xp.clip(top, 0, None)
    others -= shift[:, None] if axis else shift
    parts = xp.exp(others, out=others)
    rest, own = parts.sum(axis=axis), xp.exp(-shift)
    total = rest + own
    losses = xp.where(top > 0, shift + xp.log(total), xp.log1p(rest))
    parts *= parts
    errors = xp.sqrt(parts.sum(axis=axis) + rest * rest) / total
    return xp.stack([losses, 0.0 - top, own / total, errors])
