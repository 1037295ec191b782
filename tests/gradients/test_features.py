"""Features: products of gradients that are never multiplied out are those of the gradients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from assay import AssayError, Features
from assay._gradients.features import full
from assay._gradients.layers import Full, Outer, Sparse

SHAPES = [(1, 3, 4), (2, 3, 4), (9, 2, 3)]  # tokens, in, out: by factors, and multiplied out


def outer(rng, n: int, tokens: int, width: int, out: int) -> Outer:
    """Random factors."""
    return Outer(rng.normal(size=(n, tokens, width)), rng.normal(size=(n, tokens, out)))


def written_out(layer) -> np.ndarray:
    """The gradients of an outer layer by its definition, row by row and token by token."""
    rows = zip(layer.a, layer.b, strict=True)
    return np.array([sum(np.outer(b, a) for a, b in zip(*row, strict=True)).ravel() for row in rows])


def layers(n: int, seed: int) -> list:
    """One layer of each kind and shape."""
    rng = np.random.default_rng(seed)
    sparse = csr_array(rng.normal(size=(n, 5)) * (rng.random((n, 5)) < 0.4))
    return [*(outer(rng, n, *shape) for shape in SHAPES), Full(rng.normal(size=(n, 6))), Sparse(sparse)]


@pytest.mark.parametrize("shape", SHAPES)
def test_outer_products_are_summed_over_tokens(shape):
    """The gradient of a row is the sum of the outer products of its tokens."""
    layer = outer(np.random.default_rng(0), 5, *shape)
    np.testing.assert_allclose(layer.dense(), written_out(layer), atol=1e-12)


@pytest.mark.parametrize("kind", range(5))
def test_products_equal_those_of_dense_rows(kind):
    """Gram, row products, products with a vector, sums and lengths are those of the vectors."""
    one, two = Features([layers(7, 1)[kind]]), Features([layers(7, 2)[kind]])
    g, h, v = one.dense(), two.dense(), np.random.default_rng(3).normal(size=one.width)
    np.testing.assert_allclose(one.gram(two), g @ h.T, atol=1e-12)
    np.testing.assert_allclose(one.gram(full(h, two.widths)), g @ h.T, atol=1e-12)
    np.testing.assert_allclose(full(g, one.widths).gram(two), g @ h.T, atol=1e-12)
    np.testing.assert_allclose(one.rowdot(two), (g * h).sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(one.rowdot(full(h, two.widths)), (g * h).sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(full(g, one.widths).rowdot(two), (g * h).sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(one.along(v), g @ v, atol=1e-12)
    np.testing.assert_allclose(one.norms(), np.linalg.norm(g, axis=1), atol=1e-12)
    weights = np.arange(7.0)
    np.testing.assert_allclose(one.total(weights).dense()[0], weights @ g, atol=1e-12)
    np.testing.assert_allclose(one.scaled(weights).dense(), weights[:, None] * g, atol=1e-12)
    np.testing.assert_allclose(one.gram(two.total(weights))[:, 0], g @ (weights @ h), atol=1e-12)


def test_layers_add_up():
    """Features of several layers are one vector: products sum over layers, rows are taken from all."""
    one, two = Features(layers(600, 1)), Features(layers(8, 2))
    g, h = one.dense(), two.dense()
    assert one.width == g.shape[1] == sum(one.widths)
    np.testing.assert_allclose(one.gram(two), g @ h.T, atol=1e-11)  # 600 rows are two blocks
    rows = np.array([599, 3, 3])
    np.testing.assert_allclose(one.take(rows).dense(), g[rows], atol=0)
    np.testing.assert_allclose(one.along(h[0]), g @ h[0], atol=1e-11)


def test_factors_are_smaller():
    """Factors of one outer product take A + B numbers a row, not A times B."""
    layer = outer(np.random.default_rng(0), 10, 1, 100, 50)
    assert layer.nbytes == 8 * 10 * 150
    assert layer.width == 5000


def test_layers_that_do_not_match_are_refused():
    """Features of two models are not multiplied."""
    rng = np.random.default_rng(0)
    one, two = Features([outer(rng, 3, 1, 2, 2)]), Features([outer(rng, 3, 1, 2, 3)])
    with pytest.raises(AssayError, match=r"layers of \[6\] numbers.*\[4\]"):
        one.gram(two)
