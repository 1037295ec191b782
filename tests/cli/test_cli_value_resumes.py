"""An interrupted `assay value` carries on where it stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd


def test_killed_and_carried_on(tmp_path):
    """Killed in the middle and run again, the values are those of a run without interrupt, to the bit."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    frame = pd.DataFrame({"id": range(40), "a": X[:, 0], "b": X[:, 1], "y": np.where(X[:, 0] > 0, "u", "v")})
    path = tmp_path / "rows.csv"
    frame.to_csv(path, index=False)
    words = [
        "value",
        str(path),
        "--target",
        "y",
        "--key",
        "id",
        "--method",
        "Shapley",
        "--evals",
        "2500",
        "--json",
    ]
    command = [sys.executable, "-m", "assay", *words]
    whole = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    kept = [*command, "--db", str(tmp_path / "worths.duckdb")]
    child = subprocess.Popen(kept, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (tmp_path / "worths.duckdb").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2.0)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    again = json.loads(subprocess.run(kept, capture_output=True, text=True, check=True).stdout)
    assert again["rows"] == whole["rows"]
