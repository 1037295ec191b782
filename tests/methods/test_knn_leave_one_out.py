"""KNNLeaveOneOut equals the enumeration of the k-NN game."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from neighbours import METRICS, NUMBERS, coarse, enumerated, larger, near, problems, sparse
from truth import leave_one_out

from assay import AssayError, KNNLeaveOneOut, Problem, value


def values(problem: Problem, **how) -> np.ndarray:
    """The values to each judge, (n, m)."""
    return value(problem, KNNLeaveOneOut(per_valid=True, **how), progress=False).per_valid


def worth(k: int, problem: Problem):
    """Hits over k, or minus the squared error of the sum over k."""
    if problem.target_kind == "number":
        return lambda y, label, far: -((y[:k].sum() / k - label) ** 2)
    return lambda y, label, far: (y[:k] == label).sum() / k


@given(problems(), st.integers(1, 8), st.sampled_from(METRICS))
def test_classes_equal_enumeration(problem, k, metric):
    """Every value to every judge is exact: ties, equal rows, fewer rows than neighbours, any metric."""
    truth = enumerated(problem, worth(k, problem), leave_one_out, metric)
    np.testing.assert_allclose(values(problem, k=k, metric=metric), truth, atol=1e-12)


@given(problems(NUMBERS), st.integers(1, 8))
def test_numbers_equal_enumeration(problem, k):
    """The closed form for numbers is exact too."""
    np.testing.assert_allclose(
        values(problem, k=k), enumerated(problem, worth(k, problem), leave_one_out), atol=1e-11
    )


@given(problems(st.sampled_from([0, 1, 2]), width=3), st.integers(1, 7))
def test_several_labels_equal_enumeration(problem, k):
    """With several labels a row, worths are means over them."""
    np.testing.assert_allclose(
        values(problem, k=k), enumerated(problem, worth(k, problem), leave_one_out), atol=1e-12
    )


@pytest.mark.parametrize("labels", ["classes", "numbers"])
@pytest.mark.parametrize("k", [1, 10, 400, 1500, 3000])
def test_larger_problems_equal_leaving_out(labels, k):
    """The worth of all rows less that of all but one, row by row; beyond the k nearest it is 0 to the bit."""
    n = 1500
    problem = larger(n, 3, 2, labels)
    got, worths = values(problem, k=k), worth(k, problem)
    for judge, (x, label) in enumerate(zip(problem.valid.X, problem.valid.y, strict=True)):
        order = near(problem.train.X, x)
        y = problem.train.y[order]
        first = y[: k + 1]
        whole = worths(first, label, None)
        truth = [whole - worths(np.delete(first, r), label, None) for r in range(min(k, n))]
        np.testing.assert_allclose(got[order[: len(truth)], judge], truth, atol=1e-12)
        assert (got[order[len(truth) :], judge] == 0).all()


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
    with pytest.raises(AssayError, match=rf"^KNNLeaveOneOut\.{name} is "):
        KNNLeaveOneOut(**wrong)
    with pytest.raises(AssayError, match=rf"^KNNLeaveOneOut\.{name} is "):
        value(larger(5, 2, 1), KNNLeaveOneOut().set_params(**wrong), progress=False)
