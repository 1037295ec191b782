"""Measure: distances of blocks to judges, by metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._errors import AssayError
from .._types import Floats
from ..methods.neighbors._space import Metric, _of_length_one


@dataclass(frozen=True)
class Measure:
    """Judges, ready to be far from rows.

    Parameters
    ----------
    metric : Metric
    points : array of shape (m, d)
        Of length 1 for cosine.
    """

    metric: Metric
    points: Floats

    @classmethod
    def of(cls, metric: Metric, points: Floats) -> Measure:
        """Make the judges ready."""
        return cls(metric, _of_length_one(points) if metric == "cosine" else points)

    def rows(self, columns: NDArray[Any]) -> NDArray[Any]:
        """A block (d, b) as `distances` takes it.

        Raises
        ------
        AssayError
            If an encoder made more or fewer features of it than the judges have.
        """
        if len(columns) != self.points.shape[1]:
            raise AssayError(
                f"Stream.valid has {self.points.shape[1]} features, but rows have {len(columns)}; encode "
                "both alike."
            )
        if self.metric != "cosine":
            return columns
        return np.ascontiguousarray(_of_length_one(np.ascontiguousarray(columns.T)).T)

    def distances(self, columns: NDArray[Any], start: int, stop: int) -> Floats:
        """Of the judges `start:stop` to a block that is ready: (judges, b), to the same bits in any block."""
        from ..methods.neighbors._distances import manhattan
        from ._kernel import products, squared

        kernel = {"euclidean": squared, "cosine": products, "manhattan": manhattan}[self.metric]
        out = np.empty((stop - start, columns.shape[1]))
        kernel(columns, self.points[start:stop], out)
        return out
