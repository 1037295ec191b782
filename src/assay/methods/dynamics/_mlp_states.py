"""The hidden states of a network of scikit-learn while it is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.neural_network._base import ACTIVATIONS

from ..._errors import AssayError
from ..._problem import Problem
from ..._trace._passes import passes
from ..._types import Floats


def has_states(model: Any) -> bool:
    """Whether it is such a network."""
    return isinstance(model, (MLPClassifier, MLPRegressor))


def states_of(name: str, problem: Problem, rng: np.random.Generator) -> Floats:
    """The last hidden layer of each row after each epoch, (epochs, n, k); `problem.model` stays as it is."""
    if problem.train.y is None or problem.train.y.ndim > 1:
        raise AssayError(f"{name} trains the model, and needs one label a row: assay.Data(X, y).")
    model: Any = clone(problem.model)
    y = problem.train.y
    if model.random_state is None:
        model.set_params(random_state=int(rng.integers(2**31)))
    X, numbers = problem.train.X, isinstance(model, MLPRegressor)
    return np.stack([_last_hidden(now, X) for now in passes(model, X, y, None, numbers=numbers)])


def _last_hidden(network: Any, X: Any) -> Floats:
    states = X
    for weights, bias in list(zip(network.coefs_, network.intercepts_, strict=True))[:-1]:
        states = states @ weights + bias
        ACTIVATIONS[network.activation](states)
    return states
