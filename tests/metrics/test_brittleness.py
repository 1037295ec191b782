"""Brittleness, against votes that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from truth import two_clouds

from assay import AssayError, Data, Problem
from assay.metrics import brittleness

Y = np.array([1, 1, 1, 0, 0])


def vote(kept):
    """Three queries, each answered by the majority of the rows kept."""
    return np.repeat(int(2 * Y[kept].sum() > kept.sum()), 3)


def test_flips_where_the_majority_does():
    """A vote of 3 to 2 flips without its best row for scores that know, never for those upside down."""
    right = np.column_stack([Y, 2.0 * Y, -1.0 * Y])
    found = brittleness(right, [1, 2], vote, progress=False)
    np.testing.assert_array_equal(found.flipped, [[True, True], [True, True], [False, False]])
    np.testing.assert_allclose(found.share, 2 / 3)
    assert (found.low < found.share).all()
    assert (found.high > found.share).all()


def test_nearest_neighbour():
    """One nearest neighbour flips exactly if the nearest row left has another label; processes agree."""
    problem = two_clouds(30, 20, model=KNeighborsClassifier(1))
    gaps = ((problem.train.X[:, None] - problem.valid.X) ** 2).sum(axis=2)
    near = problem.train.y[np.argsort(gaps, axis=0)]
    found, apart = (brittleness(-gaps, [1, 3], problem, n_jobs=jobs, progress=False) for jobs in (1, 2))
    np.testing.assert_array_equal(found.flipped, np.column_stack([near[1] != near[0], near[3] != near[0]]))
    np.testing.assert_array_equal(found.flipped, apart.flipped)


def test_trains_each_set_once():
    """Queries that agree on the rows to remove share a training, and all rows are trained once."""
    seen = []
    train = lambda kept: (seen.append(kept.sum()), vote(kept))[1]  # noqa: E731
    brittleness(np.tile(np.arange(5.0)[:, None], 3), [1, 2], train, progress=False)
    assert sorted(seen) == [3, 4, 5]


def test_one_class_left():
    """Where one class is left, it is what is predicted."""
    rows = Data([[0.0], [1.0], [1.1]], [0, 1, 1])
    found = brittleness([[1.0], [0], [0]], [1], Problem(rows, Data([[0.0]], [0]), LogisticRegression(C=100)))
    assert found.flipped.all()


@pytest.mark.parametrize(
    ("scores", "counts", "train", "message"),
    [
        (np.zeros((5, 3)), [0], vote, "a count is 0"),
        (np.zeros((5, 3)), [5], vote, "each from 1 to 4"),
        (np.zeros((5, 3)), [], vote, "needs some"),
        (np.zeros((5, 2)), [1], vote, r"answers with shape \(3,\)"),
        (np.zeros((5, 3)), [1], two_clouds(), "scores has shape"),
        (np.zeros((20, 30)), [1], Problem(two_clouds().train), "an estimator"),
        (np.zeros((3, 3)), [1], Problem(*[Data(np.eye(3), [0.5, 1, 2])] * 2, Ridge()), "do not flip"),
    ],
)
def test_refuses(scores, counts, train, message):
    """What cannot be tried is refused."""
    with pytest.raises(AssayError, match=f"^brittleness: .*{message}"):
        brittleness(scores, counts, train, progress=False)
