"""Foretold values are those of KNNShapley on the table with that one label repaired."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier
from small import TARGET, TURNED, truth

from assay import KNNShapley, tables, value
from assay.repair.choice import Choice
from assay.repair.experts import Candidate
from assay.repair.foretold import foretold
from assay.repair.frames import stacked
from assay.repair.suspects import NEIGHBOURS

MODEL = DecisionTreeClassifier()


def halves():
    """Training and value rows of a small table, text keys and text labels."""
    frame = truth(200)
    frame.insert(0, "name", [f"p{i}" for i in range(len(frame))])
    frame.loc[:9, TARGET] = frame.loc[:9, TARGET].map(TURNED)
    table = tables.load(frame, key="name", target=TARGET)
    first = np.arange(len(table)) < 120
    return table.take(first), table.take(~first)


def values(train, judges) -> np.ndarray:
    """Recompute all values."""
    parts = np.repeat(np.array(["train", "value"], dtype=object), [len(train), len(judges)])
    problem = tables.to_problem(stacked(train, judges), parts, model=MODEL)
    return value(problem, KNNShapley(k=NEIGHBOURS), progress=False).values


def test_values_are_those_of_the_repaired_table():
    """Before and after, for right repairs and wrong ones; right ones raise the value; nothing else is new."""
    train, judges = halves()
    labels = train.frame[TARGET].tolist()
    choices = [
        Choice(Candidate(i, TARGET, labels[i], TURNED[labels[i]], "label", "label", 0.9, {"p": 0.9}), 0.9)
        for i in range(0, 20, 3)
    ]
    before = values(train, judges)
    rises = []
    for choice, told in zip(choices, foretold(choices, train, judges, MODEL), strict=True):
        row, frame = choice.candidate.row, train.frame.copy()
        frame.loc[frame.index[row], TARGET] = choice.candidate.new
        evidence = told.candidate.evidence
        assert evidence["value"] == pytest.approx(before[row], abs=1e-12)
        after = values(train.with_frame(frame), judges)[row]
        assert evidence["value_repaired"] == pytest.approx(after, abs=1e-12)
        rises.append(evidence["value_repaired"] - evidence["value"])
        assert replace(told, candidate=replace(told.candidate, evidence={"p": 0.9})) == choice
    assert np.mean(rises[:4]) > 0 > np.mean(rises[4:])


def test_no_choices_cost_nothing():
    """Nothing is valued where nothing is proposed."""
    train, judges = halves()
    assert foretold([], train, judges, MODEL) == []
