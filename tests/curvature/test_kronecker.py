"""K-FAC and EK-FAC against the curvature as a matrix."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from nets import Fixed, Net, rows_of
from scipy.linalg import block_diag

from assay import AssayError, Features
from assay._curvature.kronecker import Kronecker
from assay._curvature.terms import ERROR
from assay._gradients.features import full
from assay._gradients.layers import Full, Outer

BOTH = pytest.mark.parametrize("corrected", [True, False])


def kronecker_fisher(tokens=1, seed=0):
    """Roots over all pairs of an input and a gradient, so that the matrix is S ⊗ A; and a damped inverse."""
    rng = np.random.default_rng(seed)
    a, b = (
        rng.normal(size=(7, 4)) @ rng.normal(size=(4, 4)),
        rng.normal(size=(6, 3)) @ rng.normal(size=(3, 3)),
    )
    pairs = Outer(np.repeat(a, 6, axis=0)[:, None], np.tile(b, (7, 1))[:, None])
    return Fixed([Features([pairs])]), np.kron(b.T @ b / 6, a.T @ a / 7) * 42


def blocks_of(matrix, widths):
    """The blocks of the layers alone."""
    return block_diag(*(matrix[i:j, i:j] for i, j in pairwise(np.cumsum([0, *widths]))))


def check(metric, matrix, features, rtol=1e-8):
    """Every way through the metric is that of the inverse matrix."""
    g, inverse = features.dense().astype(float), np.linalg.inv(matrix)
    np.testing.assert_allclose(metric.solve(features).dense(), g @ inverse, rtol=rtol, atol=rtol)
    scores = metric.against(features)(features)
    assert np.linalg.norm(scores - g @ inverse @ g.T) <= 2e-6 * np.linalg.norm(scores)
    np.testing.assert_allclose(metric.squares(features), np.diag(g @ inverse @ g.T), rtol=rtol)
    np.testing.assert_allclose(metric.sizes(features), np.linalg.norm(g @ inverse, axis=1), rtol=rtol)


@BOTH
def test_kronecker_fisher_is_exact(corrected):
    """Where the matrix is a Kronecker product both are its damped inverse: no eigenbasis is transposed."""
    gradients, matrix = kronecker_fisher()
    metric = Kronecker(gradients, range(42), 0.05, corrected=corrected)
    check(metric, matrix + 42 * 0.05 * np.eye(12), gradients.rows(None))


@BOTH
def test_penalty_and_damping_are_of_the_sum(corrected):
    """A constant penalty is added as it is, damping n times: as in the exact inverse."""
    gradients, matrix = kronecker_fisher()
    gradients._ridge = 0.7
    metric = Kronecker(gradients, range(42), 0.05, corrected=corrected)
    check(metric, matrix + (0.7 + 42 * 0.05) * np.eye(12), gradients.rows(None))


def test_kfac_of_deep_linear_net_is_gauss_newton():
    """For a deep linear net and squared error K-FAC is the Gauss-Newton matrix, layer by layer."""
    net, data = Net((5, 4, 6, 3), act="none", loss="squared"), rows_of(30)
    matrix = blocks_of(net.gauss_newton(data), net.widths)
    metric = Kronecker(net, data, 0.1, corrected=False)
    check(metric, matrix + 30 * 0.1 * np.eye(len(matrix)), net.rows(data))


def test_kfac_of_one_row_is_gauss_newton():
    """For one row K-FAC is the Gauss-Newton matrix, whatever the net."""
    net, data = Net((5, 4, 3)), rows_of(1)
    matrix = blocks_of(net.gauss_newton(data), net.widths)
    metric = Kronecker(net, data, 0.1, corrected=False)
    check(metric, matrix + 0.1 * np.eye(len(matrix)), net.rows(data))


@pytest.mark.parametrize("tokens", [1, 3])
def test_ekfac_eigenvalues_are_the_best_diagonal(tokens):
    """EK-FAC's curvature along pairs of eigenvectors is that of the rows' summed tokens, by plain loops."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(9, tokens, 4))
    roots = [Features([Outer(a, rng.normal(size=(9, tokens, 3)))]) for _ in range(2)]
    counts = rng.uniform(0.5, 2, 9)
    metric = Kronecker(Fixed(roots, counts=counts), range(9), 0.1)
    layer = metric.layers[0]
    truth = np.zeros((3, 4))
    for root in roots:
        for i, row in enumerate(root.dense().reshape(9, 3, 4)):
            truth += counts[i] * (layer.outward.T @ row @ layer.inward) ** 2
    np.testing.assert_allclose(layer.curvature, truth + 9 * 0.1, rtol=1e-10)
    basis = np.kron(layer.outward, layer.inward)
    check(metric, basis @ np.diag(layer.curvature.ravel()) @ basis.T, roots[0])


