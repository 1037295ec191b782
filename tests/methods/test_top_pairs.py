"""The ends of each query against the whole matrix, sorted."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from assay import AssayError, DataInf, Influence, KNNShapley, Problem, top_pairs, value
from assay.methods.influence import _scores

sys.path.insert(0, str(Path(__file__).parents[1] / "curvature"))
from nets import Net, rows_of


@pytest.fixture
def problem():
    """Rows of a net, some of them twice, so that scores tie."""
    train = rows_of(70)
    return Problem(train.take(np.arange(70)), rows_of(6, seed=2), gradients=Net((5, 4, 3)))


@pytest.mark.parametrize(
    "method", [Influence(), Influence(solver="ekfac", relative="loss"), DataInf()], ids=str
)
@pytest.mark.parametrize("k", [1, 5, 100])
def test_is_the_sorted_matrix(problem, method, k, monkeypatch):
    """The ends, from blocks of 16 rows, are those of the whole matrix sorted."""
    whole = value(problem, method, progress=False).per_valid
    monkeypatch.setattr(_scores, "ROWS", 16)
    found = top_pairs(problem, method, k=k)
    for sign, rows, scores in (
        (1, found.helpful, found.helpful_scores),
        (-1, found.harmful, found.harmful_scores),
    ):
        order = np.argsort(-sign * whole.T, axis=1, kind="stable")[:, :k]
        np.testing.assert_allclose(scores, np.take_along_axis(whole.T, order, axis=1), rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(rows, order)


def test_ties_are_in_row_order(monkeypatch):
    """Rows with the same score come in the order of the rows, across blocks."""
    once = rows_of(4)
    monkeypatch.setattr(_scores, "ROWS", 4)
    problem = Problem(
        type(once)(np.tile(once.X, (3, 1)), np.tile(once.y, 3)), rows_of(5, seed=2), gradients=Net((5, 4, 3))
    )
    found = top_pairs(problem, Influence(solver="exact", damping=0.1), k=12)
    for rows in (*found.helpful, *found.harmful):
        for first in range(4):
            copies = [row for row in rows if row % 4 == first]
            assert copies == sorted(copies)


def test_bad_calls_are_refused(problem):
    """Another method, no rows to keep and no queries are each named, with the fix."""
    with pytest.raises(AssayError, match="takes Influence or DataInf"):
        top_pairs(problem, KNNShapley())
    for k in (0, 1.5, True):
        with pytest.raises(AssayError, match="k is"):
            top_pairs(problem, k=k)
    with pytest.raises(AssayError, match="needs queries"):
        top_pairs(Problem(problem.train, gradients=problem.gradients))
