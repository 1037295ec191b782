"""OpenDataVal's LAVA: `python run_opendataval_lava.py ARRAYS.npz SETTINGS` prints one line of JSON, the last.

SETTINGS is JSON: `threads` of PyTorch, and `bits` of its numbers (32 or 64).
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from opendataval.dataval import LavaEvaluator  # noqa: E402


def main():
    """Run and measure."""
    arrays, settings = np.load(sys.argv[1]), json.loads(sys.argv[2])
    torch.set_num_threads(settings["threads"])
    kind = np.float64 if settings["bits"] == 64 else np.float32
    one_hot = np.eye(int(max(arrays["y"].max(), arrays["t"].max())) + 1)
    parts = (arrays["X"], one_hot[arrays["y"]], arrays["V"], one_hot[arrays["t"]])
    run = LavaEvaluator(random_state=0).input_data(*(torch.from_numpy(part.astype(kind)) for part in parts))
    start = time.perf_counter()
    run.train_data_values()
    values = run.evaluate_data_values()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    told = {"evals": 1, "seconds": seconds, "values": values.tolist(), "peak": peak}
    print("\n" + json.dumps(told))


if __name__ == "__main__":
    main()
