"""A torch module, trained by a recipe and recorded."""

from __future__ import annotations

from copy import deepcopy
from os import PathLike
from typing import Any

import numpy as np

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
    from torch.nn.functional import cross_entropy, mse_loss

    from .._gradients._torch_check import check_network, passed

    network = deepcopy(module).cpu().train()
    problem = Problem(data, model=network)
    numbers = problem.target_kind == "number"
    dtype = next(network.parameters()).dtype
    inputs = torch.as_tensor(np.array(data.dense), dtype=dtype)
    targets = torch.as_tensor(_targets(problem, numbers=numbers), dtype=dtype if numbers else torch.long)
    loss = mse_loss if numbers else cross_entropy
    batch = inputs, targets
    check_network(network.eval(), "squared" if numbers else "cross_entropy", problem.classes, batch)
    network.train()
    optimizer = optimizer_of(training, network)
    rng = np.random.default_rng(seed)
    with (
        torch.random.fork_rng(devices=[]),
        Recorder(
            data.ids,
            folder,
            loss="squared" if numbers else "cross_entropy",
            module=network,
            norms=norms,
            hidden=hidden,
        ) as recorder,
    ):
        torch.manual_seed(seed)
        for epoch in range(training.epochs):
            order = rng.permutation(len(data))
            for at in range(0, len(order), training.batch):
                rows = order[at : at + training.batch]
                optimizer.zero_grad()
                outputs = passed(network, inputs[rows])
                outputs = outputs.reshape(len(rows)) if numbers else outputs
                recorder(data.ids[rows], outputs, targets[rows], epoch=epoch)
                loss(outputs, targets[rows]).backward()
                optimizer.step()
    return recorder.trace()


def _targets(problem: Problem, *, numbers: bool) -> Any:
    y = problem.train.y
    if numbers:
        return np.array(y, float)
    return np.searchsorted(problem.classes, y)  # type: ignore[arg-type]
