"""SoftKNNShapley equals the enumeration of its own game."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from neighbours import METRICS, NUMBERS, coarse, enumerated, larger, near, problems, sparse
from scipy.stats import hypergeom
from truth import shapley

from assay import AssayError, Data, Problem, SoftKNNShapley, value


def values(problem: Problem, **how) -> np.ndarray:
    """The values to each judge, (n, m)."""
    return value(problem, SoftKNNShapley(per_valid=True, **how), progress=False).per_valid


def worth(k: int, problem: Problem):
    """The likelihood of the label among the nearest, or minus the squared error of their mean."""
    if problem.target_kind == "number":
        return lambda y, label, far: -(((y[:k].mean() if len(y) else 0.0) - label) ** 2)
    guess = 1 / len(problem.classes)
    return lambda y, label, far: (y[:k] == label).mean() if len(y) else guess


@given(problems(), st.integers(1, 8), st.sampled_from(METRICS))
def test_classes_equal_enumeration(problem, k, metric):
    """Every value to every judge is exact: ties, equal rows, fewer rows than neighbours, any metric."""
    truth = enumerated(problem, worth(k, problem), shapley, metric)
    np.testing.assert_allclose(values(problem, k=k, metric=metric), truth, atol=1e-12)


@given(problems(NUMBERS), st.integers(1, 8))
def test_numbers_equal_enumeration(problem, k):
    """The mean of the nearest labels in place of their sum over k: exact too, whatever n and k are."""
    np.testing.assert_allclose(
        values(problem, k=k), enumerated(problem, worth(k, problem), shapley), atol=1e-11
    )


@given(problems(st.sampled_from([0, 1, 2]), width=3), st.integers(1, 7))
def test_several_labels_equal_enumeration(problem, k):
    """With several labels a row, worths are means over them."""
    np.testing.assert_allclose(
        values(problem, k=k), enumerated(problem, worth(k, problem), shapley), atol=1e-12
    )


@given(problems(NUMBERS, width=2), st.integers(1, 7))
def test_several_numbers_equal_enumeration(problem, k):
    """So they are where the labels are numbers."""
    np.testing.assert_allclose(
        values(problem, k=k), enumerated(problem, worth(k, problem), shapley), atol=1e-11
    )


@pytest.mark.parametrize("labels", ["classes", "numbers", "several"])
@pytest.mark.parametrize("k", [1, 7, 900])
def test_values_share_out_the_worth_of_all_rows(labels, k):
    """Efficiency beyond enumeration: to each judge, values sum to the worth of all less that of none."""
    problem = larger(700, 40, 3, labels)
    worths = worth(k, problem)
    got = values(problem, k=k).sum(axis=0)
    for judge, (x, label) in enumerate(zip(problem.valid.X, problem.valid.y, strict=True)):
        y = problem.train.y[near(problem.train.X, x)]
        pairs = zip(y.reshape(700, -1).T, np.atleast_1d(label), strict=True)
        gains = [worths(column, target, None) - worths(column[:0], target, None) for column, target in pairs]
        assert got[judge] == pytest.approx(np.mean(gains), abs=1e-11)


def test_larger_problems_equal_the_chances_of_joining():
    """Neighbours in rank differ by the mean of 1 / min(k, s + 1) over coalitions that leave room."""
    n, k = 60, 7
    problem = larger(n, 9, 2)
    got = values(problem, k=k)
    s = np.arange(n - 1)
    for judge, (x, label) in enumerate(zip(problem.valid.X, problem.valid.y, strict=True)):
        order = near(problem.train.X, x)
        hit = (problem.train.y[order] == label).astype(float)
        room = [(hypergeom.cdf(k - 1, n - 2, r, s) / np.minimum(k, s + 1)).mean() for r in range(n - 1)]
        np.testing.assert_allclose(-np.diff(got[order, judge]), -np.diff(hit) * room, atol=1e-12)


def test_sparse_and_float32_rows_are_worth_the_same():
    """CSR and float32 rows that hold the same numbers have the same values, to the last bit but one."""
    problem = coarse(300, 20, 12)
    dense = values(problem)
    float32 = Problem(
        Data(problem.train.X.astype(np.float32), problem.train.y),
        Data(problem.valid.X.astype(np.float32), problem.valid.y),
    )
    for other in (float32, sparse(problem), sparse(problem, np.float32)):
        np.testing.assert_allclose(values(other), dense, atol=1e-14)


@pytest.mark.parametrize("wrong", [{"k": 0}, {"k": 2.0}, {"k": True}, {"metric": "l2"}])
def test_settings_are_checked(wrong):
    """A wrong k or metric is refused, when made and when set later."""
    (name,) = wrong
    with pytest.raises(AssayError, match=rf"^SoftKNNShapley\.{name} is "):
        SoftKNNShapley(**wrong)
    with pytest.raises(AssayError, match=rf"^SoftKNNShapley\.{name} is "):
        value(larger(5, 2, 1), SoftKNNShapley().set_params(**wrong), progress=False)
