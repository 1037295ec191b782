"""Influence functions against leave-one-out, the exact inverse and plain loops."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from assay import AssayError, Data, DataInf, Influence, Problem, value
from assay._curvature.choose import SOLVERS

sys.path.insert(0, str(Path(__file__).parents[1] / "curvature"))
from nets import Net, rows_of

NETS = [solver for solver in SOLVERS if solver != "left_out"]


def scores(problem, **settings):
    """The matrix, of two workers."""
    return value(problem, Influence(**settings), n_jobs=2, progress=False).per_valid


@pytest.fixture
def problem():
    """A small net, with rows and queries."""
    return Problem(rows_of(60), rows_of(8, seed=2), gradients=Net((5, 6, 3), ridge=0.05))


@pytest.fixture
def truth(problem):
    """Its damped inverse, and the gradients of rows and queries."""
    net = problem.gradients
    matrix = net.gauss_newton(problem.train) + (0.05 + 60 * 0.02) * np.eye(sum(net.widths))
    return np.linalg.inv(matrix), *(net.rows(part).dense() for part in (problem.train, problem.valid))


def test_ridge_is_leave_one_out():
    """For ridge regression the score is what a refit without the row adds to the loss, to first order."""
    rng = np.random.default_rng(0)
    train, valid = (Data(rng.normal(size=(n, 3)), rng.normal(size=n)) for n in (30, 5))
    model = Ridge(alpha=0.5)
    whole = model.fit(train.X, train.y)
    residual = whole.predict(valid.X) - valid.y
    found = scores(Problem(train, valid, Ridge(alpha=0.5)))
    for i in range(30):
        rest = np.delete(np.arange(30), i)
        moved = Ridge(alpha=0.5).fit(train.X[rest], train.y[rest]).predict(valid.X) - valid.y - residual
        np.testing.assert_allclose(found[i], 2 * residual * moved, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("solver", ["exact", "cg"])
def test_is_the_product_with_the_inverse(problem, truth, solver):
    """Scores are g_q' H^-1 g_i, with the damping of the mean loss and the penalty of the sum."""
    inverse, g, q = truth
    found = scores(problem, solver=solver, damping=0.02, tolerance=1e-9)
    np.testing.assert_allclose(found, g @ inverse @ q.T, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("solver", "least"), [("ekfac", 0.8), ("kfac", 0.7), ("lissa", 0.97), ("nystrom", 0.999)]
)
def test_other_inverses_agree(problem, truth, solver, least):
    """Approximate inverses give scores that correlate with the exact ones."""
    inverse, g, q = truth
    found = scores(problem, solver=solver, damping=0.02, rank=60)
    assert np.corrcoef(found.ravel(), (g @ inverse @ q.T).ravel())[0, 1] > least


def test_relative_is_by_the_size_of_the_step(problem, truth):
    """Relative scores are the plain ones by |H^-1 g_i|, or by (g_i' H^-1 g_i)^(1/2)."""
    inverse, g, q = truth
    plain = g @ inverse @ q.T
    steps = np.linalg.norm(g @ inverse, axis=1)[:, None]
    own = np.sqrt(np.einsum("ip,pk,ik->i", g, inverse, g))[:, None]
    for solver in ("exact", "cg"):
        how = {"solver": solver, "damping": 0.02, "tolerance": 1e-10}
        np.testing.assert_allclose(
            scores(problem, relative="parameters", **how), plain / steps, rtol=1e-6, atol=1e-9
        )
        np.testing.assert_allclose(scores(problem, relative="loss", **how), plain / own, rtol=1e-6, atol=1e-9)


def test_relative_scores_of_the_row_itself():
    """A row's relative score ("loss") for itself is the largest any query of its length in H^-1 can have."""
    train = rows_of(30)
    found = scores(
        Problem(train, train, gradients=Net((5, 4, 3))), solver="exact", damping=0.1, relative="loss"
    )
    assert (found <= np.diag(found) + 1e-9).all()  # Cauchy-Schwarz, column by column


