"""game_key: equal games have equal names, in any process; whatever decides a worth changes the name."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from truth import of_game, random_game, two_clouds

from assay import AssayError, Data, game_key
from assay._learners import _find

CODE = """
import numpy as np, assay
from sklearn.linear_model import LogisticRegression
rows = assay.Data(np.eye(3), ["a", "b", "a"])
print(assay.game_key(assay.Problem(rows, rows, LogisticRegression(C=2.0), "neg_log_loss")).hex())
"""


def test_the_name_is_the_same_in_another_process():
    """No address, hash seed or id is part of it."""
    run = [sys.executable, "-c", CODE]
    one, two = (subprocess.run(run, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert one == two
    assert len(bytes.fromhex(one.strip())) == 32


def test_everything_that_decides_a_worth_is_in_the_name():
    """Rows, labels, judges, model, its settings and the score each change it; the keys of rows do not."""
    p = two_clouds()
    X = p.train.X.copy()
    X[0, 0] = np.nextafter(X[0, 0], 1)
    others = [
        replace(p, train=Data(X, p.train.y)),
        replace(p, train=Data(p.train.X, 1 - p.train.y)),
        replace(p, valid=p.train),
        replace(p, valid=None),
        replace(p, model=LogisticRegression()),
        replace(p, model=LogisticRegression(C=2.0)),
        replace(p, score="balanced_accuracy"),
        replace(p, score=lambda y_true, y_pred: float(np.mean(y_true == y_pred))),
        replace(p, score=lambda y_true, y_pred: float(np.mean(y_true != y_pred))),
    ]
    names = {game_key(q) for q in (p, *others)}
    assert len(names) == 10
    renamed = replace(p, train=Data(p.train.X, p.train.y, ids=np.arange(p.n) + 7))
    assert game_key(renamed) == game_key(two_clouds()) == game_key(p)


def test_a_seed_counts_where_the_model_is_left_to_chance():
    """Only then do two seeds have two names."""
    fixed = two_clouds()
    chance = replace(fixed, model=RandomForestClassifier())
    assert game_key(fixed, 1) == game_key(fixed, 2)
    assert game_key(chance, 1) != game_key(chance, 2)


def test_fitted_steps_count_by_what_they_make_of_the_rows():
    """A pipeline that scales by other rows has another name; the scaled rows themselves have the same."""
    p, rng = two_clouds(), np.random.default_rng(0)
    here, there = (StandardScaler().fit(rng.normal(size=(9, 2))) for _ in range(2))
    one, two, raw = (
        replace(p, model=make_pipeline(scaler, GaussianNB())) for scaler in (here, there, StandardScaler())
    )
    assert len({game_key(q) for q in (p, one, two, raw)}) == 4
    train, valid = (Data(here.transform(part.X), part.y) for part in (p.train, p.valid))
    assert game_key(one) == game_key(replace(p, train=train, valid=valid))


def test_a_twin_and_its_refits_have_two_names(monkeypatch):
    """Their worths may differ in the last digits; where there is no twin, `refit` changes nothing."""
    p = two_clouds()
    monkeypatch.setattr(_find, "TWINS", ())
    plain = game_key(p)
    assert game_key(p, refit=True) == plain

    class Twin:
        name = "GaussianNB"
        twin_of = classmethod(lambda cls, model, question: cls())

        def refuses(self, counts):
            return np.zeros(len(counts), bool)

    monkeypatch.setattr(_find, "TWINS", (Twin,))
    assert game_key(p, refit=True) == plain != game_key(p)


def test_what_cannot_be_named_is_refused():
    """A game of one's own needs a name of one's own."""
    with pytest.raises(AssayError, match="CachedGame"):
        game_key(of_game(random_game(3, 0)))


class Priced:
    """A score with a setting."""

    def __init__(self, price):
        self.price = price

    def score(self, y_true, y_pred):
        """The share of right answers, at a price."""
        return float((y_true == y_pred).mean()) * self.price


def priced(price):
    """The same as a function with a setting by keyword."""

    def score(y_true, y_pred, *, price=price):
        return float((y_true == y_pred).mean()) * price

    return score


@pytest.mark.parametrize("score_of", [lambda price: Priced(price).score, priced])
def test_scores_of_two_settings_have_two_names(score_of):
    """A method of an object is named with the object, a function with its keywords."""
    p = two_clouds()
    one, same, other = (game_key(replace(p, score=score_of(price))) for price in (1.0, 1.0, 100.0))
    assert one == same != other
