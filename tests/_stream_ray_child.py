"""A streamed run on a cluster of two nodes, one of which is killed on the way; prints what the test asks."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import ray
from ray.cluster_utils import Cluster

import assay

FOLDER = Path(sys.argv[1])
SEEN = FOLDER / "seen"


class Slow:
    """An encoder that takes its time, and leaves a file named after the node that it runs on."""

    def transform(self, frame):
        """Return the numbers as they are, after 50 ms on a cluster."""
        if ray.is_initialized():
            (SEEN / ray.get_runtime_context().get_node_id()).touch()
            time.sleep(0.05)
        return frame.to_numpy()


def main() -> None:
    """Value rows here, then on the cluster."""
    SEEN.mkdir()
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3000, 3)), rng.integers(0, 2, 3000)
    pd.DataFrame(X, columns=list("abc")).assign(y=y).to_parquet(FOLDER / "rows.parquet")
    judges = assay.Data(rng.normal(size=(320, 3)), rng.integers(0, 2, 320))
    stream = assay.Stream(FOLDER / "rows.parquet", judges, target="y", encoder=Slow())
    problem = assay.Problem(assay.Data(X, y), judges)
    alone = stream.value(FOLDER / "alone.parquet").values
    nearest = assay.ApproximateKNNShapley(epsilon=0.05)
    few = stream.value(FOLDER / "few.parquet", nearest).values
    memory = assay.value(problem, "KNNShapley", progress=False).values
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False)

    def kill() -> None:
        while len(os.listdir(SEEN)) < 2:
            time.sleep(0.01)
        on_the_way.append(not ended.is_set())
        cluster.remove_node(second, allow_graceful=False)

    ended, on_the_way = threading.Event(), []
    with assay.ray_backend():
        there = assay.value(problem, "KNNShapley", progress=False).values
        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        found = stream.value(FOLDER / "found.parquet")
        also = stream.value(FOLDER / "also.parquet", nearest).values
    ended.set()
    killer.join(timeout=30)
    print("nodes that worked", len(os.listdir(SEEN)), "killed on the way", on_the_way, "passes", found.passes)
    pairs = ((found.values, alone), (also, few), (there, memory))
    print("same bits", [one.tobytes() == other.tobytes() for one, other in pairs])
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
