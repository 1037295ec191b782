"""Space: distances by matrix products are right up to the tolerance they state, and exact ones are exact."""

from __future__ import annotations

import numpy as np
import pytest
from neighbours import METRICS, coarse, far, larger, sparse

from assay import ApproximateKNNShapley, Data, KNNShapley, Problem, value
from assay.methods.neighbors._lengths import lengths
from assay.methods.neighbors._space import Space


def tables(problem: Problem, metric: str, shift: float = 0.0):
    """The space of a problem moved from the origin, and all its distances, (m, n)."""
    moved = [data if shift == 0 else Data(data.X + shift, data.y) for data in (problem.train, problem.valid)]
    space = Space.of(*moved, metric)
    return space, space.offset + space.factor * space.table(0, len(space.points)), moved


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shift", [0.0, 1e3, 1e6])
def test_distances_differ_from_the_true_ones_by_a_constant_at_most(metric, shift):
    """To each judge, differences between rows are those of (squared) distances, within the tolerance."""
    space, table, (train, valid) = tables(larger(400, 12, 7), metric, shift)
    for judge, x in enumerate(valid.X):
        true = np.longdouble(train.X) - np.longdouble(x)
        if metric == "cosine":
            X, point = np.longdouble(train.X), np.longdouble(x)
            true = -(X @ point) / np.sqrt((X**2).sum(axis=1) * (point**2).sum())
        else:
            true = (true**2).sum(axis=1) if metric == "euclidean" else np.abs(true).sum(axis=1)
        wrong = table[judge] - true
        slack = space.tolerance[judge] or 1e-13 * float(np.abs(true).max())
        assert np.ptp(wrong) <= slack


def test_equal_rows_are_equally_far_within_the_tolerance():
    """Copies scattered over a table differ by less than the tolerance, which is far below their distances."""
    rng = np.random.default_rng(0)
    X = np.tile(rng.normal(size=33) * 10 + 1e4, (3000, 1))
    X[::2] += rng.normal(size=(1500, 33))
    for metric in ("euclidean", "cosine"):
        space = Space.of(Data(X), Data(rng.normal(size=(40, 33)) * 10 + 1e4), metric)
        table = space.offset + space.factor * space.table(0, 40)
        assert (np.ptp(table[:, 1::2], axis=1) <= space.tolerance).all()
        copies = np.arange(1, 3000, 2)
        for judge in range(40):
            exact = space.exact(judge, copies, table[judge])
            assert len(set(exact.tolist())) == 1
            measured = lengths(space, judge, copies, table[judge])
            assert len(set(measured.tolist())) == 1


def test_whole_numbers_need_no_tolerance():
    """Squared distances of whole numbers are exact as they are; not those of fractions or large ones."""
    rng = np.random.default_rng(1)
    X, x = rng.integers(-1000, 1000, (500, 9)), rng.integers(-1000, 1000, (8, 9))
    space = Space.of(Data(X), Data(x), "euclidean")
    assert space.whole
    assert (space.tolerance == 0).all()
    table = space.offset + space.factor * space.table(0, 8)
    true = ((X[None] - x[:, None]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(table - table[:, :1], true - true[:, :1])
    assert not Space.of(Data(X + 0.5), Data(x), "euclidean").whole
    assert not Space.of(Data(X), Data(x + 0.5), "euclidean").whole
    assert not Space.of(Data(X * 10**6), Data(x), "euclidean").whole


@pytest.mark.parametrize("metric", METRICS)
def test_sparse_and_dense_rows_measure_to_the_same_bits(metric):
    """Exact distances and lengths of CSR rows are those of dense rows, in float32 and in float64."""
    problem = coarse(300, 6, 20)
    rows = np.arange(300)
    dense, table, _ = tables(problem, metric)
    for kind in (np.float32, float):
        thin, thin_table, _ = tables(sparse(problem, kind), metric)
        for judge, x in enumerate(problem.valid.X):
            measured = lengths(thin, judge, rows, thin_table[judge])
            np.testing.assert_array_equal(measured, lengths(dense, judge, rows, table[judge]))
            np.testing.assert_allclose(measured, far(problem.train.X, x, metric), atol=1e-12)


def test_lengths_of_sparse_rows_of_any_numbers_are_those_of_dense_rows():
    """Fractions that add up with rounding do so in one order."""
    rng = np.random.default_rng(2)
    X, x = (rng.normal(size=(n, 40)) * (rng.random((n, 40)) < 0.3) for n in (200, 9))
    problem = Problem(Data(X, np.zeros(200, int)), Data(x, np.zeros(9, int)))
    for metric in ("euclidean", "cosine"):
        spaces = [Space.of(p.train, p.valid, metric) for p in (problem, sparse(problem))]
        for judge in range(9):
            dense, thin = (lengths(s, judge, np.arange(200), s.table(judge, judge + 1)[0]) for s in spaces)
            np.testing.assert_allclose(thin, dense, rtol=0 if metric == "euclidean" else 1e-12, atol=1e-15)


def test_sparse_rows_far_from_the_origin_are_in_the_order_of_dense_ones():
    """Where lengths of rows drown what sets them apart, differences decide, as among dense rows."""
    rng = np.random.default_rng(4)
    X, x = (1e8 + rng.integers(0, 9, (n, 3)) / 2 for n in (200, 5))
    problem = Problem(Data(X, np.arange(200) % 2), Data(x, np.arange(5) % 2))
    dense, thin = (Space.of(p.train, p.valid, "euclidean") for p in (problem, sparse(problem)))
    for judge in range(5):
        exact = thin.exact(judge, np.arange(200), thin.table(judge, judge + 1)[0])
        np.testing.assert_array_equal(exact, ((X - x[judge]) ** 2).sum(axis=1))
    methods = (KNNShapley(k=3), ApproximateKNNShapley(k=3, epsilon=0.05))
    assert not dense.whole
    for method in methods:
        np.testing.assert_array_equal(value(sparse(problem), method).values, value(problem, method).values)


def test_a_row_of_zeros_is_at_a_right_angle():
    """By the cosine, zeros are as far as anything at a right angle; equal directions are at distance 0."""
    rng = np.random.default_rng(3)
    X = np.vstack([np.zeros(5), np.outer(np.arange(1, 10), rng.normal(size=5))])
    space = Space.of(Data(X), Data(X[1:2] / 7), "cosine")
    got = lengths(space, 0, np.arange(10), space.factor * space.table(0, 1)[0])
    assert got.tolist() == [1.0, *[0.0] * 9]
