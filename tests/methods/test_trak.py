"""TRAK."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from truth import two_clouds

from assay import TRAK, AssayError, Data, Influence, KeptGradients, Problem, TorchGradients, value
from assay._gradients.features import Features


def run(problem: Problem, **how) -> np.ndarray:
    """The scores (n, m)."""
    return value(problem, TRAK(**how), progress=False).per_valid


def net(seed: int, *widths: int, kind=torch.float64) -> torch.nn.Sequential:
    """An untrained net."""
    torch.manual_seed(seed)
    parts = [torch.nn.Linear(a, b) for a, b in pairwise(widths)]
    layers = [layer for part in parts for layer in (part, torch.nn.Tanh())][:-1]
    return torch.nn.Sequential(*layers).to(kind)


def three_classes(n: int = 40, m: int = 12) -> tuple[Data, Data]:
    """Rows of three classes in five columns."""
    rng = np.random.default_rng(3)
    y, t = np.arange(n) % 3, np.arange(m) % 3
    X, V = (rng.normal(size=(len(labels), 5)) + labels[:, None] for labels in (y, t))
    return Data(X, y), Data(V, t)


def margins(module, data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Gradients (n, p) of log p / (1 - p) by autograd, row by row, and 1 - p."""
    found, wrong = [], []
    for x, y in zip(torch.from_numpy(np.array(data.X)), data.y, strict=True):
        p = torch.softmax(module(x), dim=0)[int(y)]
        gradient = torch.autograd.grad(torch.log(p / (1 - p)), list(module.parameters()))
        found.append(torch.cat([g.flatten() for g in gradient]).numpy())
        wrong.append(1 - p.item())
    return np.array(found), np.array(wrong)


