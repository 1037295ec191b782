"""The default ensemble: trees of a random forest on binned features, grown by compiled code."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._parallel import each
from ..._types import Floats
from ._target import Target


class Trees:
    """Bags of one tree each; `X` (n, d) is dense."""

    def __init__(self, X: NDArray[Any], target: Target) -> None:
        from ._grow_kernel import middles_of

        self._columns = binned(X)
        self._middles = middles_of(X, self._columns)
        self._target = target
        self._codes = np.zeros(len(X), np.int32) if target.numbers else target.codes.astype(np.int32)
        self._tries = max(1, isqrt(X.shape[1]))

    def outcomes(self, rng: np.random.Generator) -> Iterator[Floats]:
        """Yield the outcomes (n,) of bag after bag, by threads."""
        return each(self._outcome, ((rng.integers(2**64, dtype=np.uint64),) for _ in count()), threads=True)

    def _outcome(self, seed: np.uint64) -> Floats:
        from ._grow_kernel import answers_out_of_bag
        from ._score_kernel import judge

        target, outcome = self._target, np.empty(len(self._codes))
        classes = 0 if target.classes is None else len(target.classes)
        bins = self._columns, self._middles
        answers_out_of_bag(*bins, target.codes, self._codes, classes, self._tries, seed, outcome)
        judge(outcome, target.codes, target.numbers)
        return outcome


def binned(X: NDArray[Any], bins: int = 256) -> NDArray[np.uint8]:
    """Columns (d, n) of bins: the values themselves, in order, where there are few, else quantiles."""
    columns = np.empty(X.shape[::-1], np.uint8)
    for column, values in zip(columns, X.T, strict=True):
        ordered = np.sort(values)
        edges = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])][1:]
        if len(edges) >= bins:
            edges = np.unique(ordered[np.arange(1, bins) * len(ordered) // bins])
        column[:] = np.searchsorted(edges, values, side="right")
    return columns
