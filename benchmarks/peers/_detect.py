"""What the peers' sides of the detection benchmark share: tasks in, a line of JSON a task and method out."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

warnings.simplefilter("ignore")
TREES = 100


def main(methods: Mapping[str, Callable[[Any], Any]]) -> None:
    """`python run_PEER_detect.py RESULTS.jsonl TASK.npz ...`: a task that RESULTS holds is not run again."""
    results = Path(sys.argv[1])
    lines = results.read_text().splitlines() if results.exists() else []
    known = {(line["task"], line["method"]) for line in map(json.loads, lines)}
    for path in map(Path, sys.argv[2:]):
        arrays = dict(np.load(path))
        for name, values in methods.items():
            if (path.stem, name) not in known:
                start = time.perf_counter()
                low = -np.nan_to_num(np.asarray(values(arrays), float))
                line = {"task": path.stem, "method": name, "seconds": time.perf_counter() - start}
                line["ap"] = average_precision_score(arrays["wrong"], low)
                line["auroc"] = roc_auc_score(arrays["wrong"], low)
                with results.open("a") as file:
                    print(json.dumps(line), file=file)
