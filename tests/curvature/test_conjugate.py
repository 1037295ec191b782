"""Conjugate gradients against the exact inverse."""

from __future__ import annotations

import numpy as np
import pytest
from nets import Fixed, Net, full_outer, rows_of

from assay import AssayError, Features
from assay._curvature import operator as operators
from assay._curvature.conjugate import Conjugate
from assay._curvature.exact import Exact
from assay._curvature.low_rank import LowRank
from assay._curvature.operator import Roots, damping_of, mean_curvature
from assay._gradients.layers import Full, Outer


@pytest.fixture(params=[8_000, 0], ids=["matrix", "factors"])
def way(request, monkeypatch):
    """With the matrix, and through the layers' factors."""
    monkeypatch.setattr(operators, "FEW", request.param)


def test_factors_multiply_as_the_matrix_does():
    """Products through the layers' factors, of all rows or of some, are those of the vectors in full."""
    rng = np.random.default_rng(0)
    a, sparse = rng.normal(size=(9, 3, 4)), rng.normal(size=(9, 5))
    roots = [Features([Outer(a, rng.normal(size=(9, 3, 2))), Full(sparse * c)]) for c in range(3)]
    counts, vectors = rng.uniform(0.5, 2, 9), rng.normal(size=(6, 13))
    found, some = Roots(Fixed(roots, counts=counts), range(9)), np.array([1, 4, 7])
    for rows in (None, some):
        kept = np.arange(9) if rows is None else rows
        truth = sum(g.T @ (counts[kept, None] * g) for root in roots for g in [root.dense()[kept]])
        np.testing.assert_allclose(found.apply(vectors, rows), vectors @ truth, rtol=1e-10)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-9])
def test_is_the_exact_inverse(way, tolerance):
    """Solutions are the exact ones to the tolerance, in the residual that is promised."""
    net, data = Net((5, 6, 3), ridge=0.2), rows_of(60)
    query = net.rows(rows_of(150, seed=2))
    found = Conjugate(net, data, 0.01, tolerance)
    solved = found.solve(query).dense()
    matrix = net.gauss_newton(data) + (0.2 + 60 * 0.01) * np.eye(sum(net.widths))
    lost = np.linalg.norm(solved @ matrix - query.dense(), axis=1) / query.norms()
    assert lost.max() <= tolerance * 1.01
    truth = Exact(net, data, 0.01).solve(query).dense()
    assert np.linalg.norm(solved - truth) <= 100 * tolerance * np.linalg.norm(truth)
    assert "residual at most" in found.note


def test_damping_is_a_tenth_of_the_mean_curvature():
    """Without a damping nets get a tenth of the mean eigenvalue of the mean loss."""
    net, data = Net(), rows_of(30)
    truth = 0.1 * np.trace(net.gauss_newton(data)) / sum(net.widths) / 30
    assert damping_of(None, net, 30, mean_curvature(net, data)) == pytest.approx(truth)
    for metric in (
        Exact(net, data),
        Conjugate(net, data),
        LowRank(net, data, None, 5, np.random.default_rng(0), kind="nystrom"),
    ):
        assert f"damping {truth:.3g}" in metric.note


def test_queries_without_gradients_and_alike(way):
    """A query of zeros is solved by zeros, beside others, and one that is there twice twice alike."""
    net, data = Net(), rows_of(30)
    g = net.rows(data).dense()[:3]
    g[1], g[2] = 0, g[0]
    query = Features([Full(part) for part in np.split(g, np.cumsum(net.widths)[:-1], axis=1)])
    solved = Conjugate(net, data, 0.1).solve(query).dense()
    np.testing.assert_array_equal(solved[1], 0)
    np.testing.assert_allclose(solved[0], solved[2], rtol=1e-5)
    assert np.isfinite(solved).all()


def test_stays_put_after_convergence(way):
    """A system that one step solves to the last bit brings no nan."""
    rows = full_outer(np.eye(4))
    solved = Conjugate(Fixed([rows]), rows_of(4), 0.25, 1e-12).solve(rows).dense()
    np.testing.assert_allclose(solved, np.eye(4) / 2, rtol=1e-9)


def test_single_precision_is_enough_for_the_tolerance(way):
    """Features in float32 are solved in float32, to the tolerance."""
    net, data = Net((5, 6, 3), kind=np.float32), rows_of(60)
    solved = Conjugate(net, data, 0.01).solve(net.rows(data)).dense()
    assert solved.dtype == np.float32
    twin = Net((5, 6, 3))
    truth = Exact(twin, data, 0.01).solve(twin.rows(data)).dense()
    assert np.linalg.norm(solved - truth) <= 0.02 * np.linalg.norm(truth)


def test_hessian_with_negative_curvature_is_refused():
    """A Hessian that bends downwards is refused, and one that is damped enough is solved exactly."""
    net, data = Net((5, 6, 3), seed=3), rows_of(12)
    rows = net.rows(data)
    with pytest.raises(AssayError, match="negative curvature"):
        Conjugate(net, data, 1e-4, curvature="hessian").solve(rows)
    hessian = net.product(data, np.eye(sum(net.widths)), "hessian")
    assert np.linalg.eigvalsh(hessian).min() < 0
    solved = Conjugate(net, data, 1.0, 1e-6, curvature="hessian").solve(rows).dense()
    truth = np.linalg.solve(hessian + 12 * np.eye(len(hessian)), rows.dense().T).T
    np.testing.assert_allclose(solved, truth, atol=1e-4 * np.abs(truth).max())


def test_blocks_of_queries_change_nothing(way):
    """A query alone gets what it gets among 150, to the tolerance."""
    net, data = Net(), rows_of(30)
    rows = net.rows(rows_of(150, seed=2))
    metric = Conjugate(net, data, 0.1, 1e-8)
    together, alone = metric.solve(rows).dense()[140], metric.solve(rows.take(slice(140, 141))).dense()[0]
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-8)
