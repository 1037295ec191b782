"""LiSSA against the exact inverse."""

from __future__ import annotations

import numpy as np
import pytest
from nets import Fixed, Net, full_outer, rows_of

from assay import AssayError
from assay._curvature.exact import Exact
from assay._curvature.lissa import LiSSA


def test_is_within_its_own_spread():
    """Solutions differ from the exact ones by no more than a few times the spread of the repeats."""
    net, data = Net((5, 4, 3)), rows_of(200)
    rows = net.rows(data)
    metric = LiSSA(net, data, 0.05, np.random.default_rng(0))
    found = metric.solve(rows).dense()
    lost = np.linalg.norm(found - Exact(net, data, 0.05).solve(rows).dense(), axis=1) * 200
    assert np.median(lost / metric.errors) < 2
    assert (lost <= 5 * metric.errors).mean() > 0.95
    assert np.median(metric.errors) < 0.2 * np.median(np.linalg.norm(found, axis=1)) * 200


def test_one_batch_of_all_rows_is_exact():
    """Where a batch holds every row there is no chance in it: the series converges to the inverse."""
    net, data = Net((5, 4, 3), ridge=3.0), rows_of(30)
    rows = net.rows(data)
    found = LiSSA(net, data, 0.2, np.random.default_rng(0)).solve(rows).dense()
    truth = Exact(net, data, 0.2).solve(rows).dense()
    assert np.linalg.norm(found - truth) <= 0.01 * np.linalg.norm(truth)


def test_same_seed_same_bits():
    """Batches come from the generator alone."""
    net, data = Net(), rows_of(100)
    rows = net.rows(data)
    a, b, c = (LiSSA(net, data, 0.1, np.random.default_rng(k)).solve(rows).dense() for k in (1, 1, 2))
    assert a.tobytes() == b.tobytes() != c.tobytes()


def test_no_damping_is_refused():
    """Without damping or penalty the series does not converge, and the fix is named."""
    with pytest.raises(AssayError, match="raise `damping`"):
        LiSSA(Fixed([full_outer(np.eye(4))]), range(4), 0.0, np.random.default_rng(0))
