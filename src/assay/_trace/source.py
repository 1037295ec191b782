"""Where the traces of a problem come from."""

from __future__ import annotations

import numpy as np

from .._errors import AssayError
from .._problem import Problem, is_torch
from .trace import Trace


def traces_of(problem: Problem, name: str, rng: np.random.Generator) -> list[Trace]:
    """The traces of the problem's training runs, their rows those of `problem.train`, in its order.

    Parameters
    ----------
    problem : Problem
        With a `trace`, or with labels and an estimator as its `model`, whose training is then followed.
    name : str
        Who asks, for the error.
    rng : Generator
        Seeds the training.

    Raises
    ------
    AssayError
        If there is neither a trace nor a model whose training can be followed.
    """
    if problem.traces:
        return [trace.aligned(problem.train.ids) for trace in problem.traces]
    if problem.model is None:
        raise AssayError(f"{name} needs a trace; pass assay.Problem(train, trace=...), or a model.")
    if is_torch(problem.model):
        raise AssayError(
            f"{name} needs a trace, and a torch module is trained already; record your loop "
            "(assay.Recorder), or train a fresh one: Problem(trace=assay.follow(module, data, training=...))."
        )
    from .follow import SEEDS, follow

    return [follow(problem.model, problem.train, seed=int(rng.integers(SEEDS)))]
