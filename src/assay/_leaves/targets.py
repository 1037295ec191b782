"""Labels as what scores are held against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .._types import Floats, Labels
from .loss import Loss


def names_of(name: str, loss: Loss, outputs: int, classes: Labels | None, y: Labels) -> Labels | None:
    """The classes in the order of the outputs; None where labels are numbers.

    Raises
    ------
    AssayError
        If the labels `y` of the training rows are not those of the model called `name`.
    """
    if loss.kind == "squared" and classes is None:
        if y.dtype.kind == "U":
            raise AssayError(f"{name} predicts numbers, but the labels are text; pass a classifier.")
        return None
    count = 2 if loss.kind == "binary" else outputs
    if classes is not None and len(classes) == count and np.isin(y, classes).all():
        return classes
    if y.dtype.kind in "iuf" and np.isin(y, np.arange(count)).all():
        return np.arange(count)
    given = np.unique(y)
    if len(given) != count:
        raise AssayError(
            f"{name} tells {count} classes apart, but the training rows have {len(given)}; "
            "pass it unfitted, or with the rows that it was fitted on."
        )
    return given


def targets_of(loss: Loss, outputs: int, names: Labels | None, y: Labels) -> tuple[Floats, NDArray[np.bool_]]:
    """Targets (n, outputs), and which rows have a class that the model knows."""
    if names is None:
        return y.astype(float)[:, None], np.ones(len(y), bool)
    codes = np.minimum(np.searchsorted(names, y), len(names) - 1)
    known = names[codes] == y
    if loss.kind == "binary":
        return (codes == 1)[:, None].astype(float), known
    return ((codes[:, None] == np.arange(outputs)) & known[:, None]).astype(float), known
