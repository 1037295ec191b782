"""ApproximateKNNShapley is the truncated recurrence over the true nearest rows, and within its bound."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from neighbours import CLASSES, METRICS, NUMBERS, larger, near, problems, sparse

from assay import ApproximateKNNShapley, AssayError, Data, KNNShapley, Problem, value
from assay.methods.neighbors._hashed import collision
from assay.methods.neighbors._nearest import nearest


def values(problem: Problem, **how):
    """The valuation to each judge, quietly."""
    jobs = how.pop("n_jobs", None)
    return value(problem, ApproximateKNNShapley(**{"per_valid": True, **how}), n_jobs=jobs, progress=False)


def exact(problem: Problem, k: int, metric: str = "euclidean") -> np.ndarray:
    """Exact values (n, m) to each judge."""
    return value(problem, KNNShapley(k=k, metric=metric, per_valid=True), progress=False).per_valid


def truncated(problem: Problem, k: int, count: int, metric: str) -> np.ndarray:
    """The definition: exact values less the value of the K*-th nearest row, 0 from there on."""
    out, truth = np.zeros((problem.n, len(problem.valid))), exact(problem, k, metric)
    for judge, x in enumerate(np.asarray(problem.valid.X, float)):
        order = near(np.asarray(problem.train.X, float), x, metric)[:count]
        out[order, judge] = truth[order, judge] - truth[order[-1], judge]
    return out


@given(problems(CLASSES, most=30), st.integers(1, 6), st.sampled_from([0.9, 0.5, 0.26, 0.1]))
def test_classes_are_within_epsilon_of_exact(problem, k, epsilon):
    """No value to any judge is off by more than epsilon: ties, equal rows, every k and K*."""
    got, truth = values(problem, k=k, epsilon=epsilon).per_valid, exact(problem, k)
    assert np.abs(got - truth).max() <= epsilon + 1e-12


@given(problems(NUMBERS, most=30), st.integers(1, 6), st.sampled_from([30.0, 15.0, 8.0, 4.0]))
def test_numbers_are_within_epsilon_of_exact(problem, k, epsilon):
    """The bound for numbers holds too; labels of up to 3 make K* 90 / epsilon."""
    got, truth = values(problem, k=k, epsilon=epsilon).per_valid, exact(problem, k)
    assert np.abs(got - truth).max() <= epsilon + 1e-12


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("labels", ["classes", "several"])
def test_is_the_truncated_recurrence(labels, metric):
    """Values are exact ones less that of the K*-th nearest row, and 0 beyond, for every metric."""
    problem = larger(400, 7, 4, labels)
    got = values(problem, k=3, epsilon=0.05, metric=metric)
    np.testing.assert_allclose(got.per_valid, truncated(problem, 3, 20, metric), atol=1e-12)
    np.testing.assert_allclose(got.values, got.per_valid.mean(axis=1), atol=1e-15)


def test_numbers_far_fewer_than_rows():
    """With K* = 360 of 3,000 rows the values of numbers are near exact ones, and none beyond has any."""
    problem = larger(3000, 5, 3, "numbers")
    size = max(np.abs(problem.train.y).max(), np.abs(problem.valid.y).max())
    got = values(problem, k=4, epsilon=10 * size**2 / 360).per_valid
    assert ((got != 0).sum(axis=0) == 359).all()
    assert np.abs(got - exact(problem, 4)).max() <= 10 * size**2 / 360


@pytest.mark.parametrize("kind", [float, np.float32])
@pytest.mark.parametrize("spread", [1.0, 1e-30, 1e30])
@pytest.mark.parametrize("where", [0.0, 1e6])
def test_selection_finds_what_sorting_finds(kind, spread, where):
    """Nearest rows are those of a stable sort of exact distances, wherever rows are, beside an outlier."""
    rng = np.random.default_rng(3)
    X, points = rng.normal(size=(5000, 6)), rng.normal(size=(9, 6))
    X[17] *= 1e5
    X, points = (((part + where) * spread).astype(kind) for part in (X, points))
    train, valid = Data(X), Data(points)
    got = nearest(train, valid, "euclidean").rows(2, 9, 40)
    for rows, x in zip(got, valid.dense[2:], strict=True):
        np.testing.assert_array_equal(rows, near(train.dense, x)[:40])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("thin", [False, True])
def test_ties_come_in_row_order(metric, thin):
    """Where thousands of rows are equally far, the first ones are taken, dense or sparse."""
    rng = np.random.default_rng(0)
    problem = Problem(
        *(Data(rng.integers(0, 2, (n, 3)).astype(float), rng.integers(0, 2, n)) for n in (4500, 4))
    )
    given_, truth = (
        sparse(problem) if thin else problem,
        [near(problem.train.X, x, metric) for x in problem.valid.X],
    )
    got = nearest(given_.train, given_.valid, metric).rows(0, 4, 700)
    np.testing.assert_array_equal(got, [order[:700] for order in truth])


def test_same_bits_for_any_number_of_workers():
    """Blocks of judges are added up in their order."""
    problem = larger(2500, 200, 5)
    one, two = (values(problem, n_jobs=jobs, per_valid=False).values for jobs in (1, 2))
    assert one.tobytes() == two.tobytes()


def test_says_what_was_compared():
    """The error that `why` tells is that of the judges it was measured on."""
    problem = larger(1500, 6, 3)
    valuation = values(problem, k=2, epsilon=0.02)
    largest = np.abs(valuation.per_valid - exact(problem, 2)).max()
    assert "the 50 nearest rows of each judge share; to 6 judges" in valuation.why
    assert f"a value is off by at most {largest:.2g} and" in valuation.why
    assert valuation.why.endswith("the bound is 0.02")


def test_is_exact_where_all_rows_share():
    """Where K* reaches n, values are those of KNNShapley, bit for bit."""
    problem = larger(60, 4, 3)
    valuation = values(problem, k=3, epsilon=1 / 60)
    assert valuation.per_valid.tobytes() == exact(problem, 3).tobytes()
    assert valuation.why == "exact: all 60 rows share, for K* is no less"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"epsilon": 0}, "epsilon is 0; it needs to be above 0"),
        ({"epsilon": np.nan}, "epsilon is nan"),
        ({"epsilon": np.inf}, "epsilon is inf"),
        ({"epsilon": "low"}, "epsilon is 'low'"),
        ({"epsilon": True}, "epsilon is True"),
        ({"k": 0}, "k is 0"),
        ({"metric": "chebyshev"}, "metric is 'chebyshev'"),
        ({"index": "tree"}, "index is 'tree'; choose one of exact, ivf, lsh"),
        ({"index": "lsh", "metric": "manhattan"}, "index 'lsh' has no Manhattan distances"),
    ],
)
def test_bad_settings_are_refused(setting, words):
    """A setting that cannot be used is named, when made and when set later."""
    with pytest.raises(AssayError, match=f"^ApproximateKNNShapley.{words}"):
        ApproximateKNNShapley(**setting)
    method = ApproximateKNNShapley()
    method.set_params(**setting)
    with pytest.raises(AssayError, match=words):
        value(larger(20, 2, 2), method, progress=False)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("index", ["ivf", "lsh"])
def test_an_index_orders_what_it_finds(index, metric):
    """Rows from an index are in the order of the sort, most of the nearest among them, -1 after the last."""
    if index == "ivf":
        pytest.importorskip("faiss", reason="extra `index` is not installed")
    problem, count = larger(3000, 40, 8), 30
    made = ApproximateKNNShapley(epsilon=1 / count, index=index, metric=metric)
    finder = made._finder(problem, count, np.random.default_rng([1, 0]))
    listed = finder.rows(0, 40, count)
    recall = []
    for rows, x in zip(listed, problem.valid.X, strict=True):
        order, found = near(problem.train.X, x, metric), (rows >= 0).sum()
        assert (np.diff(np.argsort(order)[rows[:found]]) > 0).all()
        assert (rows[found:] == -1).all()
        recall.append(np.isin(order[:count], rows).mean())
    assert np.mean(recall) > 0.8
    assert "no bound holds" in value(problem, made, progress=False).why


def test_a_missing_index_names_its_extra(monkeypatch):
    """Without faiss the error names what to install."""
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(AssayError, match=r"needs faiss; install assay\[index\]"):
        values(larger(500, 2, 2), index="ivf", epsilon=0.1)


def test_hashes_meet_as_often_as_the_law_says():
    """Intervals of normal projections hold two rows at distance c as often as Datar et al. (2004) say."""
    rng = np.random.default_rng(0)
    for distance in (0.3, 1.0, 4.0):
        at = rng.random(200_000) * 2.0
        moved = at + distance * rng.standard_normal(200_000)
        met = (np.floor(at / 2.0) == np.floor(moved / 2.0)).mean()
        assert collision(np.array([distance]), 2.0)[0] == pytest.approx(met, abs=4 * 0.5 / np.sqrt(200_000))


@pytest.mark.parametrize("index", ["ivf", "lsh"])
def test_an_index_gives_the_same_bits(index):
    """The same seed gives the same rows, with one worker and with two."""
    if index == "ivf":
        pytest.importorskip("faiss", reason="extra `index` is not installed")
    problem = larger(2000, 70, 6)
    one, two = (values(problem, index=index, epsilon=0.05, n_jobs=jobs) for jobs in (1, 2))
    assert one.values.tobytes() == two.values.tobytes()
    assert one.why == two.why


@pytest.mark.parametrize("index", ["ivf", "lsh"])
def test_indexes_take_dense_rows(index):
    """Sparse rows are refused with a way out."""
    problem = sparse(larger(200, 2, 2))
    with pytest.raises(AssayError, match=r"needs dense rows, and Data.X is sparse"):
        values(problem, index=index, epsilon=0.1)
