"""A torch module, trained by a recipe and recorded."""

from __future__ import annotations

from copy import deepcopy
from os import PathLike
from typing import Any

import numpy as np

from .._errors import AssayError
from .._gradients.torch_gradients import require_torch
from .._problem import Data, Problem
from .._training import Training, optimizer_of
from .recorder import Recorder
from .trace import Trace


def train(
    module: Any,
    data: Data,
    training: Training,
    seed: int,
    folder: str | PathLike[str] | None,
    norms: Any,
    hidden: Any,
) -> Trace:
    """The trace of a copy of the module that is trained by the recipe, from its current weights."""
    require_torch("follow")
    import torch

    network, rng = deepcopy(module).cpu().train(), np.random.default_rng(seed)
    inputs, targets, loss = _rows(network, data)
    watched: dict[str, Any] = {"module": network, "norms": norms, "hidden": hidden}
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise AssayError("The network has no parameter that is trained; see requires_grad_().")
    optimizer = optimizer_of(training, network)
    with torch.random.fork_rng(devices=[]), Recorder(data.ids, folder, loss=loss, **watched) as recorder:
        torch.manual_seed(seed)
        for epoch in range(training.epochs):
            order = rng.permutation(len(data))
            for at in range(0, len(order), training.batch):
                rows = order[at : at + training.batch]
                _step(network, optimizer, inputs[rows], targets[rows], recorder, data.ids[rows], epoch)
    return recorder.trace()


def _step(
    network: Any, optimizer: Any, inputs: Any, targets: Any, recorder: Recorder, ids: Any, epoch: int
) -> None:
    from torch.nn.functional import cross_entropy, mse_loss

    from .._gradients._torch_check import passed

    optimizer.zero_grad()
    outputs, numbers = passed(network, inputs), targets.is_floating_point()
    outputs = outputs.reshape(len(targets)) if numbers else outputs
    recorder(ids, outputs, targets, epoch=epoch)
    (mse_loss if numbers else cross_entropy)(outputs, targets).backward()
    optimizer.step()


def _rows(network: Any, data: Data) -> tuple[Any, Any, Any]:
    """Inputs and targets as the network takes them, and the name of the loss."""
    import torch

    from .._gradients._torch_check import check_network

    problem = Problem(data, model=network)
    numbers = problem.target_kind == "number"
    dtype = next(network.parameters()).dtype
    inputs = torch.as_tensor(np.array(data.dense), dtype=dtype)
    targets = torch.as_tensor(_targets(problem, numbers=numbers), dtype=dtype if numbers else torch.long)
    loss = "squared" if numbers else "cross_entropy"
    check_network(network.eval(), loss, problem.classes, (inputs, targets))
    network.train()
    return inputs, targets, loss


def _targets(problem: Problem, *, numbers: bool) -> Any:
    y = problem.train.y
    if numbers:
        return np.array(y, float)
    return np.searchsorted(problem.classes, y)  # type: ignore[arg-type]
