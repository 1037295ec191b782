"""SelfConfidence: the probability of a row's label, from models that did not see the row."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from truth import two_clouds

from assay import AssayError, Data, Problem, SelfConfidence, Stop, value
from assay.methods.confidence._thresholds import adjusted, confident_joint, thresholds


def run(problem: Problem, evals: int = 50, **settings):
    """Value quietly, by so many fits."""
    return value(problem, SelfConfidence(**settings), stop=Stop(evals=evals), progress=False)


def three_classes(n: int = 90) -> Problem:
    """Three overlapping clouds with some wrong labels."""
    rng = np.random.default_rng(3)
    y = np.arange(n) % 3
    X = rng.normal(size=(n, 2)) + np.array([[0, 0], [2, 0], [0, 2]])[y]
    y[:9] = (y[:9] + 1) % 3
    return Problem(Data(X, y))


def by_scikit_learn(problem: Problem, seeds: list[int]) -> np.ndarray:
    """Out-of-fold probabilities of each row's label by naive Bayes, repeats by rows, written out."""
    X, y = problem.train.X, problem.train.y
    found = np.zeros((len(seeds), len(y)))
    for k, seed in enumerate(seeds):
        for fit, held in StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y):
            chance = GaussianNB().fit(X[fit], y[fit]).predict_proba(X[held])
            found[k, held] = chance[np.arange(len(held)), y[held]]
    return found


def seeds_of(repeats: int) -> list[int]:
    """The seeds that a run with seed 0 draws for its repeats."""
    rng = np.random.default_rng(0)
    return [int(rng.integers(2**31)) for _ in range(repeats)]


def test_is_the_mean_of_scikit_learns_cross_fits():
    """Values are the mean over repeats of stratified out-of-fold probabilities, one fit a fold."""
    problem = three_classes()
    found = by_scikit_learn(problem, seeds_of(4))
    valuation = run(Problem(problem.train, model=GaussianNB()), 20)
    assert (valuation.evals, valuation.draws) == (20, 4)
    np.testing.assert_allclose(valuation.values, found.mean(axis=0), atol=1e-12)


def test_default_model_is_logistic_on_standardised_features():
    """Without a model, a wide column weighs no more than a narrow one."""
    problem = three_classes()
    wide = Problem(Data(problem.train.X * [1, 1000], problem.train.y))
    named = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    np.testing.assert_allclose(run(wide).values, run(problem, model=named).values, atol=1e-6)


class Recognises(GaussianNB):
    """Sure of the first class if it was fitted on a row of the group, column 0, else of the second."""

    def fit(self, X, y):
        """Keep the groups."""
        self.classes_, self.seen_ = np.unique(y), set(X[:, 0])
        return self

    def predict_proba(self, X):
        """Tell whether each row's group was seen."""
        hit = np.isin(X[:, 0], list(self.seen_)).astype(float)
        return np.column_stack([hit, 1 - hit])


def test_groups_are_never_parted():
    """A row is judged by models that saw no row of its group; without groups they did."""
    groups, y = np.repeat(np.arange(30), 4), np.arange(120) % 2
    X = groups[:, None].astype(float)
    apart = run(Problem(Data(X, y, groups=groups), model=Recognises())).values
    np.testing.assert_array_equal(apart, y == 1)
    assert (run(Problem(Data(X, y), model=Recognises())).values != apart).any()


def test_standard_errors_hold_the_limit():
    """The mean of very many repeats lies within the errors of few: z-scores have a spread of about 1."""
    problem = Problem(two_clouds(n=30).train, model=GaussianNB())
    limit = run(problem, 750).values
    few = [
        value(problem, SelfConfidence(), stop=Stop(evals=40), seed=seed, progress=False)
        for seed in range(1, 13)
    ]
    z = np.array([(one.values - limit) / one.stderr for one in few])
    assert 0.5 < np.sqrt(np.mean(z**2)) < 1.3
    assert np.mean(np.abs(z) < 1.96) > 0.9


