"""What recording in-run Shapley values adds to a training: `python -m benchmarks.speed.in_run [EPOCHS]`.

Multilayer perceptron 784-128-64-10 in float32, plain SGD, batches of 64 or 256 of 2,048 random rows. The
floor is torch's own loop. 300 rows judge: some of them, drawn anew for each step, or all in every step.
EPOCHS (8) a side, all sides in turn, three rounds; each side's best.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from threadpoolctl import threadpool_limits

from assay import InRun

from ._tables import facts, show, times

BAR, ROUNDS = 1.5, 3
ROWS, JUDGES = 2048, 300
BATCHES = (64, 256)
SIDES = [(judges, order) for judges in (16, 32, None) for order in (1, 2)]


def main() -> None:
    """Print the table."""
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    facts()
    torch.set_num_threads(1)
    threadpool_limits(1)
    torch.manual_seed(0)
    train = torch.rand(ROWS, 784), torch.randint(0, 10, (ROWS,))
    valid = torch.rand(JUDGES, 784), torch.randint(0, 10, (JUDGES,))
    rows = []
    for batch in BATCHES:
        sides: dict[object, Callable[[], float]] = {"torch": lambda batch=batch: _plain(train, epochs, batch)}
        for judges, order in SIDES:
            sides[judges, order] = lambda b=batch, j=judges, o=order: _ours(train, valid, epochs, b, j, o)
        rounds = [{side: run() for side, run in sides.items()} for _ in range(ROUNDS)]
        best = {side: min(done[side] for done in rounds) for side in sides}
        rows.append(["torch", str(batch), "", "", f"{best['torch']:.2f}", "", ""])
        for judges, order in SIDES:
            ratio = best[judges, order] / best["torch"]
            told = "all 300" if judges is None else f"{judges} drawn"
            kept = f"bar {BAR}: {'held' if ratio <= BAR else 'missed'}"
            seconds = f"{best[judges, order]:.2f}"
            rows.append(["InRun", str(batch), told, str(order), seconds, times(ratio), kept])
    header = ("who", "batch", "judges a step", "order", "seconds", "of torch", "")
    show("Training and recording", header, rows)


def _net() -> torch.nn.Sequential:
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Linear(784, 128),
        torch.nn.ReLU(),
        torch.nn.Linear(128, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 10),
    )


def _plain(train: tuple[torch.Tensor, torch.Tensor], epochs: int, batch: int) -> float:
    net = _net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    start = time.perf_counter()
    for _ in range(epochs):
        for rows in torch.randperm(ROWS).split(batch):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(train[0][rows]), train[1][rows]).backward()
            optimizer.step()
    return time.perf_counter() - start


def _ours(
    train: tuple[torch.Tensor, torch.Tensor],
    valid: tuple[torch.Tensor, torch.Tensor],
    epochs: int,
    batch: int,
    judges: int | None,
    order: int,
) -> float:
    net = _net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    start = time.perf_counter()
    with InRun(net, n=ROWS, valid=valid, judges=judges, order=order) as run:
        for _ in range(epochs):
            for rows in torch.randperm(ROWS).split(batch):
                run.step(train[0][rows], train[1][rows], rows, optimizer)
    run.valuation()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
