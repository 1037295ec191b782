"""Leave-one-out correlation agrees with scipy, and with ridge regression."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from assay import AssayError
from assay.metrics import leave_one_out_correlation as correlation


def test_equals_scipy():
    """Both correlations are scipy's, a query at a time, ties and all; means and errors are theirs."""
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 5, (20, 6)).astype(float)
    truth = scores + rng.integers(0, 4, (20, 6))
    found = correlation(scores, truth)
    pearson = [pearsonr(scores[:, q], truth[:, q]).statistic for q in range(6)]
    spearman = [spearmanr(scores[:, q], truth[:, q]).statistic for q in range(6)]
    np.testing.assert_allclose(found.per_query_pearson, pearson, atol=1e-12)
    np.testing.assert_allclose(found.per_query_spearman, spearman, atol=1e-12)
    assert found.pearson == pytest.approx(np.mean(pearson))
    assert found.spearman_stderr == pytest.approx(np.std(spearman, ddof=1) / np.sqrt(6))


def test_ridge():
    """The closed form of what a row does to ridge predictions correlates perfectly with refits without it."""
    rng = np.random.default_rng(1)
    X, V = rng.normal(size=(60, 4)), rng.normal(size=(10, 4))
    y = X @ [1.0, -2, 0, 3] + rng.normal(size=60)
    H = X.T @ X + np.eye(4)
    beta, reach = np.linalg.solve(H, X.T @ y), np.linalg.solve(H, V.T)
    leverage = (X * np.linalg.solve(H, X.T).T).sum(axis=1)
    scores = (X @ reach) * ((y - X @ beta) / (1 - leverage))[:, None]
    truth = np.empty_like(scores)
    for i in range(60):
        kept = np.arange(60) != i
        truth[i] = V @ (beta - np.linalg.solve(X[kept].T @ X[kept] + np.eye(4), X[kept].T @ y[kept]))
    found = correlation(scores, truth)
    assert found.pearson == pytest.approx(1, abs=1e-10)
    assert found.spearman == pytest.approx(1, abs=1e-10)
    first_order = correlation((X @ reach) * (y - X @ beta)[:, None], truth)
    assert 0.95 < first_order.pearson < 1 - 1e-6


def test_constant_columns_are_counted():
    """Scores that are all the same count as 0; truth that is all the same does not count."""
    rng = np.random.default_rng(2)
    scores, truth = rng.normal(size=(2, 10, 4))
    scores[:, 0], truth[:, 1] = 0.3, 0.0
    found = correlation(scores, truth)
    assert (found.silent, found.unvarying) == (1, 1)
    assert found.per_query_pearson[0] == 0
    assert found.spearman == pytest.approx(np.nanmean(found.per_query_spearman))


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        (np.zeros((4, 2)), np.zeros((4, 3)), "truth has shape"),
        (np.zeros((4, 2, 1)), np.zeros((4, 2, 1)), "scores has shape"),
        (np.arange(4.0), np.zeros(4), "truth is the same"),
        (np.arange(2.0), np.arange(2.0), "2 rows"),
        ([0.0, 1.0, np.inf], [0.0, 1.0, 2.0], "infinite"),
    ],
)
def test_refuses(scores, truth, message):
    """What cannot be compared is refused."""
    with pytest.raises(AssayError, match=f"^leave_one_out_correlation: .*{message}"):
        correlation(scores, truth)
