"""What stands between the features of two rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._errors import AssayError
from .._gradients.features import Features, dense_blocks
from .._gradients.layers import Layer
from .._parallel import each
from .._types import Floats

ROWS = 256  # of a block of scores: fixed, so that bits depend on nothing else


class Metric(ABC):
    """Abstract: the inverse of a damped curvature of the summed loss.

    The score of a training row for a query is the product of the row's features with the query's, solved.
    """

    note: str  # damping, residual, error: what the numbers rest on

    @abstractmethod
    def solve(self, query: Features) -> Features:
        """The inverse curvature times each row."""

    def against(self, query: Features) -> Callable[[Features], Floats]:
        """What gives the scores (n, m) of some of the training rows for these queries.

        Not of other rows: directions in which no training row has anything may be left out.
        """
        solved = self.solve(query)
        return lambda train: train.gram(solved)

    def squares(self, rows: Features) -> Floats:
        """The score of each row for itself, (n,), in blocks."""
        parts = [rows.take(part) for part in dense_blocks(rows)]
        return np.concatenate([part.rowdot(self.solve(part)) for part in parts])

    def sizes(self, rows: Features) -> Floats:
        """The length of each row's vector, solved, (n,), in blocks."""
        return np.concatenate([self.solve(rows.take(part)).norms() for part in dense_blocks(rows)])


def over_layers(works: Sequence[Callable[[Layer], Floats]]) -> Callable[[Features], Floats]:
    """What sums each layer's scores of training rows, by threads over blocks of rows."""

    def of(train: Features) -> Floats:
        parts = [work(layer) for work, layer in zip(works, train.layers, strict=True)]
        return np.sum(parts, axis=0, dtype=float)

    def scores(train: Features) -> Floats:
        parts = ((train.take(slice(at, at + ROWS)),) for at in range(0, len(train), ROWS))
        return np.concatenate(list(each(of, parts, threads=True)))

    return scores


def check_finite(*sums: Any) -> None:
    """Refuse sums over rows that are not finite.

    Raises
    ------
    AssayError
        If one of them holds nan or an infinity.
    """
    if not all(np.isfinite(part).all() for part in sums):
        raise AssayError(
            "Gradients of some training rows are not finite, as where a loss is nan; train the model anew, "
            "or leave these rows out."
        )
