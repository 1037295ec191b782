"""The twin of NearestCentroid answers as refits do."""

from __future__ import annotations

import numpy as np
import pytest
from refits import KINDS, check_begin, check_refits, odd_problem, own_score
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestCentroid

from assay import Data, Problem
from assay._learners._centroid import Centroid
from assay._learners._question import Question


class Tuned(NearestCentroid):
    """A subclass may do anything."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("priors", ["uniform", "empirical"])
def test_worths_are_those_of_refits(kind, priors):
    """Plain distances while classes are as likely, divided ones where they are not."""
    check_refits(Centroid, odd_problem(kind, NearestCentroid(priors=priors)))


@pytest.mark.parametrize("priors", ["uniform", "empirical"])
@pytest.mark.parametrize("score", ["neg_log_loss", "f1_macro", own_score])
def test_scores_of_probabilities_and_of_labels(priors, score):
    """Probabilities are of divided distances, whatever labels are; one row of each class has none."""
    for kind in ("text", "rare", "wide", "shifted"):
        # scikit-learn finds distances by |x|^2 - 2 x v + |v|^2, which rounds more
        check_refits(Centroid, odd_problem(kind, NearestCentroid(priors=priors), score), atol=1e-6)


@pytest.mark.parametrize("score", ["accuracy", "neg_log_loss", "f1_macro", own_score])
def test_rows_that_are_all_the_same_are_refused(score):
    """Whatever their classes: worth the commonest."""
    X, V = np.ones((7, 2)), np.arange(6.0).reshape(3, 2)
    X[6] = 2
    check_refits(
        Centroid, Problem(Data(X, [1, 1, 0, 1, 0, 1, 0]), Data(V, [0, 1, 1]), NearestCentroid(), score)
    )


@pytest.mark.parametrize("score", ["accuracy", "neg_log_loss"])
def test_a_class_without_deviation(score):
    """Two classes of equal rows each, in one feature: it is not divided; in all: the nearest is plain."""
    same = np.repeat([[0.0, 1.0], [2.0, 4.0]], 4, axis=0)
    apart = same + np.eye(8, 2, -3)
    valid = Data([[0.5, 1.0], [1.5, 2.0], [0.5, 4.0]], [0, 1, 0])
    for priors in ("uniform", "empirical"):
        for X in (same, apart):
            train = Data(X, [0] * 4 + [1] * 4)
            check_refits(Centroid, Problem(train, valid, NearestCentroid(priors=priors), score))


@pytest.mark.parametrize("score", ["accuracy", "neg_log_loss"])
def test_states_are_independent_and_orders_matter_by_rounding_only(score):
    """Two states grown in turns, in chunks, from both ends."""
    for kind in ("two", "four", "wide"):
        check_begin(Centroid, odd_problem(kind, NearestCentroid(priors="empirical"), score))
        check_begin(Centroid, odd_problem(kind, NearestCentroid(), score))


@pytest.mark.parametrize(
    "model",
    [
        Tuned(),
        Ridge(),
        None,
        NearestCentroid(metric="manhattan"),
        NearestCentroid(shrink_threshold=0.1),
        NearestCentroid(priors=[0.5, 0.5]),
    ],
    ids=repr,
)
def test_what_is_declined(model):
    """Other classes, subclasses, medians, shrunken centroids and given priors."""
    assert Centroid.twin_of(model, Question(odd_problem("two", None))) is None


def test_rows_that_are_all_the_same_are_declined():
    """scikit-learn refuses them, and so must the game."""
    problem = Problem(Data(np.ones((4, 2)), [0, 1, 0, 1]), Data(np.ones((1, 2)), [0]), NearestCentroid())
    assert Centroid.twin_of(problem.model, Question(problem)) is None
