"""What a method that trains by itself starts from: a network of the problem's shape, with fresh weights."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._errors import AssayError
from ..._gradients.linear import LinearGradients
from ..._gradients.source import gradients_of
from ..._gradients.torch_gradients import TorchGradients, require_torch
from ..._problem import Problem
from ..._training import Training
from ..._types import Positions


@dataclass(frozen=True, eq=False)
class Start:
    """A shape, and the loss that it is trained for.

    Parameters
    ----------
    shape : torch.nn.Module
        Of a linear model, one `Linear` of the same outputs, in float64.
    loss : as of `TorchGradients`
    classes : array, optional
    problem : Problem
        Its rows as the network sees them.
    """

    shape: Any
    loss: Any
    classes: Any
    problem: Problem

    def fresh(self, rng: np.random.Generator) -> Any:
        """A copy in training mode: 0 if it is linear, else drawn as the modules' `reset_parameters` does.

        What is frozen, or has no such method, stays as it is; adapters of peft begin as they do there, where
        they change nothing.
        """
        import torch

        module = deepcopy(self.shape).train()
        if isinstance(module, torch.nn.Linear):
            for parameter in module.parameters():
                torch.nn.init.zeros_(parameter)
            return module
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            for child in module.modules():
                reset: Any = getattr(child, "reset_parameters", None)
                if callable(reset) and any(p.requires_grad for p in child.parameters(recurse=False)):
                    reset()
            for child in module.modules():
                reset = getattr(child, "reset_lora_parameters", None)
                if callable(reset) and any(p.requires_grad for p in child.parameters()):
                    for adapter in child.active_adapters:
                        reset(adapter, True)
        return module


def start_of(problem: Problem, name: str) -> Start:
    """Where training starts for this problem's model.

    Parameters
    ----------
    problem : Problem
        With a torch module, `TorchGradients`, or a linear estimator.
    name : str
        Who asks, for the error.

    Raises
    ------
    AssayError
        If torch is missing, or the model is of another kind.
    """
    require_torch(name)
    import torch

    gradients, problem = gradients_of(problem, name)
    if isinstance(gradients, TorchGradients):
        gradients.check(problem.train)
        return Start(gradients.module, gradients.loss, gradients.classes, problem)
    if not isinstance(gradients, LinearGradients):
        raise AssayError(f"{name} trains the model itself; pass a torch module or a linear estimator.")
    if gradients.loss == "squared" and gradients.classes is not None:
        raise AssayError(f"{name} trains classes by log loss; pass LogisticRegression or a torch module.")
    if gradients.class_weights is not None:
        raise AssayError(f"{name} trains on rows that weigh alike; pass the model with class_weight=None.")
    width = gradients.coefficients.shape[1] - 1
    linear = torch.nn.Linear(width, gradients.outputs, bias=gradients.intercept, dtype=torch.float64)
    loss = {"squared": "squared", "logistic": "binary", "softmax": "cross_entropy"}[gradients.loss]
    return Start(linear, loss, gradients.classes, problem)


def steps(training: Training, n: int, rng: np.random.Generator) -> Iterator[Positions]:
    """The rows of each minibatch, epoch after epoch."""
    for _ in range(training.epochs):
        order = rng.permutation(n)
        yield from (order[at : at + training.batch] for at in range(0, n, training.batch))
