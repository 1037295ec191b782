"""What recording a trace adds to a training, and to the disk: `python -m benchmarks.speed.trace [EPOCHS]`.

First, torch's own loop beside the same loop with a recorder that writes to a folder: a multilayer perceptron
784-128-64-10 and a small convolutional network, in float32, SGD, batches of 64 and 256 of 16,384 random rows.
EPOCHS (5) a side, the sides' epochs in turn. Two figures: the seconds spent in the recorder's calls, closing
and writing the epoch included, by those spent in the rest of the same loop; and the median epoch of a side by
torch's, which on a busy machine says more of the machine.

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
ROWS, CLASSES = 16384, 10
MANY, LONG, BATCH = 1_000_000, 50, 1024


def main() -> None:
    """Print the tables."""
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    facts()
    torch.set_num_threads(1)
    threadpool_limits(1)
    torch.manual_seed(0)
    X, y = torch.rand(ROWS, 784), torch.randint(0, CLASSES, (ROWS,))
    rows, seconds = [], 0.0
    for name, make in (("CNN", _convolutional), ("MLP", _perceptron)):
        for batch in (64, 256):
            found = _turns(make, X, y, epochs, batch)
            seconds = found["torch"][0] / ROWS * MANY
            for side, (spent, share) in found.items():
                kept = "" if side == "torch" else f"bar {SHARE:.0%}: {'held' if share < SHARE else 'missed'}"
                more = f"{spent / found['torch'][0] - 1:+.1%}"
                rows.append([name, str(batch), side, f"{spent:.3f}", f"{share:.1%}", kept, more])
    header = ("network", "batch", "side", "seconds an epoch", "in the recorder", "", "of torch's epoch")
    show("Training and recording", header, rows)
    _large(seconds)


def _turns(
    make: Callable[[], Any], X: Any, y: Any, epochs: int, batch: int
) -> dict[str, tuple[float, float]]:
    """For each side the seconds of its median epoch, and the recorder's share of the rest."""
    sides: dict[str, dict[str, Any] | None] = {"torch": None, "recorder": {}, "and norms": {"norms": "last"}}
    folder = Path(mkdtemp())
    runs = {side: _Side(make, how, folder / side) for side, how in sides.items()}
    spent: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for epoch in range(epochs + 1):
        for side, run in runs.items():
            found = run.epoch(X, y, epoch, batch)
            if epoch:  # the first one warms up
                spent[side].append(found)
    shutil.rmtree(folder)
    told = {}
    for side, found in spent.items():
        whole, inside = np.array(found).T
        told[side] = float(np.median(whole)), float(inside.sum() / (whole - inside).sum())
    return told


class _Side:
    """A network, its optimizer, and a recorder or none."""

    def __init__(self, make: Callable[[], Any], how: dict[str, Any] | None, folder: Path) -> None:
        torch.manual_seed(1)
        self.network = make()
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.01)
        self.recorder = None
        if how is not None:
            self.recorder = Recorder(np.arange(ROWS), folder, module=self.network, **how)

    def epoch(self, X: Any, y: Any, epoch: int, batch: int) -> tuple[float, float]:
        """Train an epoch; the seconds of it, and those in the recorder."""
        start, inside = time.perf_counter(), 0.0
        for rows in torch.randperm(ROWS).split(batch):
            inputs, labels = X[rows], y[rows]
            self.optimizer.zero_grad()
            logits = self.network(inputs)
            if self.recorder is not None:
                before = time.perf_counter()
                self.recorder(rows, logits, labels, epoch=epoch)
                inside += time.perf_counter() - before
            torch.nn.functional.cross_entropy(logits, labels).backward()
            self.optimizer.step()
        if self.recorder is not None:
            before = time.perf_counter()
            self.recorder.close()
            inside += time.perf_counter() - before
        return time.perf_counter() - start, inside


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
