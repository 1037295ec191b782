"""Networks of a problem, trained on its subsets, and what they say of its validation rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import logsumexp

from .._errors import AssayError
from .._outputs import Output
from .._problem import Problem
from .._training import Training
from .._types import Coalitions, Floats
from ._network import Layer, Networks, layers_of
from ._train import train


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Trains the networks of some subsets, by number; `drawn` tells which rows those have."""

    problem: Problem
    kind: Output
    training: Training
    seed: int
    drawn: Callable[[range], Coalitions]
    layers: list[Layer] = field(init=False)
    _arrays: tuple[Any, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        import torch

        p = self.problem
        width = 1 if p.classes is None else len(p.classes)
        object.__setattr__(self, "layers", layers_of(p.model, p.train.X.shape[1], width))
        X = torch.from_numpy(p.train.dense.astype(np.float32))
        y = self._codes(p.train.y)
        object.__setattr__(self, "_arrays", (X, torch.from_numpy(y)))

    def __call__(self, numbers: range) -> Floats:
        """Outputs (s, inits, m) of the subsets of these numbers."""
        import torch

        torch.set_num_threads(1)  # a setting of each thread: this may be a new one
        inits = self.training.inits
        networks = self.networks(numbers)
        assert self.problem.valid is not None
        rows = torch.from_numpy(self.problem.valid.dense.astype(np.float32))
        with torch.no_grad():
            answers = networks.forward(rows.expand(len(numbers) * inits, *rows.shape)).numpy().astype(float)
        outputs = self._judged(answers)
        if not np.isfinite(outputs).all():
            raise AssayError(
                "SubsetModels: training a network ended in numbers that are not finite; take a smaller "
                "Training.rate, or scale the features."
            )
        return outputs.reshape(len(numbers), inits, -1)

    def networks(self, numbers: range) -> Networks:
        """The trained networks, `inits` of the first subset first."""
        members = [(number, init) for number in numbers for init in range(self.training.inits)]
        rows = [np.flatnonzero(line) for line in np.repeat(self.drawn(numbers), self.training.inits, axis=0)]
        return train(self.layers, self.training, *self._arrays, rows, [self.rng(*one) for one in members])

    def rng(self, number: int, init: int) -> np.random.Generator:
        """The chance of one network: its first weights, then its minibatches."""
        return np.random.default_rng([self.seed, number, init + 1])

    def _codes(self, labels: Any) -> Any:
        classes = self.problem.classes
        return np.asarray(labels, np.float32) if classes is None else np.searchsorted(classes, labels)

    def _judged(self, answers: Floats) -> Floats:
        """Outputs (g, m) of answers (g, m, c)."""
        assert self.problem.valid is not None
        y = self._codes(self.problem.valid.y)
        if self.kind == "squared_error":
            return -((answers[..., 0] - np.asarray(self.problem.valid.y, float)) ** 2)
        place = np.broadcast_to(y[None, :, None], (*answers.shape[:2], 1))
        right = np.take_along_axis(answers, place, axis=2)[..., 0]
        if self.kind == "margin":
            np.put_along_axis(answers, place, -np.inf, axis=2)
        return right - logsumexp(answers, axis=2)
