"""The removal index on worked examples and beside refits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from assay import AssayError, Data, Problem, Valuation, removal_index
from assay.apply._held_out import check_held_out

X = np.array([[0.0], [1.0], [10.0], [11.0], [0.1], [10.1]])
Y = np.array(["a", "a", "b", "b", "b", "a"])  # the last two are wrong
WORTH = Valuation(np.array([3.0, 4.0, 5.0, 6.0, -1.0, -2.0]))
JUDGES = Data([[0.1], [0.09], [10.1], [10.09], [1.0]], ["a", "a", "b", "b", "a"])
VALID = Data([[0.5], [9.0]], ["a", "b"])
SMALL = Problem(Data(X, Y), VALID, KNeighborsClassifier(1))


def test_worked_example():
    """By its nearest row: with all 1 of 5 judges is right; without the lowest 3, without two 5, then fewer.

    Judges at 0.1, 0.09 are nearest to the row at 0.1 (wrong), those at 10.1, 10.09 to that at 10.1 (wrong).
    Left out next is the row at 0, after which the judges are still right by the row at 1.
    """
    removal = removal_index(SMALL, WORTH, judges=JUDGES, share=0.7)
    np.testing.assert_allclose(removal.scores, [0.2, 0.6, 1.0, 1.0, 0.4])
    assert removal.dropped.tolist() == [5, 4]
    assert removal.kept.tolist() == [0, 1, 2, 3]
    assert removal.counts.tolist() == [0, 1, 2, 3, 4]
    assert str(removal).startswith("Leave out 2 of 6 rows (33.3%): the proxy then scores 1 instead of 0.2")
    assert removal.to_frame().loc[2, "score"] == 1.0


@pytest.mark.parametrize("model", [LogisticRegression(), DecisionTreeClassifier(max_depth=3, random_state=0)])
def test_curve_is_that_of_refits(model):
    """Each score is that of a refit without the lowest rows, whether or not the proxy grows."""
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(40, 3)), rng.normal(size=(60, 3))
    train, judges, worth = Data(A, A[:, 0] > 0), Data(B, B[:, 0] > 0), rng.normal(size=40)
    problem = Problem(train, Data(B[:5] + 1, B[:5, 0] > 0), model)
    removal = removal_index(problem, Valuation(worth), judges=judges, components=None)
    order = np.argsort(worth)
    for count, score in zip(removal.counts, removal.scores, strict=True):
        kept = np.sort(order[count:])
        assert score == model.fit(A[kept], train.y[kept]).score(B, judges.y)
    assert removal.counts[-1] == 20
    best = removal.scores.max()
    assert len(removal.dropped) == removal.counts[removal.scores == best].min()


def test_nothing_is_left_out_where_nothing_helps():
    """If no removal helps, all rows are kept."""
    clean = replace(SMALL, train=Data(X[:4], Y[:4]))
    removal = removal_index(clean, Valuation(np.arange(4.0)), judges=JUDGES)
    assert removal.dropped.size == 0
    assert removal.kept.tolist() == [0, 1, 2, 3]


def test_rows_that_judged_the_values_may_not_choose():
    """Rows of train and valid are refused as judges."""
    for part, name in ((SMALL.train, "train"), (VALID, "valid")):
        with pytest.raises(AssayError, match=f"Some rows of judges are rows of problem.{name}"):
            removal_index(SMALL, WORTH, judges=part)


def test_rows_too_wide_to_be_dense_are_told_apart():
    """Sparse rows are compared as they are: equal ones are refused, others are not, whatever their width."""
    wide = csr_array((np.arange(1.0, 9.0), (np.arange(8), np.arange(8) * 10**7)), shape=(8, 10**8))
    train, others = Data(wide[:4], Y[:4]), Data(wide[4:], Y[:4])
    check_held_out("judges", others, Problem(train))
    for same in (Data(wide[:4], Y[:4]), Data(wide[:3], Y[:3])):
        with pytest.raises(AssayError, match=r"^Some rows of judges are rows of problem\.train"):
            check_held_out("judges", same, Problem(train))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (dict(share=0), "share is 0"),
        (dict(share=1.0), "share is 1.0"),
        (dict(components=0), "components is 0"),
        (dict(judges=Data([[0.0]])), "rows of judges need to be labelled"),
        (dict(judges=None), "rows of judges need to be labelled"),
        (dict(valuation=Valuation(np.arange(3.0))), "values are of other rows"),
        (dict(valuation=np.arange(6.0)), "takes an assay.Problem and an assay.Valuation"),
    ],
)
def test_bad_input(how, said):
    """Each argument out of its range is refused, named."""
    valuation = how.pop("valuation", WORTH)
    with pytest.raises(AssayError, match=said):
        removal_index(SMALL, valuation, **{"judges": JUDGES, **how})
