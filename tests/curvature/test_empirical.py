"""The rows' own second moment as a metric."""

from __future__ import annotations

import numpy as np
import pytest

from assay import AssayError
from assay._curvature.empirical import Empirical
from assay._curvature.kernel import kernel
from assay._gradients.features import Features
from assay._gradients.layers import Full, Outer


def rows(n: int, seed: int) -> Features:
    """A layer of factors and one in full, 32 numbers."""
    rng = np.random.default_rng(seed)
    return Features(
        [Outer(rng.normal(size=(n, 2, 5)), rng.normal(size=(n, 2, 4))), Full(rng.normal(size=(n, 12)))]
    )


@pytest.fixture(params=[(20, None), (20, "ridge"), (20, "mixed"), (90, None), (90, "mixed")])
def case(request):
    """Rows, the metric and its inverse written out: fewer and more rows than numbers, by penalty."""
    n, kind = request.param
    features = rows(n, 0)
    penalty = {None: None, "ridge": np.full(32, 0.3), "mixed": np.arange(32) / 8}[kind]
    g = features.dense()
    matrix = g.T @ g + np.diag(n * 0.05 + (np.zeros(32) if penalty is None else penalty))
    return features, Empirical(features, 0.05, penalty), np.linalg.inv(matrix)


def test_solves_like_the_inverse_written_out(case):
    """A query, solved, is the inverse times it."""
    _, metric, inverse = case
    query = rows(7, 1)
    np.testing.assert_allclose(metric.solve(query).dense(), query.dense() @ inverse, rtol=1e-10, atol=1e-12)


def test_scores_are_products_with_the_inverse(case):
    """Scores of the rows themselves, and of others, are g_i' H^-1 q; and g' H^-1 g for each with itself."""
    features, metric, inverse = case
    query, other = rows(7, 1), rows(9, 2)
    for found, train in ((metric.of_rows(query), features), (metric.against(query)(other), other)):
        np.testing.assert_allclose(found, train.dense() @ inverse @ query.dense().T, rtol=1e-9, atol=1e-11)
    squares = np.einsum("ip,pq,iq->i", other.dense(), inverse, other.dense())
    np.testing.assert_allclose(metric.squares(other), squares, rtol=1e-9)


def test_condition_is_that_of_the_matrix():
    """The condition number that is told is within a factor of 3 of the matrix's by the 1-norm."""
    features = rows(20, 0)
    matrix = features.gram(features) + 20 * 0.05 * np.eye(20)
    told = float(Empirical(features, 0.05).note.split("condition ")[1])
    assert told == pytest.approx(np.linalg.cond(matrix, 1), rel=2 / 3)


def test_default_damping_is_a_rows_share():
    """Without a damping, a row's mean squared length is added to the sum, times the share."""
    features = rows(20, 0)
    lengths = (features.dense() ** 2).sum(axis=1).mean()
    assert Empirical(features).damping == pytest.approx(lengths / 20)
    assert Empirical(features, share=3).damping == pytest.approx(3 * lengths / 20)


def test_rows_without_gradients_score_nothing():
    """Where all gradients are 0, so are all scores."""
    features = Features([Full(np.zeros((3, 5)))])
    assert not Empirical(features).of_rows(features).any()


def test_a_kernel_of_several_tiles_is_the_gram():
    """Tiles of 512 rows put together are the products of all rows, below the diagonal."""
    features = rows(1100, 0)
    np.testing.assert_allclose(np.tril(kernel(features)), np.tril(features.gram(features)), rtol=1e-12)


def test_what_has_no_inverse_is_refused():
    """Copies of one row, without damping, determine nothing; nor do too many rows of too many numbers fit."""
    with pytest.raises(AssayError, match=r"no inverse.* raise `damping`"):
        Empirical(Features([Full(np.ones((9, 4)))]), 0.0)
    wide = Features([Full(np.broadcast_to(np.zeros(1), (20_001, 20_001)))])
    with pytest.raises(AssayError, match=r"20,001 rows of 20,001 numbers .* sketch the rows first"):
        Empirical(wide)
