"""The default ensemble of DataOOB against brute force, scikit-learn's trees and scikit-learn's forest."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from assay import Data, DataOOB, Problem, Stop, value
from assay.methods.bagging import _grow_kernel as kernel
from assay.methods.bagging._trees import binned


def impurity_removed(keys, weights, y, cut) -> float:
    """The weighted variance of one-hot labels that a cut leaves, negated: the definition."""
    left, lost = keys <= cut, 0.0
    for side in (left, ~left):
        if not side.any():
            return -np.inf
        mean = np.average(y[side], axis=0, weights=weights[side])
        lost += (weights[side, None] * (y[side] - mean) ** 2).sum()
    return -lost


@pytest.mark.parametrize("classes", [0, 2, 5])
@pytest.mark.parametrize("size", [2, 7, kernel.FEW, 60])
def test_cuts_are_the_best_there_are(classes, size):
    """The cut of a node leaves as little impurity as the best of all 256, and lies half-way between bins."""
    rng = np.random.default_rng(size)
    order, table = np.empty(kernel.FEW, np.int32), np.zeros((kernel.BINS, max(classes, 1) + 1))
    left = np.zeros(classes)
    for _ in range(30):
        keys = rng.integers(0, rng.choice([3, 20, 256]), size).astype(np.uint8)
        weights = rng.integers(1, 4, size).astype(float)
        codes = rng.integers(0, max(classes, 1), size).astype(np.int32)
        y = np.eye(classes)[codes] if classes > 2 else (codes if classes else rng.normal(size=size))[:, None]
        right = np.bincount(codes, weights, minlength=classes) if classes > 2 else left
        ways = []
        if classes > 2:
            ways.append(kernel.cut_counts(keys, weights, codes, size, table, left, right))
            assert (right == np.bincount(codes, weights, minlength=classes)).all()
        else:
            ways.append(kernel.cut_sums(keys, weights, weights * y[:, 0], size, table))
        assert not table.any()
        if size <= kernel.FEW:
            if classes > 2:
                ways.append(kernel.cut_counts_of_few(keys, weights, codes, size, order, left, right))
            else:
                ways.append(kernel.cut_sums_of_few(keys, weights, weights * y[:, 0], size, order))
        best = max(impurity_removed(keys, weights, y, cut) for cut in range(256))
        for _, cut in ways:
            if best == -np.inf:
                assert cut == -1
                continue
            assert impurity_removed(keys, weights, y, cut) == pytest.approx(best, abs=1e-9)
            below, above = keys[keys <= cut].max(), keys[keys > cut].min()
            assert cut == (int(below) + int(above)) // 2


def bins_of(X):
    """Bins of columns, and their values."""
    return binned(X), kernel.middles_of(X, binned(X))


def test_cuts_lie_half_way_between_values():
    """Rows out of the bag in a gap go where scikit-learn's threshold sends them, however many they are."""
    n = 200
    rng = np.random.default_rng(1)
    values = np.exp(rng.normal(size=n) * 3).astype(np.float32)[:, None]  # gaps of all sizes
    y = (np.log(values[:, 0]) > 0) + (np.log(values[:, 0]) > 2) * 1.0
    for seed in range(20):
        answers, times, start = np.empty(n), np.zeros(n), np.uint64(seed)
        codes = np.zeros(n, np.int32)
        kernel.answers_out_of_bag(*bins_of(values), y, codes, 0, 1, start, answers)
        kernel._draw(np.array([start]), n, times, np.empty(n, np.int32), np.empty(n, np.int32))
        tree, out = DecisionTreeRegressor().fit(values, y, sample_weight=times), times == 0
        np.testing.assert_array_equal(answers[out], tree.predict(values[out]))


def test_a_regression_tree_is_that_of_scikit_learn():
    """On one column of ranks every answer out of bag equals scikit-learn's tree on the same bag."""
    n = 250
    rng = np.random.default_rng(0)
    ranks = rng.permutation(n)
    y = np.sin(ranks / 20) + rng.normal(size=n)
    for seed in range(20):
        answers = np.empty(n)
        start = np.uint64(seed)
        codes = np.zeros(n, np.int32)
        kernel.answers_out_of_bag(*bins_of(ranks[:, None]), y, codes, 0, 1, start, answers)
        times = np.zeros(n)
        kernel._draw(np.array([start]), n, times, np.empty(n, np.int32), np.empty(n, np.int32))
        assert times.sum() == n
        assert (np.isnan(answers) == (times > 0)).all()
        tree = DecisionTreeRegressor().fit(ranks[:, None], y, sample_weight=times)
        out = times == 0
        np.testing.assert_allclose(answers[out], tree.predict(ranks[out, None]), rtol=1e-12)


@pytest.mark.parametrize("kind", ["two classes", "four classes", "numbers"])
def test_values_are_those_of_a_random_forest(kind):
    """On columns of ranks, values are those of scikit-learn's forest but for standard errors."""
    rng = np.random.default_rng(1)
    n, d, bags = 200, 9, 500
    X = np.array([rng.permutation(n) for _ in range(d)], float).T
    y = (X[:, :3].sum(axis=1) - 1.5 * n) / n + 0.4 * rng.normal(size=n)
    forest = RandomForestRegressor if kind == "numbers" else RandomForestClassifier
    if kind != "numbers":
        y = np.digitize(y, np.quantile(y, [0.5] if kind == "two classes" else [0.25, 0.5, 0.75]))
    problem = Problem(Data(X, y))
    other = forest(bags, max_features="sqrt", n_jobs=2)
    a, b = (
        value(problem, DataOOB(model=model), stop=Stop(evals=bags), seed=3, n_jobs=2, progress=False)
        for model in (None, other)
    )
    z = (a.values - b.values) / np.hypot(a.stderr, b.stderr)
    assert abs(z.mean()) < 4 / np.sqrt(n)
    assert 0.8 < z.std() < 1.2
    assert np.abs(z).max() < 4.5


