"""Which twin, if any, answers for a model."""

from __future__ import annotations

import numpy as np
import sklearn
from numpy.typing import NDArray
from scipy.sparse import issparse

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

OLDEST = (1, 9)  # whose models the twins were compared with; older ones are refitted
SCIKIT_LEARN = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def find(problem: Problem) -> Learner | None:
    """The twin of `problem.model`, or None where it has none, or the rows are sparse."""
    if SCIKIT_LEARN < OLDEST or issparse(problem.train.X):
        return None
    question = Question(problem)
    for kind in TWINS:
        if (twin := kind.twin_of(problem.model, question)) is not None:
            return None if twin.refuses(_of_all(question))[0] else twin
    return None


def _of_all(question: Question) -> NDArray[np.intp]:
    """Counts of all rows, as `Learner.refuses` takes them: who refuses these has no answer at all."""
    if question.classes is None:
        return np.array([[len(question.y)]])
    return np.bincount(question.y, minlength=question.width)[None]