@pytest.mark.parametrize("relative", ["parameters", "loss"])
def test_rows_without_a_gradient_score_nothing(relative):
    """Relative scores of a row without a gradient are 0, not nan."""
    train = Data([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    found = scores(Problem(train, Data([[1.0]], [3.0]), Ridge(alpha=1e-9)), relative=relative)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("solver", NETS)
def test_same_bits_for_any_number_of_workers(problem, solver):
    """One worker and two give the same bits, whatever the solver; the note names it."""
    method = Influence(solver=solver, damping=0.05, rank=20)
    runs = [value(problem, method, seed=3, n_jobs=jobs, progress=False) for jobs in (1, 2)]
    assert runs[0].per_valid.tobytes() == runs[1].per_valid.tobytes()
    assert "damping 0.05" in runs[0].why


@pytest.mark.parametrize("solver", ["exact", "ekfac", "kfac", "cg", "arnoldi"])
def test_order_of_rows_does_not_matter(problem, solver):
    """Permuting rows permutes scores, whatever blocks they fall into."""
    order = np.random.default_rng(0).permutation(60)
    mixed = Problem(problem.train.take(order), problem.valid, gradients=problem.gradients)
    how = {"solver": solver, "damping": 0.05, "tolerance": 1e-10, "rank": 60}
    a, b = scores(problem, **how), scores(mixed, **how)
    np.testing.assert_allclose(b, a[order], rtol=1e-4, atol=1e-5 * np.abs(a).max())


def test_auto_goes_by_the_model(problem):
    """A linear model has its steps without a row, a small net the exact inverse, a larger one EK-FAC."""
    assert value(problem, Influence(), progress=False).why.startswith("exact")
    large = Problem(rows_of(20), rows_of(3), gradients=Net((5, 300, 3)))
    assert value(large, Influence(), progress=False).why.startswith("EK-FAC")


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"solver": "best"}, "solver is 'best'"),
        ({"damping": -1.0}, "damping is -1.0"),
        ({"damping": float("nan")}, "damping is nan"),
        ({"damping": "0.1"}, "damping is '0.1'"),
        ({"rank": 0}, "rank is 0"),
        ({"rank": 2.5}, "rank is 2.5"),
        ({"rank": True}, "rank is True"),
        ({"tolerance": 0.0}, "tolerance is 0.0"),
        ({"tolerance": 1.0}, "tolerance is 1.0"),
        ({"curvature": "fisher"}, "curvature is 'fisher'"),
        ({"relative": "l2"}, "relative is 'l2'"),
    ],
)
def test_bad_settings_are_refused(settings, fault):
    """Each setting is checked when the method is made, by name."""
    with pytest.raises(AssayError, match=fault):
        Influence(**settings)


def test_settings_are_checked_again(problem):
    """A setting that was changed later is checked before anything is computed."""
    method = Influence()
    method.set_params(damping=-2.0)
    with pytest.raises(AssayError, match=r"damping is -2\.0"):
        value(problem, method, progress=False)


@pytest.mark.parametrize(
    "method", ["exact", "ekfac", "kfac", "cg", "lissa", "arnoldi", "nystrom", "data_inf"]
)
@pytest.mark.parametrize("damping", [None, 0.1])
def test_gradients_that_are_not_finite_are_refused(problem, method, damping):
    """A net with a nan in it is refused by each solver, with the fix, and not by an error of the algebra."""
    layers = [layer.copy() for layer in problem.gradients.weights_]
    layers[0][1, 1] = np.nan
    broken = Problem(problem.train, problem.valid, gradients=Net(layers=layers))
    chosen = DataInf(damping=damping) if method == "data_inf" else Influence(solver=method, damping=damping)
    with pytest.raises(AssayError, match="are not finite"):
        value(broken, chosen, progress=False)


def test_left_out_is_for_linear_models(problem):
    """A net has no steps without a row in closed form."""
    with pytest.raises(AssayError, match="is for linear models"):
        scores(problem, solver="left_out")


def test_logistic_regression_by_all_solvers():
    """The solvers of nets work on linear models too, with their own penalty as the curvature's floor."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4))
    y = (X[:, 0] + rng.normal(size=80) > 0).astype(int)
    problem = Problem(Data(X, y), Data(X[:6] + 0.1, y[:6]), LogisticRegression(C=1.0, fit_intercept=False))
    exact = scores(problem, solver="exact")
    for solver in ("cg", "arnoldi", "nystrom"):
        found = scores(problem, solver=solver, tolerance=1e-9)
        np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("solver", ["exact", "ekfac", "kfac", "cg", "nystrom"])
@pytest.mark.parametrize("relative", [None, "parameters", "loss"])
def test_values_alone_are_the_means_of_those_to_each_judge(problem, solver, relative):
    """One solved vector and a pass along it gives the mean over the judges, and keeps nothing a judge."""
    settings = {"solver": solver, "relative": relative, "damping": 0.1, "tolerance": 1e-8, "rank": 8}
    whole = value(problem, Influence(**settings), progress=False)
    alone = value(problem, Influence(**settings, per_valid=False), progress=False)
    assert alone.per_valid is None
    np.testing.assert_allclose(alone.values, whole.values, rtol=1e-4, atol=1e-6 * np.abs(whole.values).max())
    with pytest.raises(AssayError, match=r"Influence\.per_valid is 'no'"):
        Influence(per_valid="no")


def test_values_alone_of_linear_models():
    """Steps without a row and class weights count there too."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = (X[:, 0] + rng.normal(size=60) > 0.5).astype(int)
    model = LogisticRegression(class_weight="balanced")
    problem = Problem(Data(X, y), Data(X[:9] + 0.1, y[:9]), model)
    for solver in ("left_out", "exact"):
        whole = value(problem, Influence(solver=solver), progress=False)
        alone = value(problem, Influence(solver=solver, per_valid=False), progress=False)
        np.testing.assert_allclose(alone.values, whole.values, rtol=1e-9)
