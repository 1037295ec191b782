"""K-FAC and EK-FAC: an inverse a layer, by the eigenvectors of two small matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np

from .._gradients.features import Features
from .._gradients.gradients import Gradients
from .._gradients.layers import Outer
from .._parallel import each
from .._types import Floats
from .block import Block, block
from .metric import ROWS, Metric, over_layers
from .rotated import Rotated, rotated


@final
class Kronecker(Metric):
    """The Gauss-Newton matrix as one block a layer, each the product of two second moments.

    A = E[a a'] of what comes in and S = E[b b'] of gradients by what goes out, the latter in expectation over
    the model's own answers, not sampled. Layers without such factors have their exact block, or from 2,000
    parameters its diagonal.

    Parameters
    ----------
    gradients : Gradients
    data : Data
        The n training rows.
    damping : float, optional
        Added to the curvature of the mean loss; a tenth of the layer's mean if not given.
    corrected : bool
        EK-FAC: eigenvalues from the rows' squared gradients along the eigenvectors.

    Notes
    -----
    Per layer O(n (A² + C B² + A B) + A³ + B³) multiplications; no gradient is multiplied out.
    Source: Martens and Grosse (2015), "Optimizing Neural Networks with Kronecker-factored Approximate
    Curvature"; George et al. (2018), "Fast Approximate Natural Gradient Descent in a Kronecker-factored
    Eigenbasis"; Grosse et al. (2023), "Studying Large Language Model Generalization with Influence
    Functions".
    """

    def __init__(
        self, gradients: Gradients, data: Any, damping: float | None = None, *, corrected: bool = True
    ) -> None:
        roots, weights = gradients.roots(data), gradients.weights(data)
        ends = np.cumsum(gradients.widths)[:-1]
        self.layers: list[Rotated | Block] = []
        for k, penalty in enumerate(np.split(gradients.penalty, ends)):
            outer = [layer for root in roots if isinstance(layer := root.layers[k], Outer)]
            if outer:
                self.layers.append(rotated(outer, weights, penalty, damping, corrected=corrected))
            else:
                self.layers.append(block([root.layers[k] for root in roots], weights, penalty, damping))
        name = "EK-FAC" if corrected else "K-FAC"
        added = [layer.damping for layer in self.layers]
        span = f"{added[0]:.3g}" if min(added) == max(added) else f"{min(added):.3g} .. {max(added):.3g}"
        self.note = f"{name}, damping {span}"

    def solve(self, query: Features) -> Features:
        """See `Metric.solve`."""
        return Features([mine.solve(its) for mine, its in zip(self.layers, query.layers, strict=True)])

    def against(self, query: Features) -> Callable[[Features], Floats]:
        """See `Metric.against`; terms that change scores by less than a ten thousandth are left out."""
        found = [mine.against(its) for mine, its in zip(self.layers, query.layers, strict=True)]
        works = [work for work, _ in found]
        error = max(error for _, error in found)
        self.note = f"{self.note.split('; ')[0]}; terms left out: {error:.1g} of the scores"

        return over_layers(works)

    def squares(self, rows: Features) -> Floats:
        """See `Metric.squares`; without a vector of any row."""
        return self._squares(rows, 1)

    def sizes(self, rows: Features) -> Floats:
        """See `Metric.sizes`; without a vector of any row."""
        return np.sqrt(self._squares(rows, 2))

    def _squares(self, rows: Features, power: int) -> Floats:
        def of(part: Features) -> Floats:
            each_layer = zip(self.layers, part.layers, strict=True)
            return np.sum([mine.squares(its, power) for mine, its in each_layer], axis=0, dtype=float)

        parts = ((rows.take(slice(at, at + ROWS)),) for at in range(0, len(rows), ROWS))
        return np.concatenate(list(each(of, parts, threads=True)))
