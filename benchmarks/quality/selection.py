"""Selecting rows for a target: is the half that DsDm picks from a polluted pool better than a random half?

`python -m benchmarks.quality.selection [SEEDS]`. The target is digits (64 pixels). The pool is 600 rows of
digits and 600 rows of one of three others: digits with each label turned to the next, digits with their
pixels mixed up, or plain noise with labels. Nets are trained on five halves of the pool, half of the pool
is picked by their gradients, and nets are trained on what was picked: their log loss on the rows that had
no part in it.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from scipy.stats import t as student
from sklearn.datasets import load_digits

from assay import Data, DsDm, Problem, TorchGradients, value

from ..peers._net import module
from ..speed._nets import Recipe, train
from ._run import markdown

RECIPE = Recipe((64, 64, 10), 30, "Adam", 1e-3, {})
OTHERS = ("labels turned", "pixels mixed", "noise")
HALVES = 5  # nets whose gradients are asked
EACH, TARGET = 600, 100  # rows of the pool of either kind, and rows that tell the target


def pool(other: str, seed: int) -> tuple[Data, Data, Data, np.ndarray]:
    """The pool, the target, rows that judge in the end, and which rows of the pool are of the other kind."""
    rng = np.random.default_rng(seed)
    X, y = map(np.asarray, load_digits(return_X_y=True))
    order = rng.permutation(len(X))
    X, y = (X[order] / 16).astype(np.float32), y[order]
    good, bad, target = (slice(0, EACH), slice(EACH, 2 * EACH), slice(2 * EACH, 2 * EACH + TARGET))
    strange, labels = X[bad], y[bad]
    if other == "labels turned":
        labels = (labels + 1) % 10
    elif other == "pixels mixed":
        strange = strange[:, rng.permutation(64)]
    else:
        strange = rng.random(strange.shape, np.float32)
    mixed = rng.permutation(2 * EACH)
    rows = Data(np.concatenate([X[good], strange])[mixed], np.concatenate([y[good], labels])[mixed])
    rest = slice(2 * EACH + TARGET, None)
    return rows, Data(X[target], y[target]), Data(X[rest], y[rest]), mixed >= EACH


def loss(rows: Data, judge: Data, seed: int) -> float:
    """Log loss on `judge` of a net trained on `rows`."""
    import torch

    net = module(train(RECIPE, np.array(rows.X), np.array(rows.y), seed=seed)[-1])
    with torch.no_grad():
        outputs = net(torch.from_numpy(np.array(judge.X)))
    return float(torch.nn.functional.cross_entropy(outputs, torch.from_numpy(np.array(judge.y))))


def halves_of(rows: Data, seed: int) -> TorchGradients:
    """Gradients of nets trained on random halves of the pool."""
    import torch

    X, y, rng, found = np.array(rows.X), np.array(rows.y), np.random.default_rng(seed), []
    for number in range(HALVES):
        half = rng.permutation(len(X))[: len(X) // 2]
        found.append(train(RECIPE, X[half], y[half], seed=100 * seed + number)[-1])
    states = [{name: torch.from_numpy(value) for name, value in state.items()} for state in found]
    return TorchGradients(module(found[0]), checkpoints=states)


def trial(other: str, seed: int) -> dict[str, float]:
    """Losses of what was picked in each way, and the share of strange rows in DsDm's pick."""
    rows, target, judge, strange = pool(other, seed)
    gradients = halves_of(rows, seed)
    valuation = value(Problem(rows, target, gradients=gradients), DsDm(), n_jobs=2, progress=False)
    picked, order = valuation.highest(EACH), valuation.highest(len(rows))
    by_class = np.concatenate([order[rows.y[order] == label][: EACH // 10] for label in range(10)])
    chance = np.random.default_rng(seed + 1000).permutation(len(rows))[:EACH]
    halves: dict[str, Any] = {
        "DsDm": picked,
        "by class": by_class,
        "random": chance,
        "true": np.flatnonzero(~strange),
    }
    found = {name: loss(rows.take(half), judge, seed) for name, half in halves.items()}
    return found | {"all": loss(rows, judge, seed), "strange": strange[by_class].mean()}


def main(seeds: int) -> None:
    """Print one line for each kind of pollution."""
    header = [
        "other half of the pool",
        "all",
        "random half",
        "DsDm's half",
        "DsDm's, by class",
        "the right half",
    ]
    print(markdown([*header, "gain of by class on random (95%)", "other rows in it"], []), flush=True)
    for other in OTHERS:
        found = [trial(other, seed) for seed in range(seeds)]
        by_name = {name: np.array([line[name] for line in found]) for name in found[0]}
        gain = by_name["random"] - by_name["by class"]
        error = student.ppf(0.975, seeds - 1) * gain.std(ddof=1) / np.sqrt(seeds)
        losses = [f"{by_name[name].mean():.3f}" for name in ("all", "random", "DsDm", "by class", "true")]
        cells = [other, *losses, f"{gain.mean():.3f} ± {error:.3f}", f"{by_name['strange'].mean():.1%}"]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
