"""Class weights as scikit-learn reads them, for coalitions that may lack some classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._types import Floats


@dataclass(frozen=True, eq=False)
class ClassWeights:
    """What a row of each class weighs.

    Parameters
    ----------
    fixed : array of shape (c,)
        The weight of each class; ones if `balanced`.
    listed : array of shape (c,)
        Which classes the user's dictionary names; all where there is none.
    named : int
        How many classes that dictionary names, c where there is none.
    balanced : bool
        Whether a weight is rows / (classes seen x rows of the class), as `"balanced"` asks.
    """

    fixed: Floats
    listed: NDArray[np.bool_]
    named: int
    balanced: bool

    @classmethod
    def read(cls, given: Any, classes: NDArray[Any]) -> ClassWeights | None:
        """Read `class_weight`, or None where it is not one that leaves every class a positive weight."""
        c = len(classes)
        if isinstance(given, Mapping) and given:
            keys = [_key(label) for label in classes]
            listed = np.array([key in given for key in keys])
            fixed = np.array([float(given.get(key, 1.0)) for key in keys])
            return cls(fixed, listed, len(given), False) if (fixed > 0).all() else None
        if given is None or isinstance(given, Mapping) or given == "balanced":
            return cls(np.ones(c), np.ones(c, bool), c, given == "balanced")
        return None

    def of(self, counts: NDArray[np.intp]) -> Floats:
        """Weights (c,) in a coalition with so many rows of each class (c,)."""
        if not self.balanced:
            return self.fixed
        return counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))

    def refuses(self, counts: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which coalitions, by their rows of each class (k, c), lack a key that the dictionary has.

        scikit-learn takes a class without a weight for a mistake only where the dictionary also names
        a class that is not there.
        """
        seen = counts > 0
        return (seen & ~self.listed).any(axis=1) & ((seen & self.listed).sum(axis=1) != self.named)


def _key(label: Any) -> Any:
    try:
        return int(label)
    except ValueError:
        return str(label)
