"""The workbench against scikit-learn, and what it must not look at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.svm import LinearSVC

from assay.repair.workbench import Workbench
from assay.tables import Encoder, Roles, Table

ROLES = Roles((), "y", ("a", "c"), kinds={"a": "number", "c": "category", "y": "category"})


def _table(n, seed, roles=ROLES):
    rng = np.random.default_rng(seed)
    a, c = rng.normal(size=n), rng.choice(["u", "v"], n)
    y = np.where(a + (c == "u") + rng.normal(size=n) > 0.5, "yes", "no")
    frame = pd.DataFrame({"a": a, "c": c, "y": y})
    return Table("t", frame, roles)


def test_losses_are_scikit_learn_s():
    """Log-loss and accuracy are those of the same model fitted by hand on the same encoding."""
    train, held = _table(200, 0), _table(80, 1)
    bench = Workbench(train, LogisticRegression(), "accuracy")
    encoder = Encoder(ROLES).fit(train.frame)
    fitted = LogisticRegression().fit(encoder.transform(train.frame), train.frame["y"])
    chance = fitted.predict_proba(encoder.transform(held.frame))
    outcome = bench.outcome(train, held)
    assert outcome.loss == pytest.approx(log_loss(held.frame["y"], chance))
    assert outcome.score == pytest.approx((fitted.classes_[chance.argmax(1)] == held.frame["y"]).mean())


def test_any_score_of_scikit_learn():
    """A score of probabilities gets probabilities."""
    train, held = _table(200, 0), _table(80, 1)
    outcome = Workbench(train, LogisticRegression(), "roc_auc").outcome(train, held)
    assert outcome.score == pytest.approx(roc_auc_score(held.frame["y"], outcome.answers[:, 1]))


def test_a_function_gets_labels():
    """A score that is a function gets true and predicted labels."""
    train, held = _table(200, 0), _table(80, 1)
    seen = []

    def hits(truth, answer):
        seen.append(set(answer.tolist()))
        return float(np.mean(truth == answer))

    assert 0 < Workbench(train, LogisticRegression(), hits).outcome(train, held).score < 1
    assert seen[0] <= {"yes", "no"}


def test_squared_errors_of_numbers():
    """For a target of numbers the loss is the squared error."""
    roles = replace(ROLES, kinds={**ROLES.kinds, "y": "number"})
    train, held = (
        t.with_frame(t.frame.assign(y=t.frame["a"] * 2 + 1))
        for t in (_table(100, 0, roles), _table(40, 1, roles))
    )
    bench = Workbench(train, Ridge(alpha=1e-9), "r2")
    outcome = bench.outcome(train, held)
    assert bench.loss_name == "squared_error"
    assert outcome.loss == pytest.approx(0.0, abs=1e-12)
    assert outcome.score == pytest.approx(1.0)


def test_rows_left_out_are_not_learnt_from():
    """`keep` is the same as a table without those rows, but for the encoding, which sees them all."""
    train, held = _table(200, 0), _table(80, 1)
    keep = np.arange(200) < 150
    bench = Workbench(train, LogisticRegression(), "accuracy")
    encoder = Encoder(ROLES).fit(train.frame)
    fitted = LogisticRegression().fit(encoder.transform(train.frame)[keep], train.frame["y"][keep])
    chance = fitted.predict_proba(encoder.transform(held.frame))
    assert bench.outcome(train, held, keep=keep).loss == pytest.approx(log_loss(held.frame["y"], chance))


def test_one_class_left_is_answered_by_it():
    """Where only one class is left to learn from, it is the answer for every row."""
    train, held = _table(200, 0), _table(80, 1)
    keep = (train.frame["y"] == "no").to_numpy()
    outcome = Workbench(train, LogisticRegression(), "accuracy").outcome(train, held, keep=keep)
    assert outcome.score == pytest.approx((held.frame["y"] == "no").mean())


def test_models_without_probabilities_are_taken_at_their_word():
    """A model that only names classes costs -log of the floor where it is wrong, and nothing infinite."""
    train, held = _table(200, 0), _table(80, 1)
    outcome = Workbench(train, LinearSVC(), "accuracy").outcome(train, held)
    assert np.isfinite(outcome.losses).all()
    assert ((outcome.losses > 1) == (outcome.answers.argmax(1) != (held.frame["y"] == "yes"))).all()


def test_models_that_draw_are_seeded():
    """Two fits of a model that draws give the same bits."""
    from sklearn.ensemble import RandomForestClassifier

    train, held = _table(200, 0), _table(80, 1)
    first, second = (
        Workbench(train, RandomForestClassifier(20), "accuracy", seed=3).outcome(train, held).losses
        for _ in range(2)
    )
    assert (first == second).all()


def test_score_interval_covers_the_change():
    """The interval of another score's gain holds the gain, and one of no change is a point at 0."""
    train, held = _table(400, 0), _table(600, 1)
    bench = Workbench(train, LogisticRegression(), "roc_auc")
    worse = train.with_frame(train.frame.assign(y=np.random.default_rng(0).permutation(train.frame["y"])))
    good, bad = bench.outcome(train, held), bench.outcome(worse, held)
    y = held.frame["y"].to_numpy(dtype=str)
    gain = bench.score_gain(bad, good, y)
    assert 0 < gain.low <= gain.gain <= gain.high
    assert bench.score_gain(good, good, y).as_dict() == {"gain": 0.0, "low": 0.0, "high": 0.0}
