"""Datamodels: additive truth is recovered, fits are what scikit-learn fits, held-out models agree."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from truth import suited, two_clouds

from assay import AssayError, Data, Datamodels, Problem, Stop, datamodels, value
from assay._outputs import Outputs
from assay.methods.datamodel._fits import SHARES, _paths, ridge
from assay.metrics import linear_datamodeling_score


def drawn(s=200, n=30, m=6, noise=0.5, seed=0, few=None):
    """Subsets, outputs that are sums over the rows plus noise, and what each row adds."""
    rng = np.random.default_rng(seed)
    effects = rng.normal(size=(n, m))
    if few is not None:
        effects[rng.permuted(np.tile(np.arange(n) >= few, (m, 1)), axis=1).T] = 0
    subsets = rng.random((s, n)) < 0.5
    return subsets, subsets @ effects + 3 + rng.normal(scale=noise, size=(s, m)), effects


def test_paths_are_scikit_learns():
    """Every coefficient of every penalty is that of scikit-learn's LASSO, with fewer draws than rows too."""
    for s, n in ((60, 20), (25, 40)):
        subsets, outputs, _ = drawn(s, n, 3)
        X, Y = subsets - subsets.mean(axis=0), outputs - outputs.mean(axis=0)
        X /= X.std(axis=0)
        tops = np.abs(X.T @ Y).max(axis=0) / s
        found = _paths(X, Y, tops, 1e-10)
        for q in range(3):
            for p in (0, 3, 7, len(SHARES) - 1):
                fitted = Lasso(tops[q] * SHARES[p], fit_intercept=False, tol=1e-10, max_iter=100_000).fit(
                    X, Y[:, q]
                )
                np.testing.assert_allclose(found[q, p], fitted.coef_, atol=1e-6 * tops[q])


def test_ridge_is_scikit_learns_and_its_penalty_leaves_out():
    """Coefficients are ridge's at the penalty of least error on draws left out one by one."""
    subsets, outputs, _ = drawn(40, 12, 2, noise=2.0)
    X, Y = subsets - subsets.mean(axis=0), outputs - outputs.mean(axis=0)
    found, errors = ridge(X, Y), []
    grid = np.geomspace(1e-3, 1e3, 25) * 40
    for penalty in grid:
        rest = []
        for i in range(40):
            kept = np.arange(40) != i
            fitted = Ridge(penalty).fit(X[kept], Y[kept])
            rest.append(Y[i] - fitted.predict(X[i : i + 1])[0])
        errors.append((np.array(rest) ** 2).mean(axis=0))
    for q, best in enumerate(np.argmin(errors, axis=0)):
        truth = Ridge(grid[best], fit_intercept=False).fit(X, Y[:, q]).coef_
        np.testing.assert_allclose(found.coefficients[:, q], truth, atol=1e-8)


def test_difference_is_the_mean_in_less_the_mean_out():
    """The near-orthogonal shortcut is a difference of means, exactly."""
    subsets, outputs, _ = drawn()
    truth = [[o[s].mean() - o[~s].mean() for o in outputs.T] for s in subsets.T]
    np.testing.assert_allclose(
        datamodels(subsets, outputs, regression="difference").scores, truth, atol=1e-12
    )


@pytest.mark.parametrize("regression", ["lasso", "ridge"])
def test_additive_outputs_are_recovered(regression):
    """Of additive outputs the effects come out, to within their errors, and nearer than differences."""
    subsets, outputs, effects = drawn(400, 30, 6)
    found, crude = (datamodels(subsets, outputs, regression=r) for r in (regression, "difference"))
    np.testing.assert_allclose(found.values, found.scores.mean(axis=1))
    assert np.abs(found.scores - effects).max() < 0.25
    assert ((found.scores - effects) ** 2).mean() < 0.1 * ((crude.scores - effects) ** 2).mean()
    assert np.abs((found.values - effects.mean(axis=1)) / found.stderr).max() < 4


@pytest.mark.parametrize("regression", ["lasso", "ridge", "difference"])
def test_intervals_cover(regression):
    """95% intervals hold the true mean effect of 93% of the rows or more, over 20 worlds of few draws."""
    inside = []
    for seed in range(20):
        subsets, outputs, effects = drawn(48, 40, 5, noise=1.0, seed=seed)
        found = datamodels(subsets, outputs, regression=regression)
        inside.append(np.abs(found.values - effects.mean(axis=1)) <= 1.96 * found.stderr)
    assert np.mean(inside) >= 0.93


