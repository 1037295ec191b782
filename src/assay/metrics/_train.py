"""Training many networks at once: each exactly as it would be trained alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .._training import Training
from .._types import Positions
from ._network import Layer, Networks

BETAS, EPS = (0.9, 0.999), 1e-8  # of Adam


def train(
    layers: Sequence[Layer],
    how: Training,
    X: Any,
    y: Any,
    rows: Sequence[Positions],
    rngs: Sequence[np.random.Generator],
) -> Networks:
    """Networks trained each on its `rows` of `X` (n, d), all of the same number; `y` (n,) codes or floats.

    The first weights of a network, and then the order of its rows in each epoch, come from its own `rngs`.
    """
    import torch

    with torch.no_grad():
        networks = Networks(layers, rngs)
        step = (_Adam if how.optimizer == "adam" else _SGD)(networks, how)
        places, size = np.stack(rows), len(rows[0])
        for _ in range(how.epochs):
            order = np.stack([rng.permutation(line) for rng, line in zip(rngs, places, strict=True)])
            order = torch.from_numpy(order)
            for start in range(0, size, how.batch):
                part = order[:, start : start + how.batch]
                tape: list[Any] = []
                inputs = X.index_select(0, part.reshape(-1)).view(*part.shape, -1)
                answers = networks.forward(inputs, tape)
                step(networks.backward(tape, _slope(answers, y[part])))
        return networks


def _slope(answers: Any, y: Any) -> Any:
    """The derivative of the mean loss of the batch by `answers` (count, b, c), of labels `y` (count, b)."""
    import torch

    if y.is_floating_point():
        return (answers - y[..., None]) * (2 / y.shape[1])
    slope = torch.softmax(answers, dim=2)
    slope.scatter_add_(2, y[..., None], torch.full_like(slope[..., :1], -1.0))
    return slope.div_(y.shape[1])


class _SGD:
    """The velocity takes the gradient inside the product that makes it: no gradient is ever written."""

    def __init__(self, networks: Networks, how: Training) -> None:
        import torch

        self.networks, self.how = networks, how
        self.velocity = [torch.zeros_like(weight) for weight in networks.weights]
        self.drift = [None if bias is None else torch.zeros_like(bias) for bias in networks.biases]

    def __call__(self, found: list[tuple[Any, Any]]) -> None:
        how = self.how
        for k, (rows, slope) in zip(reversed(range(len(found))), found, strict=True):
            velocity, weight, bias = self.velocity[k], self.networks.weights[k], self.networks.biases[k]
            velocity.baddbmm_(rows.transpose(1, 2), slope, beta=how.momentum)
            self._move(weight, velocity)
            drift = self.drift[k]
            if drift is not None:
                drift.mul_(how.momentum).add_(slope.sum(dim=1, keepdim=True))
                self._move(bias, drift)

    def _move(self, parameter: Any, velocity: Any) -> None:
        if self.how.weight_decay:
            velocity.add_(parameter, alpha=self.how.weight_decay)
        parameter.add_(velocity, alpha=-self.how.rate)


class _Adam:
    def __init__(self, networks: Networks, how: Training) -> None:
        import torch

        self.networks, self.how, self.time = networks, how, 0
        self.moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in networks.parameters]

    def __call__(self, found: list[tuple[Any, Any]]) -> None:
        import torch

        self.time += 1
        first_left, second_left = (1 - beta**self.time for beta in BETAS)
        pairs = found[::-1]
        gradients = [torch.bmm(rows.transpose(1, 2), slope) for rows, slope in pairs]
        gradients += [
            slope.sum(dim=1, keepdim=True)
            for (_, slope), bias in zip(pairs, self.networks.biases, strict=True)
            if bias is not None
        ]
        for parameter, gradient, (first, second) in zip(
            self.networks.parameters, gradients, self.moments, strict=True
        ):
            if self.how.weight_decay:
                gradient.add_(parameter, alpha=self.how.weight_decay)
            first.lerp_(gradient, 1 - BETAS[0])
            second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            scale = second.div(second_left).sqrt_().add_(EPS)
            parameter.addcdiv_(first, scale, value=-self.how.rate / first_left)


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread: several small products at once are faster side by side than each cut in two."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
