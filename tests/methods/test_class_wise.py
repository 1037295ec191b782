"""Class-wise Shapley values: the definition by brute force, a closed form, and honest errors."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import permutations, product
from math import e

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestCentroid
from truth import bits_of, two_clouds

from assay import AssayError, Data, Problem, Status, Stop, TableGame, value
from assay.methods.semivalue.class_wise import ClassScore, ClassWiseShapley


def run(problem, *, normalise=True, **how):
    """Value quietly."""
    return value(problem, ClassWiseShapley(normalise=normalise), progress=False, **how)


def answers_of(problem, rows):
    """Predictions for the validation rows of the model refitted on `rows`."""
    model = clone(problem.model).fit(problem.train.X[rows], problem.train.y[rows])
    return model.predict(problem.valid.X)


def shares_of(problem, rows, label):
    """Refit on `rows`: shares of all validation rows that are rightly predicted, in class `label` and not."""
    right, inside = answers_of(problem, rows) == problem.valid.y, problem.valid.y == label
    return (right & inside).mean(), (right & ~inside).mean()


def worth_of(problem, rows, label):
    """The score of class `label` of the model refitted on `rows`."""
    inside, outside = shares_of(problem, list(rows), label)
    return inside * np.exp(outside)


def brute_force(problem, *, normalise=True):
    """The definition, term by term: every coalition of the others but none, every order of the class."""
    y, values = problem.train.y, np.zeros(problem.n)
    for label in np.unique(y):
        own, others = np.flatnonzero(y == label), np.flatnonzero(y != label)
        worth = cache(lambda rows, label=label: worth_of(problem, rows, label))
        draws = []
        for bits in product((False, True), repeat=len(others)):
            if not any(bits):
                continue
            for order in permutations(own):
                added, before = np.zeros(problem.n), 0.0
                for k, row in enumerate(order):
                    now = worth(tuple(sorted([*order[: k + 1], *others[np.array(bits)]])))
                    added[row], before = now - before, now
                draws.append(added)
        part = np.mean(draws, axis=0)
        if normalise and part.sum() > 0:
            part *= shares_of(problem, np.arange(problem.n), label)[0] / part.sum()
        values += part
    return values


class Line(ClassifierMixin, BaseEstimator):
    """The least-squares line through the origin, rounded to the classes 0 and 1."""

    def fit(self, X, y):
        """Fit the slope."""
        self.classes_ = np.unique(y)
        self.slope_ = X[:, 0] @ y / (X[:, 0] @ X[:, 0])
        return self

    def predict(self, X):
        """Round."""
        return np.clip(np.round(self.slope_ * X[:, 0] + 1e-10), 0, 1).astype(int)


class Means(ClassifierMixin, BaseEstimator):
    """The class of the nearest mean: cheap to refit a thousand times."""

    def fit(self, X, y):
        """Average."""
        self.classes_ = np.unique(y)
        self.means_ = np.array([X[y == label].mean(axis=0) for label in self.classes_])
        return self

    def predict(self, X):
        """Compare."""
        return self.classes_[((X[:, None] - self.means_) ** 2).sum(axis=2).argmin(axis=1)]


def four_points():
    """Rows 1, 2, 3, 4 of the classes 0, 0, 1, 1, judged by the same rows of which the third says 0."""
    X = np.arange(1.0, 5.0)[:, None]
    return Problem(Data(X, [0, 0, 1, 1]), Data(X, [0, 0, 0, 1]), Line())


PARTS = np.array([e**0.25 / 6, e**0.25 / 3, e**0.25 / 12 + e**0.5 / 24, e**0.5 / 8])
SCALE = np.repeat([e**-0.25, 1 / (e**0.25 / 3 + 2 * e**0.5 / 3)], 2)


@pytest.mark.parametrize("normalise", [False, True])
def test_four_points_have_a_closed_form(normalise):
    """Values worked out by hand for four points on a line, raw and normalised by class."""
    truth = PARTS * (SCALE if normalise else 1)
    np.testing.assert_allclose(brute_force(four_points(), normalise=normalise), truth, atol=1e-12)
    done = replace(four_points(), game=Tables(four_points()))
    valuation = sampled(done, normalise=normalise, evals=4000)
    assert (np.abs(valuation.values - truth) < 4 * valuation.stderr).all()
    assert np.abs(valuation.values - truth).max() < 0.05


def small(seed, n=6, classes=2, text=False):
    """A few rows of overlapping clouds, one class each, some labels wrong."""
    rng = np.random.default_rng(seed)
    names = np.array(["ay", "bee", "sea"]) if text else np.array([3, 5, 8])
    y, v = np.arange(n) % classes, np.arange(12) % classes
    X, V = rng.normal(size=(n, 2)) + y[:, None], rng.normal(size=(12, 2)) + v[:, None]
    return Problem(Data(X, names[y]), Data(V, names[v]), Means())


class Tables:
    """The refits of a small problem, all done once: a game that can be judged by any score."""

    def __init__(self, problem):
        self.n, self.truth = problem.n, problem.valid.y
        asked = [c for c in bits_of(self.n) if len(np.unique(problem.train.y[c])) > 1]
        self.answers = {c.tobytes(): answers_of(problem, c) for c in asked}

    def rescored(self, score, key):
        """The game of one score; only coalitions of two classes may be asked for."""
        assert isinstance(key, bytes)
        return Lookup(self.n, {c: score(self.truth, answers) for c, answers in self.answers.items()})


class Lookup:
    """Worths by coalition."""

    def __init__(self, n, known):
        self.n, self.known = n, known

    def __call__(self, coalitions):
        """Look them up."""
        return np.array([self.known[c.tobytes()] for c in coalitions])


def sampled(problem, *, normalise, evals, seed=0):
    """The first estimate that cost at least `evals`, of refits that are done once."""
    method = ClassWiseShapley(normalise=normalise)
    for now in method.estimates(problem, np.random.default_rng(seed)):
        if now.evals >= evals:
            return now
    raise AssertionError("estimates never end")


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize(
    ("seed", "n", "classes", "text"), [(0, 6, 2, False), (1, 7, 3, True), (2, 5, 2, True)]
)
def test_equals_the_definition(seed, n, classes, text, normalise):
    """With two classes or three every value is within 4 standard errors of brute force."""
    problem = small(seed, n, classes, text)
    truth = brute_force(problem, normalise=normalise)
    done = replace(problem, game=Tables(problem))
    valuation = sampled(done, normalise=normalise, evals=6000, seed=seed)
    assert (np.abs(valuation.values - truth) <= 4 * valuation.stderr).all()
    assert np.abs(valuation.values - truth).max() < 0.04


@pytest.mark.parametrize("normalise", [False, True])
def test_standard_errors_are_honest(normalise):
    """Over 80 seeds errors scatter as standard errors say: 95% intervals cover 90% to 98%."""
    problem = small(4, 7)
    truth = brute_force(problem, normalise=normalise)
    done = replace(problem, game=Tables(problem))
    runs = [sampled(done, normalise=normalise, evals=400, seed=seed) for seed in range(80)]
    z = np.array([(r.values - truth) / r.stderr for r in runs])
    assert 0.85 < z.std() < 1.2
    assert abs(z.mean()) < 0.2
    assert 0.90 <= (np.abs(z) < 1.96).mean() <= 0.98


def test_refits_are_asked_as_tables_are():
    """The first estimate on refits is the one where every refit was done before."""
    problem = small(3, 6)
    first, second = (
        sampled(given, normalise=True, evals=1, seed=5)
        for given in (problem, replace(problem, game=Tables(problem)))
    )
    assert first.evals == second.evals
    np.testing.assert_allclose(first.values, second.values, atol=1e-12)
    np.testing.assert_allclose(first.stderr, second.stderr, atol=1e-12)


@pytest.mark.parametrize("model", [GaussianNB(), LogisticRegression()])
def test_normalised_values_share_out_the_accuracy(model):
    """The values of a class sum to its share of right predictions of the model fitted on all rows."""
    problem = replace(two_clouds(), model=model)
    valuation = run(problem, stop=Stop(evals=200))
    for label in (0, 1):
        share = shares_of(problem, np.arange(problem.n), label)[0]
        assert valuation.values[problem.train.y == label].sum() == pytest.approx(share, abs=1e-12)


def test_a_class_without_validation_rows_is_worth_nothing():
    """Its rows are worth exactly 0, they cost nothing, and the other classes are valued by the definition."""
    problem = small(1, 7, 3)
    some = Data(problem.valid.X[problem.valid.y != 8], problem.valid.y[problem.valid.y != 8])
    problem = replace(problem, valid=some)
    valuation = sampled(replace(problem, game=Tables(problem)), normalise=True, evals=3000)
    unjudged = problem.train.y == 8
    assert (valuation.values[unjudged] == 0).all()
    assert (valuation.stderr[unjudged] == 0).all()
    assert valuation.evals == 2 + valuation.draws * (~unjudged).sum()
    error = np.abs(valuation.values - brute_force(problem))[~unjudged]
    assert (error <= 4 * valuation.stderr[~unjudged]).all()


def test_a_class_that_is_never_predicted_rightly_is_worth_nothing():
    """A run on a class that no model gets right ends, with values of 0 for it."""
    rows = Data([[0.0], [0.1], [1.0], [1.1]], ["a", "a", "b", "b"])
    problem = Problem(rows, Data([[0.0], [0.05], [0.1]], ["a", "a", "b"]), NearestCentroid())
    valuation = run(problem, stop=Stop(stderr=0.05))
    assert valuation.status is Status.converged
    np.testing.assert_array_equal(valuation.values[2:], 0)


@pytest.mark.parametrize(("label", "alone", "score"), [("a", True, 0.25), ("a", False, 0.25 * e**0.5)])
def test_the_score_of_a_class(label, alone, score):
    """One of two rows of the class right, of four in all, and both of the other class."""
    truth, answers = np.array(["a", "a", "b", "b"]), np.array(["a", "b", "b", "b"])
    assert ClassScore(label, alone)(truth, answers) == pytest.approx(score)


def test_refuses_what_it_cannot_value():
    """Labels that are numbers, a game or score of one's own, and a missing model are refused by name."""
    problem = two_clouds()
    y = np.linspace(0, 1, problem.n)
    numbers = replace(problem, train=Data(problem.train.X, y), valid=Data(problem.train.X, y), score="r2")
    with pytest.raises(AssayError, match="the labels are numbers; use Shapley"):
        run(numbers)
    game = TableGame(np.arange(16.0))
    with pytest.raises(AssayError, match="brings a game"):
        run(replace(four_points(), game=game))
    with pytest.raises(AssayError, match=r"Problem.score is 'f1_macro'"):
        run(replace(problem, score="f1_macro"))
    with pytest.raises(AssayError, match="needs a model to refit"):
        run(replace(problem, model=None))
    with pytest.raises(AssayError, match="validation rows of the classes of train"):
        run(replace(problem, valid=Data(problem.valid.X, problem.valid.y + 7)))
