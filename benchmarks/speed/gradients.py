"""What gradients of rows cost beside what training costs anyway: `python -m benchmarks.speed.gradients`.

On the MNIST net 784-128-64-10 of `_nets`, 5,000 rows, two threads: an epoch of training as its recipe trains
(batches of 64, SGD with momentum), a forward pass of all rows, collecting factors, products of all gradients
with one vector, and the exact Gram matrix of all gradients, each the fastest of some runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from joblib import parallel_config
from threadpoolctl import threadpool_limits
from torch.nn.functional import cross_entropy

from assay import Data, TorchGradients

from ..peers._net import Net, module
from ..quality._run import markdown
from ._nets import RECIPES, net

ROUNDS = 7


def fastest(work: Callable[[], Any]) -> float:
    """Seconds of the fastest of seven runs."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def epoch(kept: Net) -> Callable[[], None]:
    """One pass of training over all rows."""
    recipe, model = RECIPES["mnist"], module(kept.final).train()
    optimizer = torch.optim.SGD(model.parameters(), recipe.rate, **recipe.options)
    X, y = kept.train

    def run() -> None:
        for rows in torch.randperm(len(X)).split(64):
            optimizer.zero_grad()
            cross_entropy(model(X[rows]), y[rows]).backward()
            optimizer.step()

    return run


def gram(features: Any) -> Any:
    """All products, as `value` takes them: blocks by two threads of one core each."""
    with threadpool_limits(limits=1), parallel_config(n_jobs=2):
        return features.gram(features)


def main() -> None:
    """Print the table."""
    kept = Net.load(net("mnist"))
    gradients, data = TorchGradients(module(kept.final)), Data(kept.X, kept.y)
    features = gradients.rows(data)
    vector = np.random.default_rng(0).normal(size=features.width)
    model, X = module(kept.final), kept.train[0]

    def forward() -> None:
        with torch.no_grad():
            model(X)

    once, pass_forward = fastest(epoch(kept)), fastest(forward)
    rows = [
        ("an epoch of training", once, ""),
        ("a forward pass", pass_forward, ""),
        ("collect factors", took := fastest(lambda: gradients.rows(data)), f"{took / once:.2f} epochs"),
        (
            "all gradients times one vector",
            took := fastest(lambda: gradients.along(data, vector)),
            f"{took / pass_forward:.1f} forward passes",
        ),
        ("Gram matrix, 5,000 x 5,000", fastest(lambda: gram(features)), ""),
    ]
    print(markdown(["work", "seconds", "that is"], [(name, f"{s:.4f}", told) for name, s, told in rows]))


if __name__ == "__main__":
    main()
