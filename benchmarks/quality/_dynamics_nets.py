"""The networks of the dynamics benchmark, trained in a plain loop of torch with the recorder in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from torch import nn

from assay import Recorder, Trace

EPOCHS = {"digits": 50, "fashion": 20}
BATCH, RATE, FOLDS = 64, 1e-3, 5
HIDDEN = "body"  # its output: 64 numbers a row


class Network(nn.Module):
    """An MLP for digits, a small CNN for fashion; the same head."""

    def __init__(self, data: str, classes: int) -> None:
        super().__init__()
        if data == "digits":
            parts = [nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU()]
        else:
            seen = [nn.Unflatten(1, (1, 28)), nn.Conv2d(1, 8, 5, 2, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1)]
            parts = [*seen, nn.ReLU(), nn.Flatten(), nn.Linear(784, 64), nn.ReLU()]
        self.body, self.head = nn.Sequential(*parts), nn.Linear(64, classes)

    def forward(self, images: Any) -> Any:
        """Logits."""
        return self.head(self.body(images))


def train(data: str, images: NDArray[Any], y: NDArray[Any], ids: NDArray[Any], seed: int, **watched) -> Any:
    """The network trained by Adam, and the trace of its training if something of it is `watched`."""
    torch.manual_seed(seed)
    network = Network(data, int(y.max()) + 1)
    inputs, targets = torch.tensor(images), torch.tensor(y)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    recorder = Recorder(ids, module=network, **watched) if watched else None
    for epoch in range(EPOCHS[data]):
        for rows in torch.randperm(len(y)).split(BATCH):
            logits = network(inputs[rows])
            if recorder:
                recorder(ids[rows.numpy()], logits, targets[rows], epoch=epoch)
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits, targets[rows]).backward()
            optimizer.step()
    return network if recorder is None else recorder.trace()


def trace_of(data: str, images: NDArray[Any], y: NDArray[Any], seed: int, **watched: Any) -> Trace:
    """What one training shows."""
    return train(data, images, y, np.arange(len(y)), seed, **(watched or {"norms": "last"}))


def cross_fitted(data: str, images: NDArray[Any], y: NDArray[Any], seed: int) -> NDArray[np.float64]:
    """Probabilities (n, classes) of networks that did not train on the row, in five folds."""
    found = np.zeros((len(y), int(y.max()) + 1))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for number, (inside, outside) in enumerate(folds.split(images, y)):
        network = train(data, images[inside], y[inside], inside, FOLDS * seed + number)
        with torch.no_grad():
            found[outside] = torch.softmax(network(torch.tensor(images[outside])).double(), dim=1)
    return found
