"""Fragility of a regression: derivatives, refits and the fewest rows, against differences and enumeration."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from assay import AssayError, fragility
from assay.apply._regression import Regression

Z95 = stats.norm.ppf(0.975)


def made(n=60, d=3, seed=0, iv=False, clustered=False):
    """A regression, its instruments and its clusters."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    Z = X + 0.7 * rng.normal(size=(n, d)) if iv else None
    y = X @ rng.normal(size=d) * 0.3 + rng.standard_t(4, size=n)
    return X, y, Z, rng.integers(6, size=n) if clustered else None


def weighted(X, y, Z, k, groups, w):
    """Coefficient and standard error at weights, from the definitions; n - d is that of weight 1."""
    M = np.linalg.inv(Z.T @ (w[:, None] * X))
    b = M @ (Z.T @ (w * y))
    e = y - X @ b
    if groups is None:
        s2 = (w * e**2).sum() / (len(y) - X.shape[1])
        return b[k], np.sqrt(s2 * (M @ (Z.T @ (w[:, None] * Z)) @ M.T)[k, k])
    sums = np.array([(w * e)[groups == g] @ Z[groups == g] for g in np.unique(groups)])
    return b[k], np.sqrt(((sums @ M.T)[:, k] ** 2).sum())


CASES = [(iv, clustered) for iv in (False, True) for clustered in (False, True)]


@pytest.mark.parametrize(("iv", "clustered"), CASES)
def test_derivatives_are_those_of_the_weighted_fit(iv, clustered):
    """Coefficient, standard error and both derivatives by weights agree with central differences."""
    X, y, Z, groups = made(iv=iv, clustered=clustered)
    Z = X if Z is None else Z
    found = Regression(X, y, Z, 1, groups)
    ones = np.ones(len(y))
    assert (found.coefficient, found.stderr) == pytest.approx(weighted(X, y, Z, 1, groups, ones), rel=1e-10)
    h = 1e-5
    wanted = []
    for step in h * np.eye(len(y)):
        more, less = (np.array(weighted(X, y, Z, 1, groups, ones + s)) for s in (step, -step))
        wanted.append((more - less) / (2 * h))
    np.testing.assert_allclose(found.slopes, np.array(wanted)[:, 0], atol=1e-9)
    np.testing.assert_allclose(found.slopes_of_stderr, np.array(wanted)[:, 1], atol=1e-9)


def test_least_squares_is_scipys():
    """Coefficient and standard error of one regressor and an intercept are those of scipy's linregress."""
    X, y, _, _ = made(d=1)
    found, wanted = fragility(X, y, column=0), stats.linregress(X[:, 0], y)
    assert (found.coefficient, found.stderr) == pytest.approx((wanted.slope, wanted.stderr))
    assert found.significant == (abs(wanted.slope) > Z95 * wanted.stderr)


def turned(b0, se0, b, se, claim):
    """Whether a conclusion has turned, as a reader would put it."""
    was, now = abs(b0) > Z95 * se0, abs(b) > Z95 * se
    other = np.sign(b) != np.sign(b0)
    return {"sign": other, "significance": was != now, "both": other and now}[claim]


def fit_without(X, y, Z, groups, dropped):
    """The refit without some rows."""
    kept = np.setdiff1d(np.arange(len(y)), dropped)
    ones = np.ones(len(kept))
    part = None if groups is None else groups[kept]
    return weighted(X[kept], y[kept], Z[kept], 0, part, ones)


@pytest.mark.parametrize(("iv", "clustered"), CASES)
@pytest.mark.parametrize("seed", range(3))
def test_rows_do_what_is_said_by_a_refit(seed, iv, clustered):
    """Whatever the case, a refit without the rows gives the numbers stated, and the conclusion has turned."""
    X, y, Z, groups = made(n=50, d=2, seed=seed, iv=iv, clustered=clustered)
    Z = X if Z is None else Z
    found = fragility(X, y, column=0, instruments=Z if iv else None, groups=groups, intercept=False)
    for claim in ("sign", "significance", "both"):
        one = getattr(found, claim)
        if one.rows is None:
            continue
        assert len(set(one.rows.tolist())) == len(one.rows) == round(one.share * 50)
        b, se = fit_without(X, y, Z, groups, one.rows)
        assert (one.coefficient, one.stderr) == pytest.approx((b, se))
        if claim == "significance" and not found.significant:
            assert abs(b) > Z95 * se
        assert turned(found.coefficient, found.stderr, b, se, claim)
    assert found.sign.rows is not None


