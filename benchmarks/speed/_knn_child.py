"""One process of the k-NN benchmark: `python -m benchmarks.speed._knn_child ARRAYS.npz SETTINGS` prints JSON.

SETTINGS is JSON: `rounds` of the floor and ours in turn (0: ours alone, once, for its peak of memory) and
`out`, where the values go.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np

from assay import Data, KNNShapley, Problem, value

from ._knn_floor import floor

K = 10


def main() -> None:
    """Run and measure."""
    arrays, settings = np.load(sys.argv[1]), json.loads(sys.argv[2])
    problem = Problem(Data(arrays["X"], arrays["y"]), Data(arrays["V"], arrays["t"]))
    few = Problem(problem.train.take(np.arange(200)), problem.valid)
    compiling = _clock(lambda: _ours(few))[0]
    compiling -= _clock(lambda: _ours(few))[0]
    plain, ours, values = [], [], np.zeros(0)
    if settings["rounds"]:
        floor(few.train, problem.valid, K)
    for _ in range(max(settings["rounds"], 1)):
        if settings["rounds"]:
            plain.append(_clock(lambda: floor(problem.train, problem.valid, K))[0])
        seconds, values = _clock(lambda: _ours(problem))
        ours.append(seconds)
    np.save(settings["out"], values)
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"floor": plain, "ours": ours, "compiling": compiling, "peak": peak}))


def _ours(problem: Problem) -> np.ndarray:
    return value(problem, KNNShapley(k=K), n_jobs=2, progress=False).values


def _clock(call):
    start = time.perf_counter()
    found = call()
    return time.perf_counter() - start, found


if __name__ == "__main__":
    main()
