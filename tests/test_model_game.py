"""ModelGame: worths are those of plain refits, and the odd coalitions are worth what is documented."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn import get_config
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer, log_loss, r2_score, roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from truth import Notebook, prefixes_of, two_clouds

from assay import AssayError, CachedGame, Data, ModelGame, ParallelGame, Problem
from assay._learners import _find
from assay._learners._learner import Learner

THREE = Data(np.arange(12.0)[:, None], np.repeat(["a", "b", "c"], 4))


def some(n: int, count: int = 6) -> np.ndarray:
    """A few coalitions of about half the rows."""
    return np.random.default_rng(3).random((count, n)) < 0.5


def of_rows(*rows: int, n: int = 12) -> np.ndarray:
    """One coalition."""
    return np.isin(np.arange(n), rows)[None]


@pytest.mark.parametrize("text", [False, True])
def test_a_worth_is_the_score_of_a_plain_refit(text):
    """Accuracy by hand: clone, fit, predict, compare."""
    p = two_clouds(text=text)
    worths = ModelGame(p)(some(p.n))
    for coalition, worth in zip(some(p.n), worths, strict=True):
        fitted = clone(p.model).fit(p.train.X[coalition], p.train.y[coalition])
        assert worth == np.mean(fitted.predict(p.valid.X) == p.valid.y)


@pytest.mark.parametrize("score", ["accuracy", "f1_macro", "neg_log_loss"])
@pytest.mark.parametrize("text", [False, True])
def test_a_flat_model_is_refitted_as_by_hand(text, score):
    """A tree, whose clones are copied dictionaries: the bits of clone, fit and score, order by order."""
    p = replace(two_clouds(40, 30, text=text), model=DecisionTreeClassifier(max_depth=3, random_state=1))
    p = replace(p, score=score)
    orders = np.array([np.random.default_rng(seed).permutation(40) for seed in range(2)])
    for order, line in zip(orders, ModelGame(p).grow(orders), strict=True):
        for size in range(1, 41):
            rows = np.sort(order[:size])
            if len(set(p.train.y[rows])) == 2:
                fitted = clone(p.model).fit(p.train.X[rows], p.train.y[rows])
                if score != "neg_log_loss":
                    assert line[size] == get_scorer(score)(fitted, p.valid.X, p.valid.y)
                    continue
                wide = np.maximum(fitted.predict_proba(p.valid.X), 1e-6)
                by_hand = -log_loss(p.valid.y, wide / wide.sum(axis=1, keepdims=True))
                assert line[size] == pytest.approx(by_hand, rel=1e-9)


@pytest.mark.parametrize("kind", [np.float32, float])
@pytest.mark.parametrize("score", ["accuracy", "neg_log_loss"])
def test_a_sparse_table_is_refitted_as_such(kind, score):
    """Rows of a CSR matrix are worth what a fit by hand on them is worth, and what dense rows are."""
    rng = np.random.default_rng(0)
    X = (rng.integers(-4, 5, (50, 6)) / 4 * (rng.random((50, 6)) < 0.5)).astype(kind)
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    model = LogisticRegression(tol=1e-10, max_iter=1000)
    dense, thin = (
        Problem(Data(make(X[:30]), y[:30]), Data(make(X[30:]), y[30:]), model, score)
        for make in (np.asarray, csr_array)
    )
    worths, asked = ModelGame(thin)(some(30)), get_scorer(score)
    for coalition, worth in zip(some(30), worths, strict=True):
        fitted = clone(model).fit(thin.train.X[coalition], y[:30][coalition])
        assert worth == pytest.approx(
            asked(fitted, thin.valid.X, y[30:]), abs=1e-12 if kind is float else 1e-6
        )
    if kind is float:
        np.testing.assert_allclose(worths, ModelGame(dense, refit=True)(some(30)), atol=1e-7)
    assert len(set(worths)) > 2


def test_a_model_is_left_as_it_was():
    """Neither fitted nor changed, and scikit-learn's settings are the user's again."""
    model = DecisionTreeClassifier(max_depth=2, random_state=0)
    game = ModelGame(replace(two_clouds(), model=model))
    game(some(20))
    assert vars(model) == vars(DecisionTreeClassifier(max_depth=2, random_state=0))
    settings = get_config()
    assert not settings["assume_finite"]
    assert not settings["skip_parameter_validation"]


def test_a_model_with_a_wrong_parameter_is_refused_at_once():
    """Before anything is computed, by scikit-learn's own check."""
    with pytest.raises(AssayError, match="min_samples_leaf"):
        ModelGame(replace(two_clouds(), model=DecisionTreeClassifier(min_samples_leaf=-1)))


