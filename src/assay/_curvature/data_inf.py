"""The mean of the rows' own inverses, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from .._gradients.features import ROWS, Features
from .._gradients.gradients import Gradients
from .._gradients.layers import Full, Layer, Outer
from .._parallel import each
from .._types import Floats
from .metric import Metric, check_finite, over_layers
from .rotated import SHARE


@final
class DataInfMetric(Metric):
    """In place of the inverse of a mean, the mean over rows of (damping + g_i g_i')^-1, a layer at a time.

    Parameters
    ----------
    gradients : Gradients
    data : Data
        The n training rows.
    damping : float, optional
        A tenth of the mean squared gradient of the layer if not given. The penalty is not looked at.

    Notes
    -----
    For Q queries and a layer of A inputs and B outputs O(n² (A + B + Q)) multiplications, or O(n Q A B) where
    these are fewer.
    """

    def __init__(self, gradients: Gradients, data: Any, damping: float | None = None) -> None:
        rows = gradients.rows(data).scaled(np.sqrt(gradients.weights(data)))
        self.layers = [_layer(layer, damping) for layer in rows.layers]
        added = [layer.damping for layer in self.layers]
        self.note = f"mean of rows' inverses, damping {min(added):.3g} .. {max(added):.3g}"

    def solve(self, query: Features) -> Features:
        """See `Metric.solve`."""
        return Features([mine.solve(its) for mine, its in zip(self.layers, query.layers, strict=True)])

    def against(self, query: Features) -> Callable[[Features], Floats]:
        """See `Metric.against`; from products of rows alone, where that is less work."""
        works = [mine.against(its) for mine, its in zip(self.layers, query.layers, strict=True)]
        return over_layers(works)


@dataclass(frozen=True, eq=False)
class _Rows:
    """A layer's gradients g of the n rows, the damping, and 1 / (damping + |g|²) of each."""

    layer: Layer
    damping: float
    gains: Floats

    def _shares(self, query: Layer) -> Floats:
        """How much of each row's gradient is taken off each query, (n, m), by threads over blocks of rows."""
        parts = [(slice(at, at + ROWS),) for at in range(0, len(self.layer), ROWS)]
        products = np.concatenate(
            list(each(lambda rows: self.layer.take(rows).gram(query), parts, threads=True))
        )
        products *= (self.gains / len(self.layer)).astype(products.dtype)[:, None]
        return products

    def solve(self, query: Layer) -> Full:
        """(v - mean of g (g'v) / (damping + |g|²)) / (n damping)."""
        shares, scale = self._shares(query), 1 / (self.damping * len(self.layer))
        taken = each(
            lambda column: self.layer.total(column).dense()[0], ((c,) for c in shares.T), threads=True
        )
        return Full((query.dense() - np.stack(list(taken))) * scale)

    def against(self, query: Layer) -> Callable[[Layer], Floats]:
        """What gives the scores of rows for these queries."""
        n, m = len(self.layer), len(query)
        cost = self.layer.width
        if isinstance(self.layer, Outer) and self.layer.a.shape[1] == 1:
            cost = self.layer.a.shape[2] + self.layer.b.shape[2]
        if n * (cost + m) > 2 * m * self.layer.width:
            solved = self.solve(query)
            return lambda train: train.gram(solved)
        shares, scale = self._shares(query), 1 / (self.damping * n)
        return lambda train: (train.gram(query) - train.gram(self.layer) @ shares) * scale


def _layer(layer: Layer, damping: float | None) -> _Rows:
    lengths = layer.rowdot(layer).astype(float)
    check_finite(lengths)
    added = SHARE * float(lengths.mean()) / layer.width if damping is None else damping
    if added == 0:
        added = 1.0  # no row has a gradient here: all scores are 0
    return _Rows(layer, added, 1 / (added + lengths))
