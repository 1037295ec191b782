"""The losses whose leaves are Newton steps: log loss of two or more classes, and half the squared error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .._types import Floats

Kind = Literal["binary", "classes", "squared"]


@dataclass(frozen=True)
class Loss:
    """A loss of scores F (n, outputs) and targets; with m the mean that F stands for, its gradient is m - y.

    Parameters
    ----------
    kind : "binary" | "classes" | "squared"
        Log loss in nats of one score, or of one score a class; or (F - y)**2 / 2 of each output.
    factor : float
        What the library multiplies second derivatives by.
    """

    kind: Kind
    factor: float = 1.0

    def mean(self, scores: Floats) -> Floats:
        """The mean that scores stand for: probabilities, or the scores themselves."""
        if self.kind == "squared":
            return scores
        if self.kind == "binary":
            return 1 / (1 + np.exp(-np.clip(scores, -700, 700)))
        odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return odds / odds.sum(axis=-1, keepdims=True)

    def hessian(self, mean: Floats) -> Floats:
        """Second derivatives by each score, as the library takes them."""
        return np.ones_like(mean) if self.kind == "squared" else self.factor * mean * (1 - mean)

    def third(self, mean: Floats) -> Floats:
        """Derivatives of `hessian` by the same score."""
        if self.kind == "squared":
            return np.zeros_like(mean)
        return self.factor * mean * (1 - mean) * (1 - 2 * mean)

    def value(self, scores: Floats, targets: Floats) -> Floats:
        """The loss of each row, (...,) for scores (..., outputs)."""
        if self.kind == "squared":
            return ((scores - targets) ** 2).sum(axis=-1) / 2
        if self.kind == "binary":
            return (np.logaddexp(0, scores) - targets * scores)[..., 0]
        top = scores.max(axis=-1)
        return top + np.log(np.exp(scores - top[..., None]).sum(axis=-1)) - (scores * targets).sum(axis=-1)
