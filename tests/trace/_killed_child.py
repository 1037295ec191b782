"""Trains softmax regression with a recorder: `FOLDER EPOCHS KILL`, killed in the middle of the epoch KILL."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from pathlib import Path

import numpy as np

from assay import Recorder

folder, epochs, kill = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 5)), rng.integers(3, size=40)
recorder = Recorder(np.arange(40), folder / "trace")
weights, first, at, order = np.zeros((5, 3)), 0, 0, None
checkpoint = folder / "checkpoint"
if checkpoint.exists():
    state, weights, rng, first, at, order = pickle.loads(checkpoint.read_bytes())
    recorder.load_state_dict(state)
for epoch in range(first, epochs):
    order = rng.permutation(40) if order is None else order
    while at < 40:
        rows = order[at : at + 8]
        logits = X[rows] @ weights
        recorder(rows, logits, y[rows], epoch=epoch)
        chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        weights = weights - X[rows].T @ (chances - np.eye(3)[y[rows]]) / 8
        at += 8
        if epoch == 2 and at == 24:
            saved = (recorder.state_dict(), weights, rng, epoch, at, order)
            checkpoint.write_bytes(pickle.dumps(saved))
        if epoch == kill and at == 16:
            os.kill(os.getpid(), signal.SIGKILL)
    at, order = 0, None
recorder.close()
