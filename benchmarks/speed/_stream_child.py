"""One process of the streaming benchmark: `... _stream_child SOURCE JUDGES OUT` prints JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from assay import Data, KNNShapley, Stream

JOBS = 2


def main() -> None:
    """Run, measure, then forecast what was run."""
    source, judges, out = sys.argv[1:]
    arrays = np.load(judges)
    valid, method = Data(arrays["V"], arrays["t"]), KNNShapley(k=int(arrays["k"]))
    with TemporaryDirectory() as folder:  # compiles what is not compiled yet
        names = [f"x{j}" for j in range(arrays["V"].shape[1])]
        few = pd.DataFrame(arrays["V"].astype(np.float32), columns=names).assign(y=arrays["t"])
        few.to_parquet(Path(folder) / "few.parquet")
        Stream(Path(folder) / "few.parquet", valid, target="y").value(Path(folder) / "out.parquet", method)
    busy = time.process_time()
    found = Stream(source, valid, target="y").value(out, method, n_jobs=JOBS)
    told = {"seconds": found.seconds, "busy": time.process_time() - busy, "peak": _peak()}
    expected = Stream(source, valid, target="y").plan(method, n_jobs=JOBS)
    print(
        json.dumps(told | {"forecast": expected.seconds, "bytes": expected.bytes, "disk": expected.scratch})
    )


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
