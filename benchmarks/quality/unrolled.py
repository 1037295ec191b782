"""How well derivatives through a training foretell trainings on half of the rows.

`python -m benchmarks.quality.unrolled [TRAININGS]`.

Digits (1,400 rows), perceptrons 64-64-10 of tanh or ReLU by SGD with momentum .9, log loss of 60 queries. The
truth is 50 random halves of the rows, 20 networks each. `ExactUnrolled` is averaged over TRAININGS (12) from
other weights: each on all rows, or each on a random half of them (other halves than those of the truth).
The ceiling is the correlation with the truth of what is without noise, from how halves of the 20 networks
agree (Spearman-Brown).
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import torch
from scipy.stats import spearmanr

from assay import Data, ExactUnrolled, Problem, value
from assay.metrics import SubsetModels, Training, linear_datamodeling_score

from ..speed._nets import digits
from ._run import markdown

QUERIES, HALVES, INITS, BAR = 60, 50, 20, 0.9
CASES = (("Tanh", 0.01), ("ReLU", 0.05))


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    parts, rows = digits(), []
    train, valid = Data(parts["X"], parts["y"]), Data(parts["V"][:QUERIES], parts["t"][:QUERIES])
    for name, rate in CASES:
        middle = getattr(torch.nn, name)()
        shape = torch.nn.Sequential(torch.nn.Linear(64, 64), middle, torch.nn.Linear(64, 10))
        how = Training(epochs=15, batch=64, rate=rate, momentum=0.9)
        problem = Problem(train, valid, shape)
        models = SubsetModels(problem, output="log_loss", training=replace(how, inits=INITS))
        models.grow(HALVES, progress=False)
        for share in (1.0, 0.5):
            scores = _scores(problem, how, count, share)
            found = linear_datamodeling_score(scores, models.subsets, models.outputs)
            kept = f"bar {BAR}: {'held' if found.value >= BAR else 'missed'}"
            span = f"{found.low:.3f} .. {found.high:.3f}"
            rows.append(
                [name, f"{rate}", f"{share:.0%}", f"{found.value:.3f}", span, f"{_ceiling(models):.3f}", kept]
            )
    print(markdown(("activation", "rate", "rows a training", "LDS", "95%", "ceiling", ""), rows))


def _scores(problem: Problem, how: Training, count: int, share: float) -> np.ndarray:
    """The mean of the scores of trainings on random shares of the rows, over those that hold a row."""
    total, held, rng = np.zeros((problem.n, QUERIES)), np.zeros((problem.n, 1)), np.random.default_rng(99)
    for seed in range(count):
        rows = rng.choice(problem.n, int(share * problem.n), replace=False)
        part = replace(problem, train=problem.train.take(rows))
        total[rows] += value(part, ExactUnrolled(training=how), seed=seed, progress=False).per_valid
        held[rows] += 1
    return total / np.maximum(held, 1)


def _ceiling(models: SubsetModels) -> float:
    sides = [models.members[:, part].mean(axis=1) for part in (slice(0, INITS // 2), slice(INITS // 2, None))]
    agree = np.mean([spearmanr(a, b)[0] for a, b in zip(sides[0].T, sides[1].T, strict=True)])
    return float(np.sqrt(2 * agree / (1 + agree)))


if __name__ == "__main__":
    main()
