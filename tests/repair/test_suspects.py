"""Which rows are suspected, and which are decoys."""

from __future__ import annotations

import numpy as np
import pytest

from assay import Data, KNNShapley, Problem, value
from assay.repair import suspects
from assay.repair.suspects import suspicion


@pytest.fixture
def problem():
    """Two clear classes, 300 rows of which 30 are labelled wrong, and 120 that judge."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=420)
    X = rng.normal(size=(420, 2)) + 8 * y[:, None]
    given = y.copy()
    given[:30] = 1 - given[:30]
    return Problem(Data(X[:300], given[:300]), Data(X[300:], y[300:]))


def test_wrong_rows_are_suspected(problem):
    """Planted errors are suspects far more often than other rows, no decoy is one, and the budget is kept."""
    found = suspicion(problem, most=0.4, decoys=0.1, seed=0)
    assert found.suspect[:30].mean() > 4 * found.suspect[30:].mean()
    assert found.suspect[:30].mean() > 0.8
    assert not (found.suspect & found.decoy).any()
    assert found.suspect.sum() <= 0.4 * 300
    assert 0 < found.decoy.sum() <= 0.1 * found.suspect.sum() + 1
    assert not found.decoy[:30].any()


def test_values_are_those_of_the_method(problem):
    """The values are exact KNN-Shapley values, and the errors those of their mean over the judging rows."""
    found = suspicion(problem, most=0.4, decoys=0.1, seed=0)
    truth = value(problem, KNNShapley(k=suspects.NEIGHBOURS, per_valid=True), progress=False)
    assert found.values == pytest.approx(truth.values)
    assert found.stderr == pytest.approx(truth.per_valid.std(axis=1, ddof=1) / np.sqrt(120))


def test_fewer_rows_judge_where_all_are_too_many(problem, monkeypatch):
    """Memory is bounded: with too many pairs a random sample of the judging rows is used, and it is said."""
    monkeypatch.setattr(suspects, "MOST_PAIRS", 300 * 50)
    found = suspicion(problem, most=0.4, decoys=0.1, seed=0)
    assert "300 x 50 pairs" in found.why
    assert found.suspect[:30].mean() > 0.8
