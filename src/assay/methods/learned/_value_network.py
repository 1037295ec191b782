"""The data value estimator: a small network that says how likely each row should be taken."""

from __future__ import annotations

import numpy as np

from ..._types import Floats

JOINT = 10  # units where what is known of the row meets how far its label is from what the judges expect
DEPTH = 3  # hidden layers before that
DECAY = 0.9, 0.999  # of Adam
TINY = 1e-8


class ValueNetwork:
    """Logits of taking a row: its features and label through three layers, then its difference joins.

    Layers are linear with ReLU; all parameters are in one vector, so that a step is one line.

    Parameters
    ----------
    width, differences : int
        Columns of what is known of a row, and of how far its label is from what the judges expect.
    hidden : int
        Units of a hidden layer.
    rng : Generator
        Draws the first weights; all first logits are near 0.
    """

    def __init__(self, width: int, differences: int, hidden: int, rng: np.random.Generator) -> None:
        outputs = [*[hidden] * DEPTH, JOINT, JOINT, 1]
        inputs = [width, *[hidden] * DEPTH, JOINT + differences, JOINT]
        self._shapes = list(zip(inputs, outputs, strict=True))
        parts = []
        for k, (a, b) in enumerate(self._shapes):
            reach = np.sqrt(6 / a) * (0.1 if k == len(outputs) - 1 else 1)
            parts += [rng.uniform(-reach, reach, a * b), np.zeros(b)]
        self.theta = np.concatenate(parts)
        self._moments, self._steps = np.zeros((2, len(self.theta))), 0

    def logits(self, rows: Floats, differences: Floats) -> Floats:
        """Logits (b,) of rows (b, width) with their differences (b, c)."""
        return self._forward(rows, differences)[-1][:, 0]

    def slope(self, rows: Floats, differences: Floats, by_logit: Floats) -> Floats:
        """The gradient by `theta` of a number whose gradient by the logits (b,) is `by_logit`."""
        seen = self._forward(rows, differences)
        gradient = np.empty_like(self.theta)
        back = by_logit[:, None]
        layers = list(zip(self._layers(self.theta), self._layers(gradient), strict=True))
        for k in reversed(range(len(layers))):
            (weights, _), (by_weights, by_bias) = layers[k]
            by_weights[...] = seen[k].T @ back
            by_bias[...] = back.sum(axis=0)
            if k:
                back = (back @ weights.T)[:, : self._shapes[k - 1][1]]
                back = back * (seen[k][:, : back.shape[1]] > 0)
        return gradient

    def ascend(self, gradient: Floats, rate: float) -> None:
        """One step of Adam uphill."""
        self._steps += 1
        for moment, decay, now in zip(self._moments, DECAY, (gradient, gradient**2), strict=True):
            moment *= decay
            moment += (1 - decay) * now
        mean, square = (m / (1 - d**self._steps) for m, d in zip(self._moments, DECAY, strict=True))
        self.theta += rate * mean / (np.sqrt(square) + TINY)

    def _forward(self, rows: Floats, differences: Floats) -> list[Floats]:
        """What goes into each layer, and what comes out of the last."""
        seen, last = [rows], len(self._shapes) - 1
        for k, (weights, bias) in enumerate(self._layers(self.theta)):
            out = seen[-1] @ weights + bias
            if k < last:
                out = np.maximum(out, 0)
            seen.append(np.column_stack([out, differences]) if k == DEPTH else out)
        return seen

    def _layers(self, flat: Floats) -> list[tuple[Floats, Floats]]:
        """Views of weights (a, b) and bias (b,) of each layer."""
        found, at = [], 0
        for a, b in self._shapes:
            found.append((flat[at : at + a * b].reshape(a, b), flat[at + a * b : at + a * b + b]))
            at += a * b + b
        return found
