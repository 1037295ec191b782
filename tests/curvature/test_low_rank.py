"""Arnoldi and Nystrom against the exact inverse."""

from __future__ import annotations

import numpy as np
import pytest
from nets import Fixed, Net, full_outer, rows_of

from assay import AssayError
from assay._curvature.exact import Exact
from assay._curvature.low_rank import LowRank

KINDS = pytest.mark.parametrize("kind", ["arnoldi", "nystrom"])


def rng():
    """The same chance each time."""
    return np.random.default_rng(0)


@KINDS
def test_full_rank_is_exact(kind):
    """With as many directions as parameters both are the exact inverse, penalty and all."""
    net, data = Net((5, 4, 3), ridge=0.3), rows_of(40)
    rows = net.rows(data)
    found = LowRank(net, data, 0.05, 1_000, rng(), kind=kind).solve(rows).dense()
    np.testing.assert_allclose(found, Exact(net, data, 0.05).solve(rows).dense(), rtol=1e-6, atol=1e-8)


@KINDS
def test_a_curvature_of_low_rank_is_exact(kind):
    """Where the curvature has fewer directions than the rank, the complement is the damping: exact again."""
    g = rng().normal(size=(10, 3)) @ rng().normal(size=(3, 40))
    gradients, queries = Fixed([full_outer(g)]), full_outer(rng().normal(size=(5, 40)))
    found = LowRank(gradients, range(10), 0.05, 17, rng(), kind=kind).solve(queries).dense()
    truth = queries.dense() @ np.linalg.inv(g.T @ g + 0.5 * np.eye(40))
    np.testing.assert_allclose(found, truth, rtol=1e-6, atol=1e-9)


@KINDS
def test_more_directions_come_nearer(kind):
    """The error falls as the rank grows, and the share of the curvature that is told rises to the whole."""
    net, data = Net((5, 6, 3)), rows_of(60)
    rows = net.rows(data)
    truth, lost = Exact(net, data, 0.01).solve(rows).dense(), []
    for rank in (2, 10, 30, 50):
        metric = LowRank(net, data, 0.01, rank, rng(), kind=kind)
        lost.append(np.linalg.norm(metric.solve(rows).dense() - truth))
    assert lost == sorted(lost, reverse=True)
    assert lost[-1] < 0.1 * lost[0]


@KINDS
def test_no_curvature_at_all(kind):
    """Rows without gradients leave the damping alone."""
    gradients = Fixed([full_outer(np.zeros((4, 6)))])
    found = LowRank(gradients, range(4), 0.5, 3, rng(), kind=kind).solve(full_outer(np.eye(6))).dense()
    np.testing.assert_allclose(found, np.eye(6) / 2)


@KINDS
def test_no_damping_is_refused(kind):
    """Without damping or penalty the complement has no inverse, and the fix is named."""
    with pytest.raises(AssayError, match="raise `damping`"):
        LowRank(Fixed([full_outer(np.eye(4))]), range(4), 0.0, 2, rng(), kind=kind)