@BOTH
def test_a_weight_is_a_count(corrected):
    """A row that counts twice is two rows."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(8, 1, 4)), rng.normal(size=(8, 1, 3))
    once, counts = np.arange(8), 1.0 + (np.arange(8) < 3)
    twice = np.concatenate([once, once[:3]])
    whole = Kronecker(Fixed([Features([Outer(a[twice], b[twice])])]), range(11), 0.1, corrected=corrected)
    short = Kronecker(
        Fixed([Features([Outer(a, b)])], counts=counts), range(8), 0.1 * 11 / 8, corrected=corrected
    )
    np.testing.assert_allclose(*(m.solve(Features([Outer(a, b)])).dense() for m in (whole, short)), rtol=1e-9)


@BOTH
def test_layers_in_full_have_their_block(corrected):
    """A layer without factors is its exact block, and from 2,000 parameters the diagonal of it."""
    rng = np.random.default_rng(0)
    small, wide = rng.normal(size=(20, 6)), rng.normal(size=(20, 2001))
    roots = Features([Full(small), Full(wide)])
    metric = Kronecker(Fixed([roots], ridge=0.3), range(20), 0.1, corrected=corrected)
    solved = metric.solve(roots)
    truth = small @ np.linalg.inv(small.T @ small + (0.3 + 2) * np.eye(6))
    np.testing.assert_allclose(solved.layers[0].g, truth, rtol=1e-9)
    np.testing.assert_allclose(solved.layers[1].g, wide / ((wide**2).sum(axis=0) + 2.3), rtol=1e-9)
    np.testing.assert_allclose(metric.squares(roots), roots.rowdot(solved), rtol=1e-9)
    np.testing.assert_allclose(metric.sizes(roots), solved.norms(), rtol=1e-9)


def test_uneven_penalty_is_taken_along_the_eigenvectors():
    """A penalty that differs within a layer adds its part along each pair of eigenvectors."""
    gradients, _ = kronecker_fisher()
    gradients._ridge = np.arange(12.0)
    layer = Kronecker(gradients, range(42), 0.05).layers[0]
    gradients._ridge = 0.0
    plain = Kronecker(gradients, range(42), 0.05).layers[0]
    basis = np.kron(layer.outward, layer.inward)
    added = np.diag(basis.T @ np.diag(np.arange(12.0)) @ basis).reshape(3, 4)
    np.testing.assert_allclose(layer.curvature, plain.curvature + added, rtol=1e-9)


def test_a_query_in_full_is_one_in_factors():
    """Queries and rows multiplied out get the scores that factors get."""
    net, data = Net((5, 4, 3)), rows_of(40)
    rows = net.rows(data)
    dense = full(rows.dense(), net.widths)
    for corrected in (True, False):
        metric = Kronecker(net, data, corrected=corrected)
        truth = rows.gram(metric.solve(rows))
        for train in (rows, dense):
            for query in (rows, dense):
                np.testing.assert_allclose(metric.against(query)(train), truth, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(metric.squares(dense), np.diag(truth), rtol=1e-9)


def test_short_sums_of_kfac_are_as_near_as_they_say():
    """Terms that K-FAC leaves out cost what the note says: less than a ten thousandth of the scores."""
    net, data, queries = Net((30, 40, 3), act="relu"), rows_of(400, 30), rows_of(50, 30, seed=2)
    metric = Kronecker(net, data, corrected=False)
    truth = net.rows(data).gram(metric.solve(net.rows(queries)))
    found = metric.against(net.rows(queries))(net.rows(data))
    told = float(metric.note.split("terms left out: ")[1].split()[0])
    assert 0 < told <= ERROR
    assert np.linalg.norm(found - truth) <= 3 * told * np.linalg.norm(truth)


def test_damping_is_a_tenth_of_the_mean_by_default():
    """Each layer's own damping is a tenth of its mean curvature, of the mean loss."""
    net, data = Net((5, 4, 3)), rows_of(40)
    ends = np.cumsum(net.widths)[:-1]
    for layer, part in zip(
        Kronecker(net, data).layers, np.split(np.diag(net.gauss_newton(data)), ends), strict=True
    ):
        assert layer.damping == pytest.approx(0.1 * part.mean() / 40)


@BOTH
def test_rows_without_gradients_score_nothing(corrected):
    """A row whose gradient is 0 scores 0; where no row has any, all do, and nothing is divided by 0."""
    a, b = np.ones((6, 1, 3)), np.zeros((6, 1, 2))
    none = Features([Outer(a, b), Full(np.zeros((6, 4)))])
    metric = Kronecker(Fixed([none]), range(6), corrected=corrected)
    np.testing.assert_array_equal(metric.against(none)(none), np.zeros((6, 6)))
    np.testing.assert_array_equal(metric.squares(none), np.zeros(6))


@pytest.mark.parametrize("layer", [Outer(np.ones((3, 1, 2)), np.ones((3, 1, 2))), Full(np.ones((3, 4)))])
def test_no_damping_where_it_is_needed_is_refused(layer):
    """A direction without curvature, penalty or damping is refused, with the fix."""
    with pytest.raises(AssayError, match="raise `damping`"):
        Kronecker(Fixed([Features([layer])]), range(3), 0.0)


def test_order_of_rows_does_not_matter():
    """Permuting training rows changes no score beyond rounding."""
    net, data = Net((5, 4, 3)), rows_of(40)
    mixed = data.take(np.random.default_rng(0).permutation(40))
    a, b = (Kronecker(net, rows).solve(net.rows(data)).dense() for rows in (data, mixed))
    np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)
