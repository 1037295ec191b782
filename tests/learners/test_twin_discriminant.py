"""The twin of LinearDiscriminantAnalysis answers as refits do."""

from __future__ import annotations

import numpy as np
import pytest
from refits import KINDS, check_begin, check_refits, odd_problem, own_score, twin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.linear_model import Ridge

from assay import Data, ModelGame, Problem
from assay._learners._discriminant import Discriminant
from assay._learners._drive import ask, grow
from assay._learners._question import Question

LDA = LinearDiscriminantAnalysis
DISTINCT = [kind for kind in KINDS if kind != "copies"]


class Tuned(LDA):
    """A subclass may do anything."""


@pytest.mark.parametrize("kind", DISTINCT)
@pytest.mark.parametrize("score", ["accuracy", "neg_log_loss"])
def test_worths_are_those_of_refits(kind, score):
    """Every kind of problem, from fewer rows than columns to more; answers are ill conditioned in between."""
    check_refits(Discriminant, odd_problem(kind, LDA(), score), atol=1e-6)


@pytest.mark.parametrize("score", ["f1_macro", own_score])
def test_scores_of_labels(score):
    """By name and of one's own."""
    for kind in ("text", "rare"):
        check_refits(Discriminant, odd_problem(kind, LDA(), score))


def test_classes_on_a_line():
    """A direction between four classes that is too short next to the others is dropped."""
    problem = odd_problem("four", LDA())
    centres = np.array([[0.0, 0, 0, 0], [9, 0, 0, 0], [30, 2e-4, 0, 0], [21, 0, 0, 0]])
    rng, y, t = np.random.default_rng(0), problem.train.y // 2, problem.valid.y // 2
    spread = rng.normal(size=(18, 4)) * 0.01
    for k in range(4):
        spread[y == k] -= spread[y == k].mean(axis=0)
    train = Data(centres[y] + spread, y)
    valid = Data(centres[t] + rng.normal(size=(15, 4)), t)
    for tol in (1e-4, 1e-6, 0.05):
        check_refits(Discriminant, Problem(train, valid, LDA(tol=tol)))


@pytest.mark.parametrize("score", ["accuracy", "neg_log_loss"])
def test_columns_that_depend_on_each_other(score):
    """A sum of columns, and columns that are there twice: their singular values are dropped."""
    p = odd_problem("two", LDA(), score)
    wide = [Data(np.column_stack([d.X, d.X.sum(axis=1), d.X[:, 0]]), d.y) for d in (p.train, p.valid)]
    check_refits(Discriminant, Problem(*wide, p.model, p.score), atol=1e-6)


def test_a_constant_that_rounds():
    """The mean of three 0.1 is not 0.1; scikit-learn scales the difference up to one; so does the twin."""
    p = odd_problem("two", LDA())
    train, valid = (Data(np.column_stack([d.X, np.full(len(d.X), 0.1)]), d.y) for d in (p.train, p.valid))
    check_refits(Discriminant, Problem(train, valid, p.model))


@pytest.mark.parametrize("tol", [1e-6, 0.1, 0.5])
def test_tolerances(tol):
    """More singular values are dropped with a larger one."""
    for kind in ("two", "wide"):
        check_refits(Discriminant, odd_problem(kind, LDA(tol=tol)))


@pytest.mark.parametrize("priors", [[0.2, 0.5, 0.3], [1 / 3, 1 / 3, 1 / 3]])
def test_priors(priors):
    """They shift the levels; a coalition of fewer classes is refused."""
    check_refits(Discriminant, odd_problem("rare", LDA(priors=priors), "neg_log_loss"), atol=1e-6)


def test_components_are_refused_where_there_are_too_few_classes():
    """They change no answer otherwise."""
    check_refits(Discriminant, odd_problem("four", LDA(n_components=2)))


def test_classes_that_vary_in_nothing():
    """scikit-learn raises IndexError; the coalition is worth its commonest class."""
    X = np.repeat([[0.0, 1.0], [2.0, 4.0]], [4, 3], axis=0)
    X[3] = X[6] = 5.0, 7.0
    problem = Problem(Data(X, [0] * 4 + [1] * 3), Data(X[2:6], [0, 0, 1, 1]), LDA())
    with pytest.raises(IndexError):
        LDA().fit(X[[0, 1, 2, 4]], [0, 0, 0, 1])
    learner = twin(Discriminant, problem)
    assert ask(learner, np.isin(np.arange(7), [0, 1, 2, 4])[None])[0] == 0.5
    assert grow(learner, np.array([[0, 1, 4, 5, 2, 3, 6]]))[0, 3] == 0.5


@pytest.mark.parametrize("kind", ["two", "four", "wide"])
def test_states_are_independent_and_orders_matter_by_rounding_only(kind):
    """Two states grown in turns, in chunks, from both ends."""
    check_begin(Discriminant, odd_problem(kind, LDA(), "neg_log_loss"))


def test_the_inverse_does_not_drift():
    """After 300 rows the answer is that of a fresh fit."""
    rng = np.random.default_rng(0)
    X, V = rng.normal(size=(300, 5)) @ rng.normal(size=(5, 5)), rng.normal(size=(9, 5))
    learner = twin(Discriminant, Problem(Data(X, np.arange(300) % 3), Data(V, np.arange(9) % 3), LDA()))
    answers = np.empty((300, 9, 3))
    learner.join(learner.begin(), np.arange(300), answers)
    for size in (40, 150, 300):
        np.testing.assert_allclose(answers[size - 1], learner.fit(np.arange(size)), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "model",
    [
        Tuned(),
        QuadraticDiscriminantAnalysis(),
        Ridge(),
        None,
        LDA(solver="lsqr"),
        LDA(solver="eigen", shrinkage=0.1),
        LDA(shrinkage="auto"),
        LDA(tol=0.0),
        LDA(priors=[0.5, 0.6]),
        LDA(priors=[0.0, 1.0]),
        LDA(priors=[0.2, 0.3, 0.5]),
        LDA(n_components=2),
    ],
    ids=repr,
)
def test_what_is_declined(model):
    """Other classes, subclasses, solvers, and what scikit-learn refuses for all rows."""
    assert Discriminant.twin_of(model, Question(odd_problem("two", None))) is None


def test_priors_of_four_classes_are_refitted():
    """The twin declines them, and worths are those of refits."""
    rng = np.random.default_rng(0)
    rows = Data(rng.normal(size=(30, 2)), np.arange(30) % 4)
    problem = Problem(rows, rows, LDA(priors=np.full(4, 0.25)))
    assert not ModelGame(problem).incremental
    assert ModelGame(Problem(rows, rows, LDA())).incremental