@pytest.mark.parametrize("iv", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_fewest_rows_against_every_subset(seed, iv):
    """Of 11 rows never fewer than the fewest of all subsets, at most 1 more, none more where that is 1."""
    X, y, Z, _ = made(n=11, d=1, seed=seed, iv=iv)
    Z = X if Z is None else Z
    found = fragility(X, y, column=0, instruments=Z if iv else None, intercept=False)
    for claim in ("sign", "significance", "both"):
        least = None
        for size in range(1, 6):
            subsets = combinations(range(11), size)
            if any(
                turned(found.coefficient, found.stderr, *fit_without(X, y, Z, None, list(s)), claim)
                for s in subsets
            ):
                least = size
                break
        rows = getattr(found, claim).rows
        if least is None:
            assert rows is None or claim == "significance"
        elif claim != "significance" or found.significant:
            assert rows is not None
            assert least <= len(rows) <= (1 if least == 1 else least + 1)


def test_group_deletion_in_closed_form():
    """The refit without the rows is b - M X_S' (1 - H_SS)^-1 e_S, exactly."""
    X, y, _, _ = made(n=80)
    found = fragility(X, y, column=2, intercept=False)
    S = found.sign.rows
    M = np.linalg.inv(X.T @ X)
    e = y - X @ (M @ X.T @ y)
    b = M @ X.T @ y - M @ X[S].T @ np.linalg.solve(np.eye(len(S)) - X[S] @ M @ X[S].T, e[S])
    assert found.sign.coefficient == pytest.approx(b[2], abs=1e-13)
    np.testing.assert_allclose(found.influence, (X @ M)[:, 2] * e, atol=1e-14)


def test_the_search_beats_dropping_at_once():
    """Two rows that hide each other: at first order neither matters, and the search finds them."""
    x = np.r_[np.linspace(-1, 1, 60), 8.0, 8.0]
    y = np.r_[-0.4 * np.linspace(-1, 1, 60) + 0.3 * np.sin(7 * np.arange(60)), 8.0, 8.0]
    found = fragility(x[:, None], y, column=0, intercept=False)
    assert sorted(found.sign.rows.tolist()) == [60, 61]
    assert found.sign.foretold is None or found.sign.foretold > 2


def test_frames_printing_and_to_frame():
    """A column is named by its name; the sentences and the frame say what the fields say."""
    X, y, _, _ = made(n=40)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    found = fragility(frame, y, column="b")
    assert found.coefficient == fragility(X, y, column=1).coefficient
    assert str(found).startswith(f"Coefficient {found.coefficient:.4g} ± ")
    assert f"- {len(found.sign.rows)} row(s) ({found.sign.share:.2%}) turn its sign: " in str(found)
    assert found.to_frame().loc["sign", "rows"] == len(found.sign.rows)


def test_bad_input_is_named():
    """Each wrong argument is refused in one sentence that names it."""
    X, y, _, _ = made(n=30)
    bad = X.copy()
    bad[3, 1] = np.nan
    cases = [
        ((bad, y), dict(column=0), r"^X has missing"),
        ((X[:, 0], y), dict(column=0), r"^X has shape \(30,\); it needs \(n, d\)"),
        ((X, y[:9]), dict(column=0), r"^y has shape \(9,\)"),
        ((X, ["a"] * 30), dict(column=0), r"^y does not hold numbers"),
        ((X, y), dict(column=3), r"^column is 3; it needs to be a number from 0 to 2"),
        ((X, y), dict(column="age"), r"^column is 'age'"),
        ((pd.DataFrame(X, columns=list("abc")), y), dict(column="d"), r"needs to be one of a, b, c"),
        ((X, y), dict(column=0, instruments=X[:, :2]), r"^instruments have shape \(30, 2\)"),
        ((X, y), dict(column=0, groups=np.zeros(30)), r"^groups needs to name"),
        ((X, y), dict(column=0, groups=[1, 2]), r"^groups needs to name"),
        ((X, y), dict(column=0, confidence=1), r"^confidence is 1"),
        ((X, y), dict(column=0, confidence="95%"), r"^confidence is '95%'"),
        ((np.column_stack([X, X[:, 0]]), y), dict(column=0), r"^The 5 coefficients are not determined"),
        ((X[:3], y[:3]), dict(column=0), r"^The 4 coefficients are not determined by 3 rows"),
        ((X, X @ [1.0, 2, 3]), dict(column=0), r"^The regression fits without error"),
    ]
    for given, how, words in cases:
        with pytest.raises(AssayError, match=words):
            fragility(*given, **how)
