"""DataInf against its formula, by loops."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from assay import AssayError, DataInf, Features, Problem, value
from assay._curvature.data_inf import DataInfMetric
from assay._gradients.layers import Full, Outer

sys.path.insert(0, str(Path(__file__).parents[1] / "curvature"))
from nets import Fixed, Net, rows_of


def by_loops(train, query, widths, damping=None):
    """For each layer the mean over rows of (d + g g')^-1, d a tenth of the mean |g|² by the width."""
    found, start = np.zeros((len(train), len(query))), 0
    for width in widths:
        g, v = train[:, start : start + width], query[:, start : start + width]
        start += width
        d = 0.1 * np.mean([row @ row for row in g]) / width if damping is None else damping
        inverse = np.mean([np.linalg.inv(d * np.eye(width) + np.outer(row, row)) for row in g], axis=0)
        found += g @ inverse @ v.T
    return found / len(train)


@pytest.mark.parametrize("damping", [None, 0.03])
@pytest.mark.parametrize("n", [12, 700])
def test_is_the_formula(damping, n):
    """Scores are those of the formula by loops, in blocks of rows and by either way of multiplying."""
    net, train, valid = Net((5, 6, 3)), rows_of(n), rows_of(9, seed=2)
    found = value(Problem(train, valid, gradients=net), DataInf(damping=damping), n_jobs=2, progress=False)
    truth = by_loops(net.rows(train).dense(), net.rows(valid).dense(), net.widths, damping)
    np.testing.assert_allclose(found.per_valid, truth, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.values, truth.mean(axis=1))


def test_solving_and_products_are_the_same():
    """Multiplying queries out and products of rows alone give the same scores, of factors or none."""
    rng = np.random.default_rng(0)
    layers = [Outer(rng.normal(size=(30, 2, 7)), rng.normal(size=(30, 2, 6))), Full(rng.normal(size=(30, 9)))]
    layers.append(Outer(rng.normal(size=(30, 1, 15)), rng.normal(size=(30, 1, 12))))
    rows = Features(layers)
    metric = DataInfMetric(Fixed([rows], rows), range(30))
    query = rows.take(slice(0, 20))
    truth = by_loops(rows.dense(), query.dense(), rows.widths)
    np.testing.assert_allclose(rows.gram(metric.solve(query)), truth, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(metric.against(query)(rows), truth, rtol=1e-8, atol=1e-12)


def test_layers_without_gradients_score_nothing():
    """A layer in which no row has a gradient adds 0."""
    none = Features([Full(np.zeros((5, 3)))])
    found = DataInfMetric(Fixed([none], none), range(5)).against(none)(none)
    np.testing.assert_array_equal(found, np.zeros((5, 5)))


@pytest.mark.parametrize("damping", [0, -0.1, float("inf"), "0.1", True])
def test_bad_damping_is_refused(damping):
    """The damping is divided by: it needs to be a number above 0."""
    with pytest.raises(AssayError, match=r"DataInf\.damping is"):
        DataInf(damping=damping)
