"""KNNBanzhaf equals the enumeration of the k-NN game."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from neighbours import METRICS, NUMBERS, coarse, enumerated, larger, near, problems, sparse
from scipy.stats import binom
from truth import banzhaf

from assay import AssayError, Data, KNNBanzhaf, Problem, value


def values(problem: Problem, **how) -> np.ndarray:
    """The values to each judge, (n, m)."""
    return value(problem, KNNBanzhaf(per_valid=True, **how), progress=False).per_valid


def worth(k: int, problem: Problem):
    """Hits over k, or minus the squared error of the sum over k."""
    if problem.target_kind == "number":
        return lambda y, label, far: -((y[:k].sum() / k - label) ** 2)
    return lambda y, label, far: (y[:k] == label).sum() / k


@given(problems(), st.integers(1, 8), st.sampled_from(METRICS))
def test_classes_equal_enumeration(problem, k, metric):
    """Every value to every judge is exact: ties, equal rows, fewer rows than neighbours, any metric."""
    truth = enumerated(problem, worth(k, problem), banzhaf, metric)
    np.testing.assert_allclose(values(problem, k=k, metric=metric), truth, atol=1e-12)


@given(problems(NUMBERS), st.integers(1, 8))
def test_numbers_equal_enumeration(problem, k):
    """The closed form for numbers is exact too."""
    np.testing.assert_allclose(
        values(problem, k=k), enumerated(problem, worth(k, problem), banzhaf), atol=1e-11
    )


@given(problems(st.sampled_from([0, 1, 2]), width=3), st.integers(1, 7))
def test_several_labels_equal_enumeration(problem, k):
    """With several labels a row, worths are means over them."""
    np.testing.assert_allclose(
        values(problem, k=k), enumerated(problem, worth(k, problem), banzhaf), atol=1e-12
    )


@pytest.mark.parametrize("k", [1, 10, 400, 3000])
def test_larger_problems_equal_the_sum_over_displaced_rows(k):
    """A row gains its hit where there is room, and costs that of the k-th nearest member, summed plainly."""
    n = 1500
    problem = larger(n, 3, 2)
    got, coins = values(problem, k=k), np.arange(n)
    room, last = binom.cdf(k - 1, coins, 0.5), binom.pmf(k - 1, coins, 0.5) / 2
    for judge, (x, label) in enumerate(zip(problem.valid.X, problem.valid.y, strict=True)):
        order = near(problem.train.X, x)
        hit = (problem.train.y[order] == label).astype(float)
        displaced = [hit[r + 1 :] @ last[r : n - 1] for r in range(n)]
        np.testing.assert_allclose(got[order, judge], (hit * room - displaced) / k, rtol=1e-9, atol=1e-15)


def test_far_rows_are_worth_nothing():
    """Among very many rows chances vanish quietly: no nan, no warning, and 0 in the end."""
    rng = np.random.default_rng(0)
    X = np.sort(rng.random(20_000))[:, None]
    got = values(Problem(Data(X, rng.integers(0, 2, 20_000)), Data([[0.0]], [1])), k=5)[:, 0]
    assert np.abs(got[:10]).max() > 0.01
    assert (got[7000:] == 0).all()
    assert np.isfinite(got).all()


def test_sparse_and_float32_rows_are_worth_the_same():
    """CSR and float32 rows that hold the same numbers have the same values."""
    problem = coarse(300, 20, 12)
    dense = values(problem)
    for other in (sparse(problem), sparse(problem, np.float32)):
        np.testing.assert_allclose(values(other), dense, atol=1e-14)


@pytest.mark.parametrize("wrong", [{"k": 0}, {"k": 2.0}, {"k": True}, {"metric": "l2"}])
def test_settings_are_checked(wrong):
    """A wrong k or metric is refused, when made and when set later."""
    (name,) = wrong
    with pytest.raises(AssayError, match=rf"^KNNBanzhaf\.{name} is "):
        KNNBanzhaf(**wrong)
    with pytest.raises(AssayError, match=rf"^KNNBanzhaf\.{name} is "):
        value(larger(5, 2, 1), KNNBanzhaf().set_params(**wrong), progress=False)
