"""Consensus: what models of several kinds, fitted without a row, together think of its label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from .._errors import AssayError
from .._parallel import each
from .._problem import Data, Problem
from .._types import Floats
from .._valuation import Valuation
from .._valuer import Needs, Valuer
from ._natural import natural
from ._pooling import centred_logs, right, weights
from .confidence._out_of_fold import OutOfFold

TRUSTED = 30  # judging rows that can teach the weights
MOST_CLASSES = 2  # of boosting, which fits as many trees in every round as there are more classes
BAGS, SHARES = 100, 10
IMAGINED = 0.5  # votes of no tree, so that no label is impossible
REPEATS = 3  # before there is a first estimate
PRIOR = 4.0  # imagined repeats, whose spread is that of all rows


@final
@dataclass(eq=False, kw_only=True)
class Consensus(Valuer):
    """The probability that a row's label is right, in 0..1, by several kinds of models fitted without it.

    Members are out-of-fold probabilities of a linear and a kernel logistic regression, of boosted trees (for
    two classes) and of the problem's own model if it gives any, and the out-of-bag votes of 100 trees. Their
    logarithms are added with weights of at least 0 that are learnt by planting: which weights tell the labels
    of the judging rows (of all rows, if there are fewer than 30) from every other label in their place? How
    often each class is given for each other one is estimated along with which rows are wrong, so that errors
    which prefer a class are found as such.

    Judging rows are taken to be right, and are learnt from: their labels also shift the classes, and if
    rows lie farther from others than judging rows do, the value is multiplied by the probability that their
    features are what they were. Give none that you do not trust.

    A repeat costs 5 fits of each model and 100 trees; the value is the mean of the repeats, the standard
    error that of the mean, and there is no estimate before the third. 1,000 rows take seconds.

    Source: Northcutt, Jiang and Chuang (2021), "Confident Learning", and Kwon and Zou (2023), "Data-OOB", for
    the members; Wolpert (1992), "Stacked Generalization", for the weights; Dawid and Skene (1979), "Maximum
    Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", for mistaken classes.

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Consensus, Data, Problem, Stop, value
    >>> y = np.arange(40) % 2
    >>> X = 3 * y[:, None] + np.random.default_rng(0).normal(size=(40, 2))
    >>> y[7] = 0
    >>> value(Problem(Data(X, y)), Consensus(), stop=Stop(evals=1)).lowest(1)
    array([7])
    """

    needs: ClassVar[Needs] = Needs.LABELS

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every repeat from the third on."""
        if problem.target_kind == "number":
            raise AssayError(
                "Consensus is for classes, and labels are numbers; take SelfConfidence or DataOOB."
            )
        n, pool = problem.n, _merged(problem)
        members = _members(pool)
        codes = members[0].y
        trusted = np.arange(n, pool.n)
        natural_rows = np.ones(n)
        if len(trusted) >= TRUSTED:
            natural_rows = natural(pool.train.X[:n], pool.train.X[n:])
        total, squares, evals, draws = np.zeros(n), np.zeros(n), 0, 0
        while True:
            chances, cost = _ask(members, pool, rng)
            values = natural_rows * _pooled(chances, codes, trusted)[:n]
            evals, draws, total, squares = evals + cost, draws + 1, total + values, squares + values**2
            if draws < REPEATS:
                continue
            spread = np.maximum(squares - total**2 / draws, 0)
            variance = (spread + PRIOR * spread.mean() / (draws - 1)) / (draws - 1 + PRIOR)
            stderr = np.sqrt(variance / draws)
            yield Valuation(total / draws, stderr, evals=evals, draws=draws, next_evals=cost)


def _merged(problem: Problem) -> Problem:
    """The rows to value and, behind them, those that judge, as rows to learn from."""
    train, valid = problem.train, problem.valid
    if valid is None or valid.y is None:
        return replace(problem, train=Data(train.dense, train.y, groups=train.groups), valid=None)
    groups = None
    if train.groups is not None:
        own = valid.groups if valid.groups is not None else [f"judge {i}" for i in range(len(valid))]
        groups = np.concatenate([np.asarray(train.groups).astype(str), np.asarray(own).astype(str)])
    X = np.vstack([train.dense, valid.dense])
    return replace(problem, train=Data(X, np.concatenate([train.y, valid.y]), groups=groups), valid=None)


def _members(pool: Problem) -> list[OutOfFold]:
    """The models, and last of all what is bagged."""
    models: list[Any] = [
        make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=300)),
        make_pipeline(StandardScaler(), Nystroem(n_components=200), LogisticRegression(max_iter=300)),
    ]
    if len(np.unique(pool.train.y)) <= MOST_CLASSES:
        stops: Any = False  # a share held back would be missed
        models.append(HistGradientBoostingClassifier(max_iter=50, max_leaf_nodes=8, early_stopping=stops))
    if callable(getattr(pool.model, "predict_proba", None)):
        models.append(pool.model)
    models.append(DecisionTreeClassifier(max_features="sqrt"))
    return [OutOfFold.of("Consensus", pool, model) for model in models]


def _ask(members: list[OutOfFold], pool: Problem, rng: np.random.Generator) -> tuple[Floats, int]:
    """Probabilities (members, n, classes) by new folds and bags, and how many fits they took."""
    answers, cost = [], BAGS
    for member in members[:-1]:
        chance, fits = next(member.repeats(pool, rng))
        answers.append(chance)
        cost += fits
    tree, votes = members[-1], np.zeros((pool.n, members[-1].classes))
    tasks = [(tree, pool.train.groups, int(seed)) for seed in rng.integers(2**31, size=BAGS // SHARES)]
    for part in each(_votes, tasks):
        votes += part
    answers.append((votes + IMAGINED / tree.classes) / (votes.sum(axis=1, keepdims=True) + IMAGINED))
    return np.array(answers), cost


def _votes(tree: OutOfFold, groups: NDArray[Any] | None, seed: int) -> Floats:
    """Votes (n, classes) of trees for the rows of which they saw none of the group."""
    n, rng, X = len(tree.y), np.random.default_rng(seed), np.asarray(tree.X, np.float32)
    votes = np.zeros((n, tree.classes))
    for _ in range(SHARES):
        bag = rng.integers(n, size=n)
        out = np.ones(n, bool)
        out[bag] = False
        if groups is not None:
            out &= ~np.isin(groups, groups[bag])
        model: Any = DecisionTreeClassifier(max_features="sqrt", random_state=int(rng.integers(2**31)))
        model.fit(X[bag], tree.y[bag])
        if out.any():
            votes[np.ix_(out, model.classes_)] += model.predict_proba(X[out])
    return votes


def _pooled(chances: Floats, codes: NDArray[np.intp], trusted: NDArray[np.intp]) -> Floats:
    """The probability (n,) that each label is right, by all members together."""
    logs = centred_logs(chances)
    taught = len(trusted) >= TRUSTED
    teachers = trusted if taught else np.arange(len(codes))
    share, shift = weights(logs[:, teachers], codes[teachers], shifts=taught)
    return right(softmax(np.tensordot(share, logs, 1) + shift, axis=1), codes)
