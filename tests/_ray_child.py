"""A run on a cluster of two nodes, one of which is killed on the way; prints what the test asks about."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import ray
from ray.cluster_utils import Cluster
from sklearn.naive_bayes import GaussianNB

import assay

SEEN = Path(sys.argv[1])


class Slow(GaussianNB):
    """Takes its time, and leaves a file named after the node that it runs on."""

    def fit(self, X, y, sample_weight=None):
        """Fit, in 10 ms at least."""
        if ray.is_initialized():
            (SEEN / ray.get_runtime_context().get_node_id()).touch()
        time.sleep(0.01)
        return super().fit(X, y)


class Refusing:
    """A game that raises."""

    n = 3

    def __call__(self, coalitions):
        """Raise."""
        raise ValueError("not me")


def main() -> None:
    """Value rows here, then on the cluster."""
    rng, y = np.random.default_rng(0), np.arange(30) % 2
    X = rng.normal(size=(30, 3)) + y[:, None]
    problem = assay.Problem(assay.Data(X[:20], y[:20]), assay.Data(X[20:], y[20:]), Slow())
    stop = assay.Stop(evals=400)
    alone = assay.value(problem, "Banzhaf", stop=stop, progress=False)
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
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with assay.ray_backend():
        got = assay.value(problem, "Banzhaf", stop=stop, progress=False)
    ended.set()
    killer.join(timeout=30)
    until = time.monotonic() + 60  # the head hears of a death by heartbeats that stay away
    while (alive := sum(node["Alive"] for node in ray.nodes())) > 1 and time.monotonic() < until:
        time.sleep(0.1)
    print(
        "nodes that worked", len(os.listdir(SEEN)), "of which alive", alive, "killed on the way", on_the_way
    )
    print("same bits", got.values.tobytes() == alone.values.tobytes(), got.evals == alone.evals)
    try:
        with assay.ray_backend():
            assay.ParallelGame(Refusing(), 2)(np.zeros((40, 3), bool))
    except ValueError as error:
        print("error", type(error).__name__, error)
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
