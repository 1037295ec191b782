"""Self-influence against the diagonal of the whole matrix, and leave-one-out."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from assay import AssayError, Data, Influence, Problem, SelfInfluence, value

sys.path.insert(0, str(Path(__file__).parents[1] / "curvature"))
from nets import Net, rows_of


@pytest.mark.parametrize("solver", ["exact", "ekfac", "kfac", "cg", "arnoldi", "nystrom", "lissa"])
def test_is_minus_the_diagonal(solver):
    """Values are minus the diagonal of the influence of all rows on all rows."""
    train, net = rows_of(40), Net((5, 4, 3))
    how = {"solver": solver, "damping": 0.05, "rank": 20, "tolerance": 1e-8}
    whole = value(Problem(train, train, gradients=net), Influence(**how), progress=False).per_valid
    found = value(Problem(train, gradients=net), SelfInfluence(**how), progress=False).values
    np.testing.assert_allclose(found, -np.diag(whole), rtol=1e-5, atol=1e-9)
    assert (found <= 0).all()


def test_of_ridge_is_leave_one_out():
    """For ridge it is what leaving a row out does to the row's own loss, to first order in the residual."""
    rng = np.random.default_rng(0)
    train = Data(rng.normal(size=(20, 3)), rng.normal(size=20))
    found = value(Problem(train, model=Ridge(alpha=0.5)), SelfInfluence(), progress=False).values
    whole = Ridge(alpha=0.5).fit(train.X, train.y).predict(train.X) - train.y
    for i in range(20):
        rest = np.delete(np.arange(20), i)
        out = Ridge(alpha=0.5).fit(train.X[rest], train.y[rest]).predict(train.X[[i]])[0] - train.y[i]
        assert found[i] == pytest.approx(-2 * whole[i] * (out - whole[i]), rel=1e-7)


def test_class_weights_count():
    """A row that counts w times has w times the influence on itself: the diagonal again."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), np.repeat([0, 1], [30, 10])
    model = LogisticRegression(class_weight="balanced")
    whole = value(Problem(Data(X, y), Data(X, y), model), Influence(solver="exact"), progress=False).per_valid
    for solver, rtol in (("exact", 1e-9), ("cg", 1e-6)):
        method = SelfInfluence(solver=solver, tolerance=1e-10)
        found = value(Problem(Data(X, y), model=model), method, progress=False).values
        np.testing.assert_allclose(found, -np.diag(whole), rtol=rtol)


def test_wrong_labels_come_first():
    """Rows with wrong labels are among the lowest."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    y = (X[:, 0] > 0).astype(int)
    wrong = rng.choice(200, 10, replace=False)
    y[wrong] = 1 - y[wrong]
    found = value(Problem(Data(X, y), model=LogisticRegression()), SelfInfluence(), progress=False)
    assert len(set(found.lowest(20)) & set(wrong)) >= 8


@pytest.mark.parametrize(
    "settings", [{"solver": "best"}, {"damping": -1.0}, {"rank": 0}, {"tolerance": 2.0}], ids=str
)
def test_bad_settings_are_refused(settings):
    """Each setting is checked, by name."""
    (name,) = settings
    with pytest.raises(AssayError, match=f"SelfInfluence.{name} is"):
        SelfInfluence(**settings)
