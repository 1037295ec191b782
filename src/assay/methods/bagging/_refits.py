"""Bags of any estimator, refitted one by one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ..._keys import unset_seeds
from ..._parallel import each, workers
from ..._types import Floats, Positions
from ._target import Target

BATCH = 16  # bags on their way to the workers at once


@dataclass(frozen=True)
class Refits:
    """What a worker needs to fit bags; `model` None is a tree of a random forest."""

    model: Any
    X: Any
    target: Target

    def outcomes(self, rng: np.random.Generator) -> Iterator[Floats]:
        """Yield the outcomes (n,) of bag after bag, by processes."""
        n, share = self.X.shape[0], math.ceil(BATCH / workers())
        while True:
            draws = [(rng.integers(n, size=n), int(rng.integers(2**31))) for _ in range(BATCH)]
            for tried in each(self, ((draws[i : i + share],) for i in range(0, BATCH, share))):
                yield from tried

    def __call__(self, draws: Sequence[tuple[Positions, int]]) -> list[Floats]:
        """Outcomes (n,) of each bag; nan for the rows in it."""
        model = self.model
        if model is None:
            kind = DecisionTreeRegressor if self.target.numbers else DecisionTreeClassifier
            model = kind(max_features="sqrt")
        seeds = unset_seeds(model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fits on bags warn by the thousand
            return [self._outcome(model, seeds, bag, seed) for bag, seed in draws]

    def _outcome(self, model: Any, seeds: list[str], bag: Positions, seed: int) -> Floats:
        y, numbers = self.target.y, self.target.numbers
        outcome = np.full(len(y), np.nan)
        out = np.ones(len(y), bool)
        out[bag] = False
        if not out.any():
            return outcome
        labels = y[bag]
        if not numbers and (labels == labels[0]).all():  # most classifiers refuse one class
            answers = np.full(out.sum(), labels[0])
        else:
            member: Any = clone(model)
            if seeds:
                member.set_params(**dict.fromkeys(seeds, seed))
            answers = member.fit(self.X[bag], labels).predict(self.X[out])
        outcome[out] = -((answers - y[out]) ** 2) if numbers else answers == y[out]
        return outcome
