"""How well derivatives through a training foretell trainings on half of the rows.

`python -m benchmarks.quality.unrolled [INITS]`.

Digits (1,400 rows), a perceptron 64-64-10 by SGD with momentum, log loss of 100 queries. The truth is 50
random halves of the rows, five networks each. The linear datamodeling score of `ExactUnrolled` with INITS (5)
trainings averaged, beside that of one, and of `GradDot` on a network trained the same way.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np
import torch

from assay import Data, ExactUnrolled, GradDot, Problem, TorchGradients, Valuation, value
from assay.metrics import SubsetModels, Training, linear_datamodeling_score

from ..speed._nets import digits
from ._run import markdown

EPOCHS, QUERIES, HALVES = 15, 100, 50
HOW = Training(epochs=EPOCHS, batch=64, rate=0.05, momentum=0.9)
BAR = 0.9


def main() -> None:
    """Print the table."""
    inits = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    parts = digits()
    shape = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
    train, valid = Data(parts["X"], parts["y"]), Data(parts["V"][:QUERIES], parts["t"][:QUERIES])
    problem = Problem(train, valid, shape)
    models = SubsetModels(problem, output="log_loss", training=replace(HOW, inits=5))
    models.grow(HALVES, n_jobs=2, progress=False)
    seen: list[Valuation] = []
    start = time.perf_counter()
    value(
        problem,
        ExactUnrolled(training=replace(HOW, inits=inits)),
        n_jobs=2,
        progress=False,
        on_estimate=seen.append,
    )
    each = (time.perf_counter() - start) / inits
    trained = Problem(train, valid, gradients=TorchGradients(_trained(parts["X"], parts["y"], shape)))
    plain = value(trained, GradDot(), progress=False)
    rows = [
        _line(f"ExactUnrolled, {count} training(s)", now, models, f"{each * count:.0f}", BAR)
        for count, now in ((1, seen[0]), (inits, seen[-1]))
    ]
    rows.append(_line("GradDot", plain, models, "", None))
    print(markdown(("who", "LDS", "95%", "seconds", ""), rows))


def _line(who: str, now: Valuation, models: SubsetModels, seconds: str, bar: float | None) -> list[str]:
    found = linear_datamodeling_score(now.per_valid, models.subsets, models.outputs)
    kept = "" if bar is None else f"bar {bar}: {'held' if found.value >= bar else 'missed'}"
    return [who, f"{found.value:.3f}", f"{found.low:.3f} .. {found.high:.3f}", seconds, kept]


def _trained(X: np.ndarray, y: np.ndarray, shape: torch.nn.Module) -> torch.nn.Module:
    rows, labels = torch.from_numpy(X), torch.from_numpy(y)
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(shape.parameters(), lr=HOW.rate, momentum=HOW.momentum)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(rows)).split(HOW.batch):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(shape(rows[batch]), labels[batch]).backward()
            optimizer.step()
    return shape


if __name__ == "__main__":
    main()
