"""Assay's side of the influence benchmark: `python -m benchmarks.speed._influence_child NET.npz SETTINGS`.

Measured as the peers are, by `benchmarks.peers._net.main`: gradients are collected within the clock. What is
imported late is imported before it, by a call on a few rows, as the peers' scripts import at their top.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from assay import (
    TRAK,
    Data,
    DataInf,
    GradDot,
    Gradients,
    Influence,
    Problem,
    SelfInfluence,
    TorchGradients,
    TracIn,
    Valuer,
    value,
)

from ..peers._net import Net, main, module, tensors


def _problem(net: Net, gradients: Gradients) -> Problem:
    return Problem(Data(net.X, net.y), Data(net.V, net.t), gradients=gradients)


def _matrix(method: Valuer, net: Net, gradients: Gradients, settings: dict[str, Any]) -> np.ndarray:
    found = value(_problem(net, gradients), method, n_jobs=settings["threads"], progress=False)
    return found.values if isinstance(method, SelfInfluence) else found.per_valid  # type: ignore[return-value]


def _influence(solver: str, **options: Any) -> Any:
    def run(net: Net, settings: dict[str, Any]) -> np.ndarray:
        method = Influence(solver=solver, damping=settings["damping"], **options)
        return _matrix(method, net, TorchGradients(module(net.final)), settings)

    return run


def _self(solver: str) -> Any:
    def run(net: Net, settings: dict[str, Any]) -> np.ndarray:
        method = SelfInfluence(solver=solver, damping=settings["damping"])
        return -_matrix(method, net, TorchGradients(module(net.final)), settings)

    return run


def _data_inf(net: Net, settings: dict[str, Any]) -> np.ndarray:
    return _matrix(DataInf(damping=settings["damping"]), net, TorchGradients(module(net.final)), settings)


def _over(method: Valuer, states: str) -> Any:
    def run(net: Net, settings: dict[str, Any]) -> np.ndarray:
        kept = [tensors(state) for state in getattr(net, states)]
        rates = net.rates if states == "along" else None
        gradients = TorchGradients(module(net.final), checkpoints=kept, rates=rates)
        return _matrix(method, net, gradients, settings)

    return run


def _trak(net: Net, settings: dict[str, Any]) -> np.ndarray:
    return _matrix(TRAK(), net, TorchGradients(module(net.final)), settings)


def _dot(net: Net, settings: dict[str, Any]) -> np.ndarray:
    return _matrix(GradDot(), net, TorchGradients(module(net.final)), settings)


def _linear(model: Any) -> Any:
    def run(net: Net, settings: dict[str, Any]) -> np.ndarray:
        start = time.perf_counter()
        fitted = model.fit(net.X, net.y % 2)  # outside the clock, as the peer's
        settings["outside"] = time.perf_counter() - start
        problem = Problem(Data(net.X, net.y % 2), Data(net.V, net.t % 2), fitted)
        method = Influence(solver="exact")
        return value(problem, method, n_jobs=settings["threads"], progress=False).per_valid  # type: ignore[return-value]

    return run


def _few(net: Net) -> Net:
    return replace(net, X=net.X[:64], y=net.y[:64], V=net.V[:64], t=net.t[:64])


if __name__ == "__main__":
    METHODS = {
        "exact": _influence("exact"),
        "cg": _influence("cg"),
        "ekfac": _influence("ekfac"),
        "kfac": _influence("kfac"),
        "datainf": _data_inf,
        "tracin": _over(TracIn(), "along"),
        "graddot": _dot,
        "trak": _trak,
        "arnoldi": _influence("arnoldi", rank=50),
        "nystrom": _influence("nystrom", rank=50),
        "lissa": _influence("lissa"),
        "self-ekfac": _self("ekfac"),
        "logistic": _linear(LogisticRegression(C=1.0, max_iter=1000)),
        "ridge": _linear(Ridge()),
    }
    asked = {"damping": 0.1, "threads": 2} | json.loads(sys.argv[2])
    METHODS[asked["method"]](_few(Net.load(sys.argv[1])), asked)
    main(METHODS)