@pytest.mark.parametrize("classes", [0, 2, 6])
def test_trees_have_no_limit_of_depth(classes):
    """A row out of a bag that holds its twin is always told right: no leaf mixes rows that differ."""
    rng = np.random.default_rng(2)
    X = np.repeat(rng.normal(size=(120, 4)), 2, axis=0)
    y = np.repeat(rng.integers(classes, size=120) if classes else rng.normal(size=120), 2)
    codes = y.astype(np.int32) if classes else np.zeros(240, np.int32)
    told = 0
    for seed in range(30):
        answers = np.empty(240)
        kernel.answers_out_of_bag(*bins_of(X), y.astype(float), codes, classes, 2, np.uint64(seed), answers)
        out = ~np.isnan(answers)
        twin_in = out & ~out.reshape(-1, 2)[:, ::-1].ravel()
        np.testing.assert_array_equal(answers[twin_in], y[twin_in])
        told += twin_in.sum()
    assert told > 1000


def test_bags_are_drawn_evenly_and_apart():
    """Rows are out of bag as often as (1 - 1/n)^n says, and bags of neighbouring seeds are unrelated."""
    n, bags = 60, 4000
    out, where = np.zeros((bags, n)), np.empty(n, np.int32)
    for seed in range(bags):
        times = np.zeros(n)
        kernel._draw(np.array([seed], np.uint64), n, times, where, where.copy())
        out[seed] = times == 0
    share = (1 - 1 / n) ** n
    z = (out.mean(axis=0) - share) / np.sqrt(share * (1 - share) / bags)
    assert np.abs(z).max() < 4.5
    apart = np.mean((out[1:] - share) * (out[:-1] - share)) / (share * (1 - share))
    assert abs(apart) < 5 / np.sqrt(n * bags)


@pytest.mark.parametrize("distinct", [1, 2, 256, 257, 5000])
def test_bins_keep_order_and_few_values(distinct):
    """Bins rise with values; up to 256 values keep a bin each, more are shared out evenly."""
    values = np.random.default_rng(0).permutation(np.resize(np.arange(distinct), 5000)) * 0.1
    bins = binned(values[:, None])[0]
    ordered = bins[np.argsort(values, kind="stable")].astype(int)
    assert (np.diff(ordered) >= 0).all()
    assert len(np.unique(bins)) == min(distinct, 256) if distinct <= 256 else len(np.unique(bins)) > 128
    if distinct <= 256:
        assert len(np.unique(np.column_stack([values, bins]), axis=0)) == distinct
    if distinct == 5000:
        assert np.bincount(bins).max() <= 2 * 5000 / 256


def test_standard_errors_cover():
    """Over 40 seeds the intervals of 400 bags hold the values of 16,000 about as often as they say."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(40, 3))
    problem = Problem(Data(X, (X[:, 0] + 0.8 * rng.normal(size=40) > 0).astype(int)))
    truth = value(problem, DataOOB(), stop=Stop(evals=16_000), seed=99, progress=False).values
    runs = [value(problem, DataOOB(), stop=Stop(evals=400), seed=s, progress=False) for s in range(40)]
    held = np.mean([np.abs(run.values - truth) <= 1.96 * run.stderr for run in runs])
    assert 0.935 < held < 0.975


def test_sparse_rows_are_told_by_trees_of_scikit_learn():
    """Values of sparse and dense rows differ by their standard errors only."""
    rng = np.random.default_rng(5)
    X = rng.integers(0, 3, size=(80, 6)).astype(float)
    y = np.where(X[:, 0] + X[:, 1] + rng.normal(size=80) > 2, "yes", "no")
    stop = Stop(evals=160)
    a, b = (value(Problem(Data(rows, y)), DataOOB(), stop=stop, progress=False) for rows in (X, csr_array(X)))
    assert np.abs((a.values - b.values) / np.hypot(a.stderr, b.stderr)).max() < 4.5


@pytest.mark.parametrize("labels", [[-1, 1], ["b", "a"], [False, True], [7, 3]])
def test_names_of_labels_do_not_matter(labels):
    """Labels of any type are worth, to the bit, what 0 and 1 in the same order are."""
    rng = np.random.default_rng(6)
    X = rng.normal(size=(50, 3))
    codes = (X[:, 0] + rng.normal(size=50) > 0).astype(int)
    named = np.sort(np.array(labels))[codes]
    stop = Stop(evals=64)
    a, b = (value(Problem(Data(X, y)), DataOOB(), stop=stop, progress=False) for y in (codes, named))
    assert a.values.tobytes() == b.values.tobytes()


def test_same_bits_for_any_number_of_workers():
    """Sums of squared errors have the same bits with one worker and with three."""
    rng = np.random.default_rng(7)
    problem = Problem(Data(rng.normal(size=(90, 5)), rng.normal(size=90)))
    a, b = (
        value(problem, DataOOB(), stop=Stop(evals=96), seed=1, n_jobs=jobs, progress=False) for jobs in (1, 3)
    )
    assert a.values.tobytes() == b.values.tobytes()
    assert a.stderr.tobytes() == b.stderr.tobytes()
