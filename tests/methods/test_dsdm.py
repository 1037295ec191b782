"""DsDm."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from truth import two_clouds

from assay import TRAK, AssayError, Data, DsDm, Influence, KNNShapley, LeafInfluence, Problem, value


def in_groups(sizes: tuple[int, int]) -> Problem:
    """Two clouds judged by two tasks of so many rows."""
    problem = two_clouds(m=sum(sizes), model=LogisticRegression())
    groups = np.repeat(["few", "many"], sizes)
    return Problem(problem.train, Data(problem.valid.X, problem.valid.y, groups=groups), problem.model)


def test_values_are_the_mean_datamodel_weights():
    """Without groups a value is TRAK's, or that of the datamodel that was given."""
    problem = two_clouds(model=LogisticRegression())
    for datamodel, same in (
        (None, TRAK()),
        (TRAK(damping=0.5), TRAK(damping=0.5)),
        (Influence(), Influence()),
    ):
        found = value(problem, DsDm(datamodel=datamodel), progress=False)
        expected = value(problem, same, progress=False)
        np.testing.assert_array_equal(found.values, expected.values)
        np.testing.assert_array_equal(found.per_valid, expected.per_valid)


def test_groups_of_the_target_weigh_the_same():
    """A value is the mean over tasks of the mean over their rows, however many these are."""
    problem = in_groups((4, 16))
    scores = value(problem, TRAK(), progress=False).per_valid
    expected = (scores[:, :4].mean(axis=1) + scores[:, 4:].mean(axis=1)) / 2
    found = value(problem, DsDm(), progress=False)
    np.testing.assert_allclose(found.values, expected, rtol=1e-12)
    assert found.per_valid is None


def test_leaves_out_rows_of_another_distribution():
    """Of a pool of which half has its labels turned round, the selected half has nearly none of those."""
    rng = np.random.default_rng(0)
    problem = two_clouds(n=200, m=40, model=LogisticRegression())
    turned = rng.random(200) < 0.4
    labels = np.where(turned, 1 - problem.train.y, problem.train.y)
    found = value(
        Problem(Data(problem.train.X, labels), problem.valid, problem.model), DsDm(), progress=False
    )
    assert turned[found.highest(100)].mean() < 0.05


@pytest.mark.parametrize("given", ["TRAK", KNNShapley, LeafInfluence()])
def test_what_is_no_datamodel_is_refused(given):
    """Names, classes and methods that need more than gradients are refused."""
    with pytest.raises(AssayError, match=r"^DsDm\.datamodel is .*such as assay\.TRAK\(\)\.$"):
        DsDm(datamodel=given)


def test_a_datamodel_without_columns_is_refused():
    """A method that values rows without saying for whom has no weights to give."""
    with pytest.raises(AssayError, match=r"gives no `per_valid`; pass a method that does"):
        value(
            two_clouds(model=LogisticRegression()),
            DsDm(datamodel=KNNShapley(per_valid=False)),
            progress=False,
        )
