"""Auto: which method, from what the problem has and its size, and the sentence that says why."""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse

from .._errors import AssayError
from .._problem import Problem, is_torch
from .._valuer import Valuer
from .bagging.data_oob import DataOOB
from .consensus import Consensus
from .influence.influence import Influence
from .influence.self_influence import SelfInfluence
from .neighbors.knn_shapley import KNNShapley
from .semivalue.banzhaf import Banzhaf
from .semivalue.shapley import Shapley

SMALL_GAME = 64  # rows: a permutation costs one evaluation a row
SMALL_REFITS = 100
FEW_TO_POOL, MANY_TO_POOL = 50, 5_000  # rows: below, folds teach little; above, it takes minutes
LEAST_OF_CLASS = 10  # rows a class, on average
MANY_BAGS = 20_000


def choose(problem: Problem) -> tuple[Valuer, str]:
    """Pick a method for `problem`.

    Returns
    -------
    tuple of Valuer and str
        The method, and one sentence: what was picked and why.

    Raises
    ------
    AssayError
        If the problem has neither labels nor a game.
    """
    n, judged = problem.n, problem.valid is not None
    if problem.game is not None:
        if n <= SMALL_GAME:
            return Shapley(), f"Shapley: the problem brings its own game, and {n} rows are few."
        return Banzhaf(), f"Banzhaf: the problem brings its own game, and every answer informs all {n} rows."
    if problem.train.y is None:
        raise AssayError("method='auto' needs labels or a game; pass assay.Problem(train=assay.Data(X, y)).")
    if problem.gradients is not None or is_torch(problem.model):
        if judged:
            return Influence(), "Influence: the problem brings the gradients of a trained network."
        return SelfInfluence(), "SelfInfluence: a trained network's gradients, and no validation rows."
    if judged and problem.model is not None and n <= SMALL_REFITS:
        return Shapley(), f"Shapley: {n} rows are few enough to refit the model itself."
    if _can_pool(problem):
        return Consensus(), f"Consensus: labels are classes, and several kinds of models can judge {n} rows."
    if judged:
        return KNNShapley(), "KNNShapley: exact and quick, and judged by the validation rows given."
    if n <= MANY_BAGS:
        return DataOOB(), "DataOOB: there are no validation rows; every row is judged by bags without it."
    return KNNShapley(), f"KNNShapley: there are no validation rows, and {n} rows are many for bags of trees."


def _can_pool(problem: Problem) -> bool:
    """Whether models of several kinds can be fitted without each row, for a price that nobody minds."""
    y, groups = problem.train.y, problem.train.groups
    sizes = FEW_TO_POOL <= problem.n <= MANY_TO_POOL
    if not sizes or y.ndim > 1 or problem.target_kind == "number" or issparse(problem.train.X):
        return False
    classes = len(np.unique(y))
    apart = groups is None or len(np.unique(groups)) > 1
    return apart and 1 < classes <= problem.n // LEAST_OF_CLASS