def test_thresholds_are_mean_self_confidence():
    """Thresholds, adjusted probabilities and the confident joint are those of their definitions, by loops."""
    rng = np.random.default_rng(0)
    chance = rng.dirichlet([1.0, 1.0, 1.0], 60)
    codes = np.array([rng.choice(3, p=p) for p in chance])
    usual = [np.mean([p[c] for p, k in zip(chance, codes, strict=True) if k == c]) for c in range(3)]
    np.testing.assert_allclose(thresholds(chance, codes), usual)
    joint, moved = np.zeros((3, 3), int), []
    for p, given in zip(chance, codes, strict=True):
        line = [p[c] - usual[c] + max(usual) for c in range(3)]
        moved.append([part / sum(line) for part in line])
        sure = [c for c in range(3) if p[c] >= usual[c]]
        if sure:
            joint[given, max(sure, key=p.__getitem__)] += 1
    np.testing.assert_allclose(adjusted(chance, codes), moved)
    np.testing.assert_array_equal(confident_joint(chance, codes), joint)


def test_cleanlabs_numbers():
    """Adjusted probabilities and the joint of a table that cleanlab 2.9.0 was asked about."""
    chance = np.array(
        [
            [0.9, 0.05, 0.05],
            [0.2, 0.7, 0.1],
            [0.3, 0.3, 0.4],
            [0.6, 0.3, 0.1],
            [0.1, 0.2, 0.7],
            [0.5, 0.4, 0.1],
        ]
    )
    codes = np.array([0, 1, 2, 1, 2, 0])
    own = adjusted(chance, codes)[np.arange(6), codes]
    np.testing.assert_allclose(own, [18 / 27, 18 / 27, 11 / 27, 10 / 27, 17 / 27, 10 / 27], atol=1e-9)
    np.testing.assert_array_equal(confident_joint(chance, codes), np.eye(3))


def test_numbers_by_a_closed_form():
    """For numbers the value is exp(-z²/2) of the out-of-fold residual in robust standard deviations."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(50, 2))
    y = X @ [1.0, 2.0] + rng.normal(0, 0.1, 50)
    y[0] += 30.0
    problem, each = Problem(Data(X, y), model=Ridge()), []
    for seed in seeds_of(3):
        residual = np.zeros(50)
        for fit, held in KFold(5, shuffle=True, random_state=seed).split(X):
            residual[held] = y[held] - Ridge().fit(X[fit], y[fit]).predict(X[held])
        usual = 1.4826 * np.median(np.abs(residual))
        each.append(np.exp(-0.5 * (residual / usual) ** 2))
    valuation = run(problem, 15)
    np.testing.assert_allclose(valuation.values, np.mean(each, axis=0), atol=1e-12)
    assert valuation.lowest(1).tolist() == [0]


def test_a_class_that_a_fold_did_not_see():
    """A class of one row is fitted without it: the probability of its label is 0."""
    problem = two_clouds(n=20)
    y = problem.train.y.copy()
    y[5] = 7
    assert run(Problem(Data(problem.train.X, y), model=GaussianNB())).values[5] == 0.0


@pytest.mark.parametrize("adjust", [1, "yes", None])
def test_refuses_a_bad_adjust(adjust):
    """`adjust` is true or false, also when set later."""
    with pytest.raises(AssayError, match="adjust is"):
        SelfConfidence(adjust=adjust)
    with pytest.raises(AssayError, match="adjust is"):
        value(two_clouds(), SelfConfidence().set_params(adjust=adjust), progress=False)


def test_refuses_what_it_cannot_answer():
    """No probabilities, one class, one row, or adjusted numbers: each is named with its fix."""
    problem = two_clouds()
    with pytest.raises(AssayError, match="no predict_proba; wrap it"):
        run(problem, model=LinearSVC())
    with pytest.raises(AssayError, match="nothing to learn"):
        run(Problem(Data(problem.train.X, np.zeros(20, int))))
    with pytest.raises(AssayError, match="cross-fit"):
        run(Problem(Data([[0.0], [1.0]], ["a", "b"])))
    with pytest.raises(AssayError, match="adjust is for classes"):
        run(Problem(Data(problem.train.X, problem.train.X[:, 0])), adjust=True)
