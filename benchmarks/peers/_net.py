"""What the sides of the gradient benchmarks share: the net, its file, and how a side is run and measured.

The file is an npz of `benchmarks.speed._nets`; the peers' scripts import this module by its bare name.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

WARM = 10.0  # seconds of runs after which none is added
State = dict[str, np.ndarray]  # parameters by the name that torch gives them: 0.weight, 0.bias, 2.weight ...


def module(state: Mapping[str, np.ndarray]) -> Any:
    """The net in evaluation mode: Linear layers of these parameters, ReLU between them."""
    import torch

    layers: list[Any] = []
    weights = [name for name in state if name.endswith("weight")]
    for name in sorted(weights, key=lambda name: int(name.split(".")[0])):
        layers += [torch.nn.Linear(*state[name].shape[::-1]), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    net.load_state_dict(tensors(state))
    return net.eval()


def tensors(state: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The state as torch takes it."""
    import torch

    return {name: torch.from_numpy(np.array(value)) for name, value in state.items()}


@dataclass(frozen=True)
class Net:
    """Rows and a trained net.

    Parameters
    ----------
    X, y : arrays of shape (n, d), (n,)
        Training rows, float32, and their labels.
    V, t : arrays of shape (m, d), (m,)
        Queries.
    H, u : arrays of shape (k, d), (k,)
        Rows held out of both, to choose settings on.
    final : State
    along : list of State
        Parameters along the training, the last of them `final`.
    rates : array of shape (len(along),)
        Learning rates there.
    halves : list of State
        Nets trained on half of the rows each.
    """

    X: np.ndarray
    y: np.ndarray
    V: np.ndarray
    t: np.ndarray
    H: np.ndarray
    u: np.ndarray
    rates: np.ndarray
    final: State
    along: list[State]
    halves: list[State]

    @classmethod
    def load(cls, path: Any) -> Net:
        """Read the file."""
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        groups: dict[str, State] = {}
        for key in [key for key in arrays if "/" in key]:
            group, _, name = key.partition("/")
            groups.setdefault(group, {})[name] = arrays.pop(key)
        many = {kind: [groups[k] for k in sorted(groups) if k.startswith(kind)] for kind in ("along", "half")}
        plain = {name: arrays[name] for name in ("X", "y", "V", "t", "H", "u", "rates")}
        return cls(**plain, final=groups["final"], along=many["along"], halves=many["half"])

    @property
    def train(self) -> tuple[Any, Any]:
        """Training rows and labels as torch tensors."""
        import torch

        return torch.from_numpy(self.X), torch.from_numpy(self.y)

    @property
    def test(self) -> tuple[Any, Any]:
        """Queries and their labels as torch tensors."""
        import torch

        return torch.from_numpy(self.V), torch.from_numpy(self.t)


def main(methods: Mapping[str, Callable[[Net, dict[str, Any]], Any]]) -> None:
    """`python run_PEER.py NET.npz SETTINGS` runs one method and prints one line of JSON.

    SETTINGS is JSON: `method`, `damping` (added to a Hessian of the *mean* loss, where the method has one),
    `threads`, `out` (where the (n, m) scores go, npy; self-influence is (n,)), and what the method asks for.
    The clock leaves out imports, reading the file and what the method puts into `settings["outside"]`. A
    first run pays for what torch loads and compiles late, so a short one is done again: `seconds` and `cpu`
    are the fastest's, `first` the first's. `peak` is the process's peak in bytes, imports and all, and
    `before` what it was when the clock started.
    """
    settings = {"damping": 0.1, "threads": 2} | json.loads(sys.argv[2])
    warnings.simplefilter("ignore")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(settings["threads"])
    net = Net.load(sys.argv[1])
    before, runs = _peak(), []
    while not runs or (len(runs) < 3 and sum(run["seconds"] for run in runs) < WARM):
        start, cpu = time.perf_counter(), time.process_time()
        found = methods[settings["method"]](net, settings)
        scores = np.asarray(found.detach().numpy() if hasattr(found, "detach") else found)
        seconds = time.perf_counter() - start - settings.pop("outside", 0.0)
        runs.append({"seconds": seconds, "cpu": time.process_time() - cpu, "peak": _peak()})
    if settings.get("out"):
        np.save(settings["out"], scores)
    told = min(runs, key=lambda run: run["seconds"]) | {
        "first": runs[0]["seconds"],
        "peak": runs[0]["peak"],
        "before": before,
        "shape": scores.shape,
    }
    print("\n" + json.dumps(told), flush=True)
    os._exit(0)  # dask and the like take seconds to end


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