def test_a_twin_answers_in_place_of_refits(monkeypatch):
    """A model that a learner knows is grown by it, the last step of a fitted pipeline too; others are not."""
    monkeypatch.setattr(_find, "TWINS", (Mean,))
    p = replace(two_clouds(), model=NearestCentroid())
    fitted = make_pipeline(StandardScaler().fit(np.random.default_rng(0).normal(size=(9, 2))), p.model)
    orders = np.array([np.random.default_rng(seed).permutation(20) for seed in range(3)])
    for model in (p.model, fitted):
        game, refits = (ModelGame(replace(p, model=model), refit=refit) for refit in (False, True))
        assert (game.incremental, refits.incremental) == (True, False)
        np.testing.assert_array_equal(game(some(20)), refits(some(20)))
        np.testing.assert_array_equal(game.grow(orders), refits.grow(orders))
        cut = game.grow(orders, tolerance=0.05)
        np.testing.assert_array_equal(cut, refits.grow(orders, tolerance=0.05))
        for wrapped in (ParallelGame(game, 2), CachedGame(game, Notebook(), b"k")):
            assert wrapped.incremental
            np.testing.assert_array_equal(wrapped(some(20)), refits(some(20)))
            np.testing.assert_array_equal(wrapped.grow(orders), refits.grow(orders))
    for model in (make_pipeline(StandardScaler(), NearestCentroid()), DecisionTreeClassifier()):
        assert not ModelGame(replace(p, model=model)).incremental


class Mean(Learner):
    """A twin of nearest centroids that learns by adding up; slow, and of no other model."""

    name = "NearestCentroid"

    def __init__(self, question):
        self.question = question

    @classmethod
    def twin_of(cls, model, question):
        """Itself, for nearest centroids."""
        return cls(question) if type(model) is NearestCentroid else None

    def begin(self):
        """Nothing learnt."""
        return []

    def join(self, state, rows, answers):
        """One row after the other."""
        for row, answer in zip(rows, answers, strict=True):
            state.append(row)
            answer[:] = self.fit(np.array(state))

    def fit(self, rows):
        """Minus the distances to the mean of each class."""
        q = self.question
        answer = np.full((len(q.V), q.width), -np.inf)
        for c in np.unique(q.y[rows]):
            answer[:, c] = -np.linalg.norm(q.V - q.X[rows[q.y[rows] == c]].mean(axis=0), axis=1)
        return answer


def test_numbers_are_judged_by_scores_for_numbers():
    """r2 by hand, and the empty coalition predicts the mean of all labels."""
    rng = np.random.default_rng(0)
    train, valid = (Data(X, X @ [1.0, 2.0]) for X in (rng.normal(size=(9, 2)), rng.normal(size=(5, 2))))
    game, coalition = ModelGame(Problem(train, valid, Ridge(), "r2")), some(9, 1)
    fitted = Ridge().fit(train.X[coalition[0]], train.y[coalition[0]])
    assert game(coalition)[0] == pytest.approx(r2_score(valid.y, fitted.predict(valid.X)))
    nothing = game(np.zeros((1, 9), bool))[0]
    assert nothing == pytest.approx(r2_score(valid.y, np.full(5, train.y.mean())))


def test_odd_coalitions_by_accuracy():
    """None: a guess. One class: that class for every row. A refused one: its commonest class."""
    game = ModelGame(Problem(THREE, THREE, KNeighborsClassifier(5)))
    assert game(of_rows())[0] == pytest.approx(1 / 3)
    assert game(of_rows(4, 5))[0] == pytest.approx(4 / 12)
    assert game(of_rows(0, 4, 5))[0] == pytest.approx(4 / 12)  # 3 rows for 5 neighbours: all "b"


