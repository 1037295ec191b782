"""One task of the dynamics benchmark: everything of Assay's side, kept in two files."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from ._detect_tables import FOLDER

RESULTS = FOLDER / "dynamics"
WATCHED = {"norms": "all", "hidden": "body"}
DRAWS = 1000  # of seeds, so that no training shares one
CONTROL = "the loss in the end"
OWN = ("Cartography", "AUM", "EL2N", "GraNd", "Forgetting", "LearningTime", "HiddenStateDrift")
OTHERS = {  # with how many evaluations
    "KNNShapley": 1,
    "DataOOB": 320,
    "SelfConfidence": 1,
    "auto": 1,
    "LossVal": 1,
    "DVRL": 300,
    "Random": 1,
}


def run(name: tuple[str, str, int]) -> Path:
    """Make what is missing of a task, and return its results."""
    data, noise, seed = name
    path = RESULTS / f"{data}, {noise}, {seed}.json"
    if path.exists():
        return path
    import torch

    from ._dynamics_nets import cross_fitted, trace_of
    from ._dynamics_tasks import task

    torch.set_num_threads(1)
    begun, made = time.perf_counter(), task(data, noise, seed)
    first = DRAWS * seed
    trace = trace_of(data, made.images, made.y, first, **WATCHED)
    chance = cross_fitted(data, made.images, made.y, first + 10)
    scores = _scores(made, trace)
    hard = ~made.wrong & (chance.argmax(axis=1) != made.y)
    cut = _cut(made, lambda turned, k: trace_of(data, made.images, turned, first + k), seed)
    found = {
        "ap": {method: average_precision_score(made.wrong, low) for method, low in scores.items()},
        "hard among right": _auroc(hard, hard | (~made.wrong & ~hard), scores),
        "hard, not wrong": _auroc(hard, hard | made.wrong, scores),
        "hard": int(hard.sum()),
        "cut": cut,
        "learnt": float((trace.margins[-1][made.wrong] > 0).mean()),
        "seconds": time.perf_counter() - begun,
    }
    np.savez(path.with_suffix(".npz"), y=made.y, chance=chance, wrong=made.wrong)
    half = path.with_suffix(".part")
    half.write_text(json.dumps(found))
    os.replace(half, path)
    return path


def _scores(made: Any, trace: Any) -> dict[str, Any]:
    """How suspicious each method finds each row."""
    from assay import Data, Problem, Stop, value

    train, valid = Data(made.X, made.y), Data(made.V, made.t)
    shown, table = Problem(train, trace=trace), Problem(train, valid)
    sharp = Problem(train, valid, score="neg_log_loss")  # which tells DVRL more than accuracy
    found = {method: -value(shown, method, progress=False).values for method in OWN}
    found[CONTROL] = np.asarray(trace.losses[-1], float)
    for method, evals in OTHERS.items():
        problem = sharp if method == "DVRL" else table
        found[method] = -value(problem, method, stop=Stop(evals=evals), progress=False).values
    return found


def _auroc(positive: Any, rows: Any, scores: dict[str, Any]) -> dict[str, float]:
    return {method: roc_auc_score(positive[rows], low[rows]) for method, low in scores.items()}


def _cut(made: Any, train: Callable[[Any, int], Any], seed: int) -> dict[str, float]:
    """Precision and recall of the rows that the area under the margin flags."""
    from assay import Data, aum_errors

    runs = iter((1, 2))
    flagged = aum_errors(lambda data: train(data.y, next(runs)), Data(made.X, made.y), seed=seed).flagged
    hits = int((flagged & made.wrong).sum())
    return {"precision": hits / max(int(flagged.sum()), 1), "recall": hits / int(made.wrong.sum())}
