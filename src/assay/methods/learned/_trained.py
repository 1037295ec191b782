"""The network that LossVal trains, and its rows."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..._gradients.fit_linear import is_linear
from ..._gradients.source import gradients_of
from ..._gradients.torch_gradients import TorchGradients
from ..._problem import Problem, is_torch
from ._known import scaled


@dataclass(frozen=True, eq=False)
class Trained:
    """A network's shape, its loss, and the training rows as it sees them.

    Parameters
    ----------
    shape : torch.nn.Module
    loss : callable
        (outputs, targets) -> loss of each row.
    inputs, targets : tensors
    why : str
        What stands in for the model, if something does.
    """

    shape: Any
    loss: Any
    inputs: Any
    targets: Any
    why: str

    def fresh(self, rng: np.random.Generator) -> Any:
        """A copy with first weights as the modules' `reset_parameters` draws them, in training mode.

        What is frozen, or has no such method, stays as it is.
        """
        import torch

        module = deepcopy(self.shape).train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            for child in module.modules():
                reset: Any = getattr(child, "reset_parameters", None)
                if callable(reset) and any(p.requires_grad for p in child.parameters(recurse=False)):
                    reset()
        return module


def trained_of(problem: Problem, hidden: int) -> Trained:
    """The problem's own network, or a small one in its place.

    Raises
    ------
    AssayError
        If the network does not take the rows, or does not answer for their classes.
    """
    from ..._gradients._torch_loss import loss_of

    if is_torch(problem.model) or isinstance(problem.gradients, TorchGradients):
        gradients, problem = gradients_of(problem, "LossVal")
        assert isinstance(gradients, TorchGradients)
        gradients.check(problem.train)
        dtype = next(gradients.module.parameters()).dtype
        numbers = gradients.loss == "squared"
        inputs, targets = _rows(problem, dtype, gradients.classes, numbers=numbers)
        return Trained(gradients.module, loss_of(gradients.loss), inputs, targets, "")
    return _stand_in(problem, hidden)


def _rows(problem: Problem, dtype: Any, classes: Any, *, numbers: bool) -> tuple[Any, Any]:
    from ..._gradients._torch_rows import batches

    (inputs, targets), *_ = batches(problem.train, dtype, classes, numbers=numbers, size=problem.n)
    return inputs, targets


def _stand_in(problem: Problem, hidden: int) -> Trained:
    import torch

    from ..._gradients._torch_loss import loss_of

    X, y, classes = scaled(problem.train.dense, problem.train.dense), problem.train.y, problem.classes
    assert y is not None
    width = X.shape[1]
    if classes is None:
        number = np.asarray(y, float)
        targets = torch.as_tensor((number - number.mean()) / (number.std() or 1.0))
        outputs, loss = 1, "squared"
    else:
        targets, outputs, loss = torch.as_tensor(np.searchsorted(classes, y)), len(classes), "cross_entropy"
    widths, why = [width, hidden, hidden, outputs], ""
    if problem.model is not None:
        kind = f"Two hidden layers of {hidden} units"
        if is_linear(problem.model):
            kind, widths = "One linear layer", [width, outputs]
        why = f"{kind} stood in for {type(problem.model).__name__}."
    return Trained(_layers(widths), loss_of(loss), torch.as_tensor(X), targets, why)


def _layers(widths: list[int]) -> Any:
    """Linear layers of these widths in float64, with ReLU between them."""
    import torch

    with torch.random.fork_rng(devices=[]):  # first weights, which `fresh` draws anew, are drawn from there
        parts = [torch.nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(widths)]
    between = [part for linear in parts[:-1] for part in (linear, torch.nn.ReLU())]
    return torch.nn.Sequential(*between, parts[-1])
