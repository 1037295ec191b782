"""CalibratedKNNShapley is KNNShapley measured from the row at rank n - 2k, and 0 beyond it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from neighbours import METRICS, coarse, enumerated, larger, near, problems, sparse
from truth import shapley

from assay import AssayError, CalibratedKNNShapley, Problem, value


def values(problem: Problem, **how) -> np.ndarray:
    """The values to each judge, (n, m)."""
    return value(problem, CalibratedKNNShapley(per_valid=True, **how), progress=False).per_valid


def from_truth(problem: Problem, k: int, metric: str = "euclidean") -> np.ndarray:
    """From the enumeration of the k-NN game, by the definition."""
    whole = enumerated(problem, lambda y, label, far: (y[:k] == label).sum() / k, shapley, metric)
    first = problem.n - 2 * k  # the rank from which rows are worth 0
    for judge, x in enumerate(problem.valid.X):
        order = near(np.asarray(problem.train.X, float), x, metric)
        far = order[max(first - 1, 0) :]
        whole[:, judge] -= whole[far[0], judge]
        whole[far, judge] = 0
    return whole


@given(problems(most=7), st.integers(1, 4), st.sampled_from(METRICS))
def test_classes_equal_the_definition(problem, k, metric):
    """To every judge: ties, equal rows, too few rows for any value, any metric."""
    np.testing.assert_allclose(
        values(problem, k=k, metric=metric), from_truth(problem, k, metric), atol=1e-12
    )


@given(problems(st.sampled_from([0, 1, 2]), width=3, most=7), st.integers(1, 3))
def test_several_labels_equal_the_definition(problem, k):
    """With several labels a row, values are means over them."""
    np.testing.assert_allclose(values(problem, k=k), from_truth(problem, k), atol=1e-12)


def test_the_farthest_rows_are_worth_nothing_to_the_bit():
    """2k + 1 rows of every judge, beyond enumeration; the nearest are not."""
    problem = larger(800, 20, 3)
    got = values(problem, k=30)
    for judge, x in enumerate(problem.valid.X):
        order = near(problem.train.X, x)
        assert (got[order[-61:], judge] == 0).all()
        assert (got[order[:50], judge] != 0).any()


def test_sparse_and_float32_rows_are_worth_the_same():
    """CSR and float32 rows that hold the same numbers have the same values."""
    problem = coarse(300, 20, 12)
    for other in (sparse(problem), sparse(problem, np.float32)):
        np.testing.assert_allclose(values(other), values(problem), atol=1e-14)


def test_numbers_are_refused():
    """There are no hits to count."""
    with pytest.raises(AssayError, match="these labels are numbers; use KNNShapley"):
        value(larger(9, 2, 1, "numbers"), CalibratedKNNShapley(), progress=False)


@pytest.mark.parametrize("wrong", [{"k": 0}, {"k": 2.0}, {"k": True}, {"metric": "l2"}])
def test_settings_are_checked(wrong):
    """A wrong k or metric is refused, when made and when set later."""
    (name,) = wrong
    with pytest.raises(AssayError, match=rf"^CalibratedKNNShapley\.{name} is "):
        CalibratedKNNShapley(**wrong)
    with pytest.raises(AssayError, match=rf"^CalibratedKNNShapley\.{name} is "):
        value(larger(5, 2, 1), CalibratedKNNShapley().set_params(**wrong), progress=False)