@pytest.mark.parametrize(
    "model", [GaussianNB(), LinearSVC(), make_pipeline(StandardScaler(), LogisticRegression())]
)
def test_probability_scores_take_coalitions_that_lack_a_class(model):
    """A model that never saw a class gives it the floor, or the lowest decision; the worth is finite."""
    if not isinstance(model, LinearSVC):
        game = ModelGame(Problem(THREE, THREE, model, "neg_log_loss"))
        fitted = clone(model).fit(THREE.X[:8], THREE.y[:8])
        wide = np.maximum(np.column_stack([fitted.predict_proba(THREE.X), np.zeros(12)]), 1e-6)
        wide /= wide.sum(axis=1, keepdims=True)
        assert game(of_rows(*range(8)))[0] == pytest.approx(-log_loss(THREE.y, wide))
        assert game(of_rows())[0] == pytest.approx(-np.log(3))
        assert game(of_rows(0, 1))[0] == pytest.approx(np.log(1e-6) * 8 / 12, rel=1e-4)
    two = Data(THREE.X[:8], THREE.y[:8])
    binary = ModelGame(Problem(two, two, model, "roc_auc"))
    fitted = clone(model).fit(two.X[2:6], two.y[2:6])
    read = fitted.decision_function if hasattr(fitted, "decision_function") else fitted.predict_proba
    scores = read(two.X) if hasattr(fitted, "decision_function") else read(two.X)[:, 1]
    assert binary(of_rows(2, 3, 4, 5, n=8))[0] == roc_auc_score(two.y, scores)
    assert binary(of_rows(n=8))[0] == binary(of_rows(0, 1, n=8))[0] == 0.5


def test_a_score_of_ones_own():
    """A function (y_true, y_pred) -> float is called with the labels as they are."""
    p = replace(
        two_clouds(text=True),
        score=lambda y_true, y_pred: float(np.mean((y_pred == "hi") == (y_true == "hi"))),
    )
    q = two_clouds(text=True)
    np.testing.assert_array_equal(ModelGame(p)(some(p.n)), ModelGame(q)(some(q.n)))


def test_models_of_chance_are_refitted_the_same():
    """An unset random state is made of the seed and the coalition, in steps of a pipeline too."""
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(3, max_depth=1))
    p = replace(two_clouds(n=20, m=200), model=forest)
    a, b, other = (ModelGame(p, seed)(some(20, 8)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != other).any()
    backwards = ModelGame(p, 1)(some(20, 8)[::-1])[::-1]
    np.testing.assert_array_equal(a, backwards)
    dice = ModelGame(replace(p, model=DummyClassifier(strategy="uniform")))
    assert len(set(dice(some(20, 8)))) > 1  # every coalition throws its own
    set_already = replace(p, model=RandomForestClassifier(3, max_depth=1, random_state=5))
    np.testing.assert_array_equal(ModelGame(set_already, 1)(some(20)), ModelGame(set_already, 2)(some(20)))


def test_growing_equals_refitting_each_prefix():
    """`grow` gives the worths of the prefixes, to the bit."""
    game, order = ModelGame(two_clouds()), np.random.default_rng(1).permutation(20)
    np.testing.assert_array_equal(game.grow(order[None])[0], game(prefixes_of(order)))


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (Problem(Data(THREE.X)), r"train\.y, model, valid\.y"),
        (Problem(Data(THREE.X, ["a"] * 12), THREE, GaussianNB()), "all 'a'"),
        (Problem(THREE, THREE, GaussianNB(), "r2"), "choose|judges numbers"),
        (Problem(Data(THREE.X, np.arange(12) / 8), Data(THREE.X, np.arange(12) / 8), Ridge()), "score='r2'"),
        (Problem(THREE, THREE, GaussianNB(), "f1"), "cannot judge these labels"),
        (Problem(THREE, THREE.take(np.arange(1)), GaussianNB(), lambda y, p: float("nan")), "is nan"),
    ],
)
def test_what_cannot_be_a_game_is_refused(problem, says):
    """Missing parts, one class, and scores that do not fit the labels are refused at once."""
    with pytest.raises(AssayError, match=says):
        ModelGame(problem)


def test_a_model_that_refuses_all_rows_is_an_error():
    """What works on no coalition is not silently worth a constant."""
    game = ModelGame(Problem(THREE, THREE, KNeighborsClassifier(13)))
    with pytest.raises(AssayError, match="cannot be fitted"):
        game(np.ones((1, 12), bool))
