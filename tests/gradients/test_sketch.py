"""Sketches of gradients."""

from __future__ import annotations

import numpy as np
import pytest
from joblib import parallel_config
from scipy.sparse import csr_array

from assay import AssayError
from assay._gradients.features import Features
from assay._gradients.layers import Full, Outer, Sparse
from assay._gradients.sketch import alike, sketch_error, sketched

SEEDS = 200


def rows(n: int = 6, seed: int = 0) -> Features:
    """Rows of every kind of layer: one token, three tokens, in full, sparse; with some zeros."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n, 40)) * (rng.random((n, 40)) < 0.2)
    return Features(
        [
            Outer(np.maximum(rng.normal(size=(n, 1, 9)), 0), rng.normal(size=(n, 1, 4))),
            Outer(rng.normal(size=(n, 3, 5)), rng.normal(size=(n, 3, 6))),
            Full(rng.normal(size=(n, 8))),
            Sparse(csr_array(table)),
        ]
    )


def products(features: Features, size: int) -> np.ndarray:
    """Products of rows sketched by many seeds, (seeds, n, n)."""
    return np.array([(s := sketched(features, size, seed)).gram(s) for seed in range(SEEDS)])


def test_products_are_unbiased():
    """Products of sketches average to the exact ones over seeds, within their standard errors."""
    features = rows()
    found = products(features, 16)
    z = (found.mean(axis=0) - features.gram(features)) / (found.std(axis=0, ddof=1) / np.sqrt(SEEDS))
    assert np.abs(z[np.triu_indices(6)]).max() < 4


@pytest.mark.parametrize("size", [8, 64])
def test_variance_is_that_of_theory(size):
    """The variance of a product is (|x|² |y|² + (x.y)² - 2 Σ x² y²) / size, the count sketch's."""
    features = rows()
    x = features.dense()
    exact, squares = x @ x.T, (x**2) @ (x**2).T
    lengths = np.diag(exact)
    theory = (np.outer(lengths, lengths) + exact**2 - 2 * squares) / size
    share = products(features, size).var(axis=0, ddof=1) / theory
    upper = np.triu_indices(6)
    assert 0.9 < share[upper].mean() < 1.1
    assert share[upper].min() > 0.6
    assert share[upper].max() < 1.6


def wide(n: int = 6, seed: int = 0) -> Features:
    """Factors of 3,600 parameters and two tokens, and a small layer in full."""
    rng = np.random.default_rng(seed)
    sides = (rng.normal(size=(n, 2, width)) for width in (90, 40))
    return Features([Outer(*sides), Full(rng.normal(size=(n, 5)))])


def test_wide_factors_are_unbiased_within_the_bound_of_theory():
    """A TensorSketch averages to the exact products; its variance is at most 8 |x|² |y|² / size."""
    features = wide()
    exact = features.gram(features)
    found = products(features, 16)
    upper = np.triu_indices(6)
    z = (found.mean(axis=0) - exact) / (found.std(axis=0, ddof=1) / np.sqrt(SEEDS))
    assert np.abs(z[upper]).max() < 4
    lengths = np.outer(np.diag(exact), np.diag(exact))
    assert (found.var(axis=0) <= 8 * lengths / 16)[upper].all()
    assert 0.6 < (found.var(axis=0) * 16 / (lengths + exact**2))[upper].mean() < 2


def test_wide_factors_are_sketched_by_the_sum_of_the_buckets_of_both_sides():
    """One entry a_i b_j falls into the bucket h(i) + h(j), once, with its size."""
    a, b = np.zeros((1, 1, 90)), np.zeros((1, 1, 40))
    a[0, 0, 7], b[0, 0, 3] = 2.0, -3.0
    found = sketched(Features([Outer(a, b)]), 15, 4).dense()[0]
    np.testing.assert_allclose(np.sort(np.abs(found))[::-1], [6.0] + [0.0] * 14, atol=1e-12)


def test_wide_rows_sketched_apart_get_what_they_get_together():
    """Appended rows of wide layers have the sketch that they would have had among the others."""
    features = wide(50)
    together = sketched(features, 32, 1).dense()
    apart = [sketched(features.take(part), 32, 1).dense() for part in (slice(0, 30), slice(30, 50))]
    np.testing.assert_allclose(together, np.concatenate(apart), rtol=0, atol=1e-12)


def test_forms_are_made_alike():
    """Where a layer is in full on one side, it is so on both, and products stay what they were."""
    left, right = wide(4), wide(3, seed=1)
    right = Features([Full(right.layers[0].dense()), right.layers[1]])
    one, other = alike(left, right)
    assert [type(layer) for layer in one.layers] == [type(layer) for layer in other.layers] == [Full, Full]
    np.testing.assert_allclose(one.gram(other), left.gram(right), rtol=1e-10, atol=1e-10)


def test_same_seed_same_sketch():
    """A seed gives one sketch, whatever the number of threads; another seed another."""
    features = rows(1500)
    with parallel_config(n_jobs=2):
        two = sketched(features, 32, 5)
    one = sketched(features, 32, 5)
    assert one.dense().tobytes() == two.dense().tobytes()
    assert not np.allclose(one.dense(), sketched(features, 32, 6).dense())


def test_rows_sketched_apart_get_what_they_get_together():
    """Appended rows have the sketch that they would have had among the others."""
    features = rows(50)
    together = sketched(features, 32, 1).dense()
    apart = [sketched(features.take(part), 32, 1).dense() for part in (slice(0, 30), slice(30, 50))]
    np.testing.assert_array_equal(together, np.concatenate(apart))


def test_factors_are_sketched_as_what_they_multiply_out_to():
    """A layer of factors, of one token or several, has the sketch of its gradients in full."""
    features = rows()
    plain = Features([Full(layer.dense()) for layer in features.layers])
    np.testing.assert_allclose(sketched(features, 16, 2).dense(), sketched(plain, 16, 2).dense(), atol=1e-12)


def test_layers_have_independent_signs():
    """Two layers of the same numbers do not fall into the same buckets with the same signs."""
    g = np.random.default_rng(0).normal(size=(3, 30))
    both = sketched(Features([Full(g), Full(g)]), 256, 0).dense()
    assert not np.allclose(both, 2 * sketched(Features([Full(g)]), 256, 0).dense())


def test_float32_stays_float32():
    """The sketch has the precision of the rows."""
    features = Features([Full(np.ones((2, 5), np.float32))])
    assert sketched(features, 4, 0).layers[0].dense().dtype == np.float32


def test_the_error_that_is_told_is_the_one_made():
    """`sketch_error` is near 1 / sqrt(size) for wide rows, and 0 for a sketch that is exact."""
    wide = Features([Full(np.random.default_rng(0).normal(size=(100, 3000)))])
    told = sketch_error(wide, sketched(wide, 400, 0))
    assert told == pytest.approx(400**-0.5, rel=0.1)
    assert sketch_error(wide, wide) == 0


def test_a_sketch_needs_a_size():
    """A size below 1 is refused."""
    with pytest.raises(AssayError, match="size of a sketch is 0; it needs to be at least 1"):
        sketched(rows(), 0, 0)
