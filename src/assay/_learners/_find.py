"""Which twin, if any, answers for a model."""

from __future__ import annotations

from .._problem import Problem
from ._centroid import Centroid
from ._discriminant import Discriminant
from ._learner import Learner
from ._logistic import LogisticRegression
from ._naive_bayes import NaiveBayes
from ._neighbours import Neighbours
from ._question import Question
from ._ridge import LinearRegression, Ridge, RidgeClassifier

TWINS: tuple[type[Learner], ...] = (
    *(Centroid, Discriminant, LinearRegression, LogisticRegression, NaiveBayes, Neighbours),
    *(Ridge, RidgeClassifier),
)


def find(problem: Problem) -> Learner | None:
    """The twin of `problem.model`, or None where it has none."""
    question = Question(problem)
    for kind in TWINS:
        if (twin := kind.twin_of(problem.model, question)) is not None:
            return twin
    return None
