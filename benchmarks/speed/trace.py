"""What recording a trace adds to a training, and to the disk: `python -m benchmarks.speed.trace [EPOCHS]`.

First, torch's own loop beside the same loop with a recorder that writes to a folder: a multilayer perceptron
784-128-64-10 and a small convolutional network, in float32, SGD, batches of 64 and 256 of 8,192 random rows.
EPOCHS (20) a side, the sides' epochs in turn, closing and writing the epoch included; each side's median.

Then 1,000,000 rows by 50 epochs, for real: logits of 10 classes, in batches of 1,024, rows in
another order each epoch.
Beside it, what one epoch of the smaller network above takes for as many rows.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from assay import Recorder, Trace

from ._tables import facts, show

SHARE, BYTES = 0.05, 10**9
ROWS, CLASSES = 8192, 10
MANY, LONG, BATCH = 1_000_000, 50, 1024


def main() -> None:
    """Print the tables."""
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    facts()
    torch.set_num_threads(1)
    threadpool_limits(1)
    torch.manual_seed(0)
    X, y = torch.rand(ROWS, 784), torch.randint(0, CLASSES, (ROWS,))
    rows, seconds = [], {}
    for name, make in (("MLP", _perceptron), ("CNN", _convolutional)):
        for batch in (64, 256):
            best = _turns(make, X, y, epochs, batch)
            seconds[name, batch] = best["torch"] / ROWS * MANY
            for side in best:
                share = best[side] / best["torch"] - 1
                kept = "" if side == "torch" else f"bar {SHARE:.0%}: {'held' if share < SHARE else 'missed'}"
                rows.append([name, str(batch), side, f"{best[side]:.3f}", f"{share:+.1%}", kept])
    show("Training and recording", ("network", "batch", "side", "seconds an epoch", "added", ""), rows)
    _large(seconds["MLP", 256])


def _turns(make: Callable[[], Any], X: Any, y: Any, epochs: int, batch: int) -> dict[str, float]:
    sides: dict[str, dict[str, Any] | None] = {"torch": None, "recorder": {}, "and norms": {"norms": "last"}}
    folder = Path(mkdtemp())
    runs = {side: _Side(make, how, folder / side) for side, how in sides.items()}
    spent: dict[str, list[float]] = {side: [] for side in sides}
    for epoch in range(epochs + 1):
        for side, run in runs.items():
            seconds = run.epoch(X, y, epoch, batch)
            if epoch:  # the first one warms up
                spent[side].append(seconds)
    shutil.rmtree(folder)
    return {side: float(np.median(found)) for side, found in spent.items()}


class _Side:
    def __init__(self, make: Callable[[], Any], how: dict[str, Any] | None, folder: Path) -> None:
        torch.manual_seed(1)
        self.network = make()
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.01)
        self.recorder = None if how is None else Recorder(np.arange(ROWS), folder, module=self.network, **how)

    def epoch(self, X: Any, y: Any, epoch: int, batch: int) -> float:
        start = time.perf_counter()
        for rows in torch.randperm(ROWS).split(batch):
            self.optimizer.zero_grad()
            logits = self.network(X[rows])
            if self.recorder is not None:
                self.recorder(rows, logits, y[rows], epoch=epoch)
            torch.nn.functional.cross_entropy(logits, y[rows]).backward()
            self.optimizer.step()
        if self.recorder is not None:
            self.recorder.close()
        return time.perf_counter() - start


def _large(training: float) -> None:
    """Record a million rows by fifty epochs; `training` is the seconds of an epoch of that many rows."""
    folder = Path(mkdtemp()) / "trace"
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=MANY)
    table = rng.normal(size=(2 * BATCH, CLASSES)).astype(np.float32)
    recorder, spent = Recorder(np.arange(MANY), folder), []
    for epoch in range(LONG):
        order = rng.permutation(MANY)
        start = time.perf_counter()
        for at in range(0, MANY, BATCH):
            rows = order[at : at + BATCH]
            first = int(rows[0]) % BATCH
            recorder(rows, table[first : first + len(rows)], labels[rows], epoch=epoch)
        spent.append(time.perf_counter() - start)
    recorder.close()
    size = sum(path.stat().st_size for path in folder.iterdir())
    found = Trace.load(folder)
    start = time.perf_counter()
    mean = float(found.margins.mean(axis=0, dtype=np.float64).mean())
    read = time.perf_counter() - start
    assert found.epochs == LONG
    assert np.isfinite(mean)
    epoch = float(np.median(spent))
    lines = [
        ["on disk", f"{size / 1e9:.3f} GB", f"bar 1 GB: {'held' if size < BYTES else 'missed'}"],
        ["recording an epoch", f"{epoch:.2f} s", f"{epoch / training:.1%} of an epoch of the MLP"],
        ["mean margin of each row, from disk", f"{read:.2f} s", ""],
    ]
    show(f"{MANY:,} rows by {LONG} epochs", ("", "", ""), lines)
    shutil.rmtree(folder.parent)


def _perceptron() -> Any:
    return torch.nn.Sequential(
        torch.nn.Linear(784, 128),
        torch.nn.ReLU(),
        torch.nn.Linear(128, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, CLASSES),
    )


def _convolutional() -> Any:
    return torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 28, 28)),
        torch.nn.Conv2d(1, 8, 3, stride=2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 16, 3, stride=2),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(16 * 36, CLASSES),
    )


if __name__ == "__main__":
    main()