def primal(module, train: Data, query: Data, damping: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """φ_q' (Φ' diag(p (1 - p)) Φ + n damping)⁻¹ φ_i, 1 - p of rows and of queries."""
    (phi, wrong), (asked, off) = margins(module, train), margins(module, query)
    matrix = phi.T @ (phi * (wrong * (1 - wrong))[:, None]) + len(train) * damping * np.eye(phi.shape[1])
    return phi @ np.linalg.solve(matrix, asked.T), wrong, off


def test_the_dual_is_the_primal_formula():
    """By 40 rows of a net of 87 parameters: the formula with its 87 x 87 matrix, by autograd, to 1e-12."""
    train, query = three_classes()
    module = net(0, 5, 8, 3, 3)
    tau, wrong, off = primal(module, train, query, 0.01)
    found = run(Problem(train, query, module), damping=0.01)
    expected = tau * wrong[:, None] * off
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_few_parameters_give_the_same_as_many_rows():
    """Where parameters are fewer than rows, the primal form is taken, and says the same to 1e-12."""
    train, query = three_classes(n=120)
    module = net(1, 5, 4, 3)
    tau, wrong, off = primal(module, train, query, 0.02)
    valuation = value(Problem(train, query, module), TRAK(damping=0.02), progress=False)
    expected = tau * wrong[:, None] * off
    assert "39 numbers a row" in valuation.why
    np.testing.assert_allclose(valuation.per_valid, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_checkpoints_are_averaged_factor_by_factor():
    """Products, 1 - p of rows and 1 - p of queries are averaged over checkpoints, each by itself."""
    train, query = three_classes()
    modules = [net(seed, 5, 8, 3, 3) for seed in (1, 2, 3)]
    gradients = TorchGradients(modules[0], checkpoints=[module.state_dict() for module in modules])
    tau, wrong, off = (
        np.mean(part, axis=0)
        for part in zip(*(primal(module, train, query, 0.01) for module in modules), strict=True)
    )
    found = run(Problem(train, query, gradients=gradients), damping=0.01)
    np.testing.assert_allclose(found, tau * wrong[:, None] * off, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("columns", [2, 60])
def test_two_classes_are_influence(columns):
    """Of logistic regression with ridge, intercept and damping, TRAK is the influence; in both forms."""
    problem = two_clouds(model=LogisticRegression(C=0.5))
    rng = np.random.default_rng(0)
    sides = [
        Data(np.column_stack([part.X, rng.normal(size=(len(part), columns))]), part.y)
        for part in (problem.train, problem.valid)
    ]
    problem = Problem(*sides, problem.model)
    exact = value(problem, Influence(solver="exact", damping=0.01), progress=False).per_valid
    np.testing.assert_allclose(run(problem, damping=0.01), exact, rtol=1e-7, atol=1e-10)


def test_class_weights_count_as_often_as_influence_lets_them():
    """Rows of a class that counts thrice are in the curvature thrice, and their values are threefold."""
    model = LogisticRegression(class_weight={0: 1, 1: 3})
    problem = two_clouds(model=model)
    exact = value(problem, Influence(solver="exact", damping=0.02), progress=False).per_valid
    np.testing.assert_allclose(run(problem, damping=0.02), exact, rtol=1e-7, atol=1e-10)


def test_least_squares_are_influence():
    """Of ridge regression, TRAK without damping is the influence on the squared error, signs and all."""
    rng = np.random.default_rng(1)
    X, V = rng.normal(size=(30, 4)), rng.normal(size=(7, 4))
    slope = np.array([1.0, -2.0, 0.5, 0.0])
    train, query = (Data(A, A @ slope + rng.normal(size=len(A))) for A in (X, V))
    problem = Problem(train, query, Ridge(alpha=0.7))
    exact = value(problem, Influence(solver="exact"), progress=False).per_valid
    np.testing.assert_allclose(run(problem, damping=0), exact, rtol=1e-9, atol=1e-12)


def test_networks_for_numbers_are_valued_in_squared_error():
    """A linear network in torch of one output has the values of the same regression in numpy."""
    rng = np.random.default_rng(1)
    train, query = (Data(A, A.sum(axis=1) + rng.normal(size=len(A))) for A in rng.normal(size=(2, 25, 3)))
    ridge = Ridge(alpha=0, tol=1e-12).fit(train.X, train.y)
    module = torch.nn.Linear(3, 1).double()
    with torch.no_grad():
        module.weight[:] = torch.from_numpy(ridge.coef_)
        module.bias[:] = ridge.intercept_
    ours = run(Problem(train, query, gradients=TorchGradients(module, "squared")), damping=0.1)
    np.testing.assert_allclose(ours, run(Problem(train, query, ridge), damping=0.1), rtol=1e-8, atol=1e-10)


def test_gradients_kept_on_disk_have_the_same_values(tmp_path):
    """Gradients read from a folder give the values of those that were kept, of squared error too."""
    rng = np.random.default_rng(1)
    train, query = (
        Data(A, A.sum(axis=1), ids=[f"{name}{i}" for i in range(20)])
        for name, A in zip("tq", rng.normal(size=(2, 20, 3)), strict=True)
    )
    gradients = TorchGradients(net(0, 3, 4, 1), "squared")
    kept = KeptGradients(gradients, tmp_path)
    plain = run(Problem(train, query, gradients=gradients), damping=0.1)
    np.testing.assert_allclose(run(Problem(train, query, gradients=kept), damping=0.1), plain, rtol=1e-10)


def test_a_removed_row_changes_the_loss_by_its_value():
    """Refits of logistic regression without a row: the judges' losses rise by the values, to second order."""
    problem = two_clouds(n=40, model=LogisticRegression(C=1, tol=1e-10))
    scores = run(problem, damping=0)
    whole = LogisticRegression(C=1, tol=1e-10).fit(problem.train.X, problem.train.y)

    def losses(model) -> np.ndarray:
        return -model.predict_log_proba(problem.valid.X)[np.arange(30), problem.valid.y]

    rises = []
    for i in range(40):
        rest = np.delete(np.arange(40), i)
        model = LogisticRegression(C=1, tol=1e-10).fit(problem.train.X[rest], problem.train.y[rest])
        rises.append(losses(model) - losses(whole))
    rises = np.array(rises)
    assert np.corrcoef(rises.ravel(), scores.ravel())[0, 1] > 0.99
    assert np.polyfit(scores.ravel(), rises.ravel(), 1)[0] == pytest.approx(1, abs=0.15)


def test_rows_predicted_surely_have_finite_values():
    """Rows of probability 1 or 0, to rounding, are worth nothing special: no overflow, no nan."""
    train, query = three_classes()
    module = net(0, 5, 8, 3)
    with torch.no_grad():
        module[2].weight *= 400
    scores = run(Problem(train, query, module))
    assert np.isfinite(scores).all()
    assert np.abs(scores).max() < 1e6


def test_a_sketch_errs_by_what_it_says():
    """Sketched values spread around the exact ones; four times the numbers halve the error."""
    train, query = three_classes(n=60)
    module = net(0, 5, 64, 32, 3)
    problem = Problem(train, query, module)
    exact = run(problem, damping=0.05)

    def error(size: int) -> float:
        gaps = [
            value(problem, TRAK(damping=0.05, projection=size), seed=s, progress=False).per_valid - exact
            for s in range(8)
        ]
        return float(np.sqrt(np.mean(np.square(gaps))))

    coarse, fine = error(256), error(1024)
    assert 1.5 < coarse / fine < 2.7
    why = value(problem, TRAK(projection=256), progress=False).why
    assert "sketched to 256 numbers, products to within 0.0" in why


def test_a_projection_that_saves_nothing_is_not_made():
    """A projection to as many numbers as there are parameters gives the exact values."""
    train, query = three_classes()
    problem = Problem(train, query, net(0, 5, 4, 3))
    np.testing.assert_array_equal(run(problem, projection=39), run(problem))


def test_permuted_rows_and_queries_permute_scores():
    """Neither the order of the rows nor that of the queries matters."""
    train, query = three_classes()
    problem = Problem(train, query, net(0, 5, 8, 3))
    first, second = np.random.default_rng(0).permutation(40), np.random.default_rng(1).permutation(12)
    mixed = replace(problem, train=train.take(first), valid=query.take(second))
    np.testing.assert_allclose(run(mixed), run(problem)[np.ix_(first, second)], rtol=1e-9, atol=1e-14)


def test_says_what_the_values_rest_on():
    """`why` tells the form, the damping, the condition and the number of checkpoints."""
    train, query = three_classes()
    why = value(Problem(train, query, net(0, 5, 8, 3, 3)), TRAK(damping=0.01), progress=False).why
    assert why.startswith("by 40 rows, damping 0.01, condition ")
    assert why.endswith("; 1 checkpoint")


@pytest.mark.parametrize(
    ("setting", "given"),
    [("damping", -1), ("damping", "auto"), ("damping", np.nan), ("projection", 0), ("projection", 2.5)],
)
def test_bad_settings_are_refused(setting, given):
    """A setting out of its range is refused by name."""
    with pytest.raises(AssayError, match=rf"^TRAK\.{setting} is .*; it needs to be"):
        TRAK(**{setting: given})


def test_no_damping_where_rows_do_not_determine_the_model_is_refused():
    """Without damping and penalty, fewer rows than parameters are refused, and the error says what to do."""
    train, query = three_classes()
    with pytest.raises(AssayError, match=r"no inverse.*raise `damping`"):
        run(Problem(train, query, net(0, 5, 8, 3, 3)), damping=0)


def test_squared_errors_of_several_outputs_are_refused():
    """A ridge classifier of three classes has a loss that falls with several numbers a row, not one."""
    with pytest.raises(AssayError, match="TRAK needs a loss that falls with one number a row"):
        run(Problem(*three_classes(), RidgeClassifier()))


def test_losses_of_ones_own_have_no_margin():
    """A loss given as a function is refused: what its margin is cannot be known."""
    rows = Data(np.random.default_rng(0).normal(size=(10, 3)), np.arange(10.0))
    gradients = TorchGradients(net(0, 3, 1), lambda f, y: (f[:, 0] - y).abs())
    with pytest.raises(AssayError, match="Margins are defined for the losses"):
        run(Problem(rows, rows, gradients=gradients))


def test_features_are_not_multiplied_out():
    """The dual form never asks a layer of factors for its gradients in full."""
    train, query = three_classes()
    asked = []
    plain = Features.dense
    try:
        Features.dense = lambda self: asked.append(1) or plain(self)  # type: ignore[method-assign]
        run(Problem(train, query, net(0, 5, 8, 3, 3)))
    finally:
        Features.dense = plain  # type: ignore[method-assign]
    assert not asked
