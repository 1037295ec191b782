"""A training by SGD, step by step, and its derivative by the weights of its rows, backwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any, Protocol

import numpy as np

from ..._training import Training
from ..._types import Floats, Positions

Vectors = list[Any]  # one array or tensor a layer


class Engine(Protocol):
    """A network with its rows."""

    @property
    def judges(self) -> int:
        """How many validation rows there are."""
        ...

    def slope(self, theta: Vectors, rows: Positions, weights: Floats) -> Vectors:
        """The gradient of the losses of training rows, summed by weights."""
        ...

    def judged(self, theta: Vectors, part: slice) -> Vectors:
        """The gradients of validation rows, with an axis of rows in front."""
        ...

    def bend(self, theta: Vectors, rows: Positions, vectors: Vectors) -> tuple[Floats, Vectors]:
        """Products (q, b) of vectors with each row's gradient, and with the Hessian of the summed loss."""
        ...


@dataclass(frozen=True, eq=False)
class State:
    """Parameters, and the velocity that momentum keeps."""

    theta: Vectors
    velocity: Vectors


class Unrolled:
    """A training that was run once, with some of its states kept: every sqrt(T)th of T.

    Parameters
    ----------
    engine : Engine
    training : Training
        By "sgd".
    theta : list of arrays
        Where it starts.
    batches : sequence of arrays
        The rows of each step.
    weights : array of shape (n,)
        How much each row counts in the loss of its batch, which is divided by the number of its rows.
    """

    def __init__(
        self,
        engine: Engine,
        training: Training,
        theta: Vectors,
        batches: Sequence[Positions],
        weights: Floats,
    ) -> None:
        self._engine, self._how, self._batches, self._weights = engine, training, batches, weights
        self._stride = max(isqrt(len(batches)), 1)
        self._kept: list[State] = []
        state = State(theta, [0 * part for part in theta])
        for t, rows in enumerate(batches):
            if t % self._stride == 0:
                self._kept.append(state)
            state = self._after(state, rows)
        self.last = state

    def _after(self, state: State, rows: Positions) -> State:
        how = self._how
        slope = self._engine.slope(state.theta, rows, self._weights[rows] / len(rows))
        velocity = [
            how.momentum * v + g + how.weight_decay * p
            for v, g, p in zip(state.velocity, slope, state.theta, strict=True)
        ]
        return State([p - how.rate * v for p, v in zip(state.theta, velocity, strict=True)], velocity)

    def by_weights(self, targets: Vectors) -> Floats:
        """The derivative of targets by the weight of each row at the weights 1, (n, q).

        Parameters
        ----------
        targets : list of arrays
            Their gradients (q, ...) by the last parameters.
        """
        how, engine = self._how, self._engine
        found = np.zeros((len(self._weights), len(targets[0])))
        ahead, swing = targets, [0 * part for part in targets]  # by the parameters, and by the velocity
        for k in range(len(self._kept) - 1, -1, -1):
            batches = self._batches[k * self._stride : (k + 1) * self._stride]
            states = [self._kept[k]]
            for rows in batches[:-1]:
                states.append(self._after(states[-1], rows))
            for state, rows in zip(states[::-1], batches[::-1], strict=True):
                swing = [s - how.rate * a for s, a in zip(swing, ahead, strict=True)]
                products, bent = engine.bend(state.theta, rows, swing)
                found[rows] += products.T / len(rows)
                ahead = [
                    a + how.weight_decay * s + h / len(rows)
                    for a, s, h in zip(ahead, swing, bent, strict=True)
                ]
                swing = [how.momentum * s for s in swing]
        return found