def test_lasso_wins_where_few_rows_matter():
    """With 3 of 100 rows that matter to an output and 60 draws, the LASSO orders new subsets best by far."""
    subsets, outputs, effects = drawn(60, 100, 8, noise=0.3, few=3)
    fresh = np.random.default_rng(9).random((80, 100)) < 0.5
    scores = {
        r: linear_datamodeling_score(
            datamodels(subsets, outputs, regression=r).scores, fresh, fresh @ effects
        ).value
        for r in ("lasso", "ridge", "difference")
    }
    assert scores["lasso"] > 0.9 > max(scores["ridge"], scores["difference"]) + 0.1


def test_a_row_that_is_always_in():
    """Nothing is known of a row that never varies: it is worth 0, and no row is less certain."""
    subsets, outputs, _ = drawn(100, 10, 3)
    subsets[:, 4] = True
    for regression in ("lasso", "ridge", "difference"):
        found = datamodels(subsets, outputs, regression=regression)
        assert found.values[4] == 0
        assert found.stderr.argmax() == 4


def test_refits_are_what_is_regressed():
    """The method's scores are those of the array function on refits of the same subsets."""
    problem = two_clouds(20, 10)
    found = value(problem, Datamodels(), stop=Stop(evals=64), seed=5, progress=False)
    rng = np.random.default_rng(5)
    rng.integers(2**31)
    subsets = rng.random((64, 20)) < 0.5
    truth = datamodels(subsets, Outputs(problem)(subsets))
    np.testing.assert_array_equal(found.per_valid, truth.scores)
    np.testing.assert_allclose(found.values, truth.values)
    assert (found.evals, found.draws) == (64, 64)


@pytest.mark.parametrize("regression", ["lasso", "ridge"])
def test_held_out_models(regression):
    """On refits of subsets it never saw, scores of 300 refits order a ridge regression's errors above .8."""
    rng = np.random.default_rng(3)
    X, beta = rng.normal(size=(80, 4)), rng.normal(size=4)
    y = X @ beta + rng.normal(size=80)
    problem = Problem(Data(X[:50], y[:50]), Data(X[50:], y[50:]), Ridge(), "r2")
    found = value(problem, Datamodels(regression=regression), stop=Stop(evals=300), progress=False)
    fresh = np.array([rng.permutation(50) < 25 for _ in range(80)])
    assert linear_datamodeling_score(found.per_valid, fresh, Outputs(problem)(fresh)).value > 0.8


def test_wrong_labels_are_lowest():
    """The rows with wrong labels have the lowest values."""
    found = value(two_clouds(40, 40, model=LogisticRegression()), Datamodels(), stop=Stop(evals=300))
    assert set(found.lowest(3)) == {0, 1, 2}


def test_the_budget_is_kept():
    """Refits stop at the budget where it is above the first batch."""
    found = value(suited(Datamodels()), Datamodels(regression="ridge"), stop=Stop(evals=101), progress=False)
    assert found.evals == 101


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"share": 0.0}, "share is 0.0"),
        ({"share": "half"}, "share is 'half'"),
        ({"regression": "ols"}, "regression is 'ols'"),
        ({"output": "loss"}, "output is 'loss'"),
    ],
)
def test_refuses_settings(setting, message):
    """A setting that does not exist is refused, when made and when set later."""
    with pytest.raises(AssayError, match=rf"^Datamodels\.{message}"):
        Datamodels(**setting)
    with pytest.raises(AssayError, match=rf"^Datamodels\.{message}"):
        value(two_clouds(), Datamodels().set_params(**setting), progress=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subsets": np.zeros(3)}, "subsets has shape"),
        ({"subsets": np.full((200, 30), 2)}, "True or False"),
        ({"outputs": np.zeros((199, 6))}, "outputs .199, 6."),
        ({"outputs": np.full((200, 6), np.nan)}, "finite"),
        ({"subsets": np.ones((5, 30), bool), "outputs": np.zeros((5, 6))}, "5 subsets"),
        ({"regression": "ols"}, "regression is 'ols'"),
        ({"subsets": np.ones((8, 10_001), bool), "outputs": np.zeros((8, 1))}, "too large"),
    ],
)
def test_refuses_arrays(change, message):
    """Arrays that do not fit are refused."""
    subsets, outputs, _ = drawn()
    with pytest.raises(AssayError, match=f"^datamodels: .*{message}"):
        datamodels(**{"subsets": subsets, "outputs": outputs, **change})
