"""Foretold: what a row would be worth with its label repaired, as evidence; nothing is decided by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..methods.neighbors.incremental import LiveKNNShapley
from ..tables import Table, target_values, to_problem
from .choice import Choice
from .frames import stacked
from .suspects import MOST_PAIRS, NEIGHBOURS


def foretold(choices: Sequence[Choice], train: Table, judges: Table, model: Any) -> list[Choice]:
    """The choices for labels with the k-NN value of their row, as it is and as it would be, in the evidence.

    Parameters
    ----------
    choices : sequence of Choice
        For the label of training rows, whose new labels are classes of the training rows.
    train, judges : Table
        Training and value rows. Of a large table the first judges only: 20 million pairs at most.
    model : estimator
        The user's; only its kind matters.

    Notes
    -----
    Cost: one sort of all rows for each judge, then O(judges x root of rows) for each choice.
    """
    if not choices or train.target_kind != "class":
        return list(choices)
    judges = judges.take(np.arange(len(judges)) < max(1, MOST_PAIRS // len(train)))
    parts = np.repeat(np.array(["train", "value"], dtype=object), [len(train), len(judges)])
    problem = to_problem(stacked(train, judges), parts, model=model)
    live, keys = LiveKNNShapley(problem, k=NEIGHBOURS), problem.train.ids.tolist()
    known = dict(
        zip(train.frame[str(train.roles.target)].tolist(), target_values(train).tolist(), strict=True)
    )
    made = []
    for choice in choices:
        key, candidate = keys[choice.candidate.row], choice.candidate
        values = {"value": live.value_of(key), "value_repaired": live.what_if(key, y=known[candidate.new])}
        made.append(replace(choice, candidate=replace(candidate, evidence={**candidate.evidence, **values})))
    return made
