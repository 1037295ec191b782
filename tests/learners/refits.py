"""Plain refits of scikit-learn to hold twins against, and problems of every odd kind."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import clone

from assay import Data, Problem
from assay._learners._drive import ask, grow
from assay._learners._learner import Learner
from assay._learners._question import Question

KINDS = ("two", "text", "four", "rare", "unseen", "wide", "copies", "constant", "skewed", "shifted")
"""Two classes; text labels; four classes; a class of two rows; a class of valid only; more columns than rows;
rows that are there three times; constant and rounded columns; labels that are hard to tell; columns of very
different means and scales."""


def odd_problem(
    kind: str, model: Any, score: Any = "accuracy", *, seed: int = 0, numbers: bool = False, n: int = 18
) -> Problem:
    """A random problem of n training and 15 validation rows, of one of `KINDS`."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    m, d, c = 15, n + 6 if kind == "wide" else 4, {"four": 4, "rare": 3, "unseen": 3}.get(kind, 2)
    y, t = np.arange(n) % c, np.arange(m) % c
    if kind == "rare":
        y[:], y[:2] = y % 2, 2
    if kind == "unseen":
        y %= 2
    X, V = (
        rng.normal(size=(len(a), d)) + (0.3 if kind == "skewed" else 1.5) * rng.normal(size=(c, d))[a]
        for a in (y, t)
    )
    if kind == "copies":
        X, y = np.repeat(X[: n // 3], 3, axis=0), np.repeat(y[: n // 3], 3)
    if kind == "constant":
        X[:, 0], V[:, 0] = 2.0, 2.0
        X[:, 1], V[:, 1] = np.round(X[:, 1]), np.round(V[:, 1])
    if kind == "shifted":
        X, V = (A * [1e-3, 1.0, 1e3, 1e3] + [10.0, -50.0, 0.0, 1e5] for A in (X, V))
    if numbers:
        slope = rng.normal(size=d)
        noise = rng.normal(size=n // 3).repeat(3) if kind == "copies" else rng.normal(size=n)
        return Problem(Data(X, X @ slope + noise), Data(V, V @ slope), model, score)
    names = np.array(["d", "c", "bb", "a"])[:c] if kind == "text" else np.arange(c) * 2
    shuffled = rng.permutation(n)
    return Problem(Data(X[shuffled], names[y[shuffled]]), Data(V, names[t]), model, score)


def own_score(y_true, y_pred):
    """A score of one's own: later rows count for more."""
    if y_true.dtype.kind == "f":
        return -float(np.mean(np.abs(y_true - y_pred) * np.arange(1, len(y_true) + 1)))
    return float(np.mean((y_true == y_pred) * np.arange(1, len(y_true) + 1)))


def refit_worths(problem: Problem, coalitions: np.ndarray) -> np.ndarray:
    """Worths by cloning and fitting, with the rules that `ModelGame` documents for odd coalitions."""
    judge, train, worths = problem.judge, problem.train, []
    for coalition in coalitions:
        labels = train.y[coalition]
        names, counts = np.unique(labels, return_counts=True)
        if not labels.size:
            worths.append(judge.of_guess(train.y))
        elif judge.classes is not None and len(names) == 1:
            worths.append(judge.of_constant(labels[0]))
        else:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    worths.append(judge.of_model(clone(problem.model).fit(train.X[coalition], labels)))
            except ValueError:
                usual = labels.mean() if judge.classes is None else names[counts.argmax()]
                worths.append(judge.of_constant(usual))
    return np.array(worths)


def some_orders(problem: Problem, seed: int = 0) -> np.ndarray:
    """Orders of all rows: a random one, and one class after the other."""
    by_label = np.argsort(problem.train.y, kind="stable")
    return np.array([np.random.default_rng(seed).permutation(problem.n), by_label])


def prefixes(order: np.ndarray) -> np.ndarray:
    """The n + 1 coalitions that an order passes."""
    places = np.argsort(order)
    return places < np.arange(len(order) + 1)[:, None]


def twin(kind: type[Learner], problem: Problem) -> Learner:
    """The twin of the problem's model, which there must be."""
    learner = kind.twin_of(problem.model, Question(problem))
    assert learner is not None
    return learner


def check_refits(kind: type[Learner], problem: Problem, *, atol: float = 1e-9, rtol: float = 1e-9) -> None:
    """Assert that worths of orders and of coalitions are those of plain refits.

    `atol` and `rtol` are for scores that are continuous; a label score differs by 0 or by a whole label.
    """
    learner, orders = twin(kind, problem), some_orders(problem)
    for order, worths in zip(orders, grow(learner, orders), strict=True):
        np.testing.assert_allclose(worths, refit_worths(problem, prefixes(order)), atol=atol, rtol=rtol)
    coalitions = np.random.default_rng(1).random((16, problem.n)) < np.linspace(0, 1, 16)[:, None]
    np.testing.assert_allclose(
        ask(learner, coalitions), refit_worths(problem, coalitions), atol=atol, rtol=rtol
    )


def check_begin(kind: type[Learner], problem: Problem) -> None:
    """Assert that two states are independent, and that chunks and orders change answers by rounding only."""
    learner = twin(kind, problem)
    n, m, width = problem.n, len(learner.question.V), learner.question.width
    one, two, whole = learner.begin(), learner.begin(), learner.begin()
    a, b, w = (np.empty((n, m, width)) for _ in range(3))
    forth, back = np.arange(n), np.arange(n)[::-1].copy()
    learner.join(whole, forth, w)
    for start in range(0, n, 5):
        stop = min(start + 5, n)
        learner.join(one, forth[start:stop], a[start:stop])
        learner.join(two, back[start:stop], b[start:stop])
    heard = np.flatnonzero([len(np.unique(problem.train.y[: j + 1])) > 1 for j in range(n)])
    heard = heard[~learner.refuses(np.array([_counts(learner, forth[: j + 1]) for j in heard]))]
    np.testing.assert_array_equal(a[heard], w[heard])
    np.testing.assert_allclose(b[-1], w[-1], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(learner.fit(forth), w[-1], rtol=1e-7, atol=1e-9)


def _counts(learner: Learner, rows: np.ndarray) -> np.ndarray:
    question = learner.question
    if question.classes is None:
        return np.array([len(rows)])
    return np.bincount(question.y[rows], minlength=question.width)
