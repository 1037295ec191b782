"""TracIn and its relatives beside gradients written out by hand, and by autograd row after row."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, Ridge
from truth import two_clouds

from assay import Data, GradCos, GradDot, Problem, Status, Stop, TorchGradients, TracIn, value

torch = pytest.importorskip("torch")


def net(seed: int):
    """A small network in float64."""
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2)]
    return torch.nn.Sequential(*layers).double()


def slopes(module, data: Data) -> np.ndarray:
    """Gradients (n, p) by autograd, one row at a time."""
    found = []
    for x, y in zip(torch.tensor(data.X), torch.tensor(data.y), strict=True):
        loss = torch.nn.functional.cross_entropy(module(x[None]), y[None])
        parts = torch.autograd.grad(loss, list(module.parameters()))
        found.append(torch.cat([part.ravel() for part in parts]).numpy())
    return np.array(found)


def problem_of(*seeds: int, rates=None) -> Problem:
    """Two clouds, with a network and its checkpoints."""
    states = [net(seed).state_dict() for seed in seeds]
    p = two_clouds()
    return Problem(
        p.train, p.valid, gradients=TorchGradients(net(seeds[-1]), checkpoints=states, rates=rates)
    )


def test_is_the_sum_over_checkpoints_of_the_explicit_products():
    """TracIn is the sum of rate times explicit products of autograd's gradients, each rate once."""
    p = problem_of(1, 2, 3, rates=[0.3, 0.2, 0.05])
    found = value(p, TracIn())
    truth = sum(
        rate * slopes(net(seed), p.train) @ slopes(net(seed), p.valid).T
        for seed, rate in zip((1, 2, 3), (0.3, 0.2, 0.05), strict=True)
    )
    np.testing.assert_allclose(found.per_valid, truth, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found.values, truth.mean(axis=1), rtol=1e-10, atol=1e-13)
    assert found.status is Status.exact


def test_estimates_are_the_sums_so_far():
    """The estimate after two checkpoints is TracIn of these two; the share of the work is told."""
    seen = []
    value(problem_of(1, 2, 3, rates=[0.3, 0.2, 0.1]), TracIn(), on_estimate=seen.append)
    np.testing.assert_allclose(seen[1].values, value(problem_of(1, 2, rates=[0.3, 0.2]), TracIn()).values)
    assert [now.share for now in seen] == [1 / 3, 2 / 3, 1.0]


def test_stops_between_checkpoints():
    """A limit of time ends the sum at a checkpoint, and the valuation does not call itself complete."""
    found = value(problem_of(1, 2, 3), TracIn(), stop=Stop(seconds=1e-9))
    assert found.status is Status.budget
    np.testing.assert_allclose(found.values, value(problem_of(1), TracIn()).values)


def test_products_and_cosines_are_those_of_the_trained_network():
    """GradDot and GradCos look at the network itself, whatever its checkpoints; the cosine by definition."""
    p = problem_of(1, 4)
    g, q = slopes(net(4), p.train), slopes(net(4), p.valid)
    np.testing.assert_allclose(value(p, GradDot()).per_valid, g @ q.T, rtol=1e-10, atol=1e-13)
    lengths = np.linalg.norm(g, axis=1)[:, None] * np.linalg.norm(q, axis=1)
    np.testing.assert_allclose(value(p, GradCos()).per_valid, g @ q.T / lengths, rtol=1e-10, atol=1e-13)


def test_cosine_of_a_row_with_itself_is_1():
    """Judged by themselves, all rows have the cosine 1 on the diagonal."""
    p = two_clouds(model=LogisticRegression())
    found = value(Problem(p.train, p.train, p.model), GradCos()).per_valid
    np.testing.assert_allclose(np.diag(found), 1, rtol=1e-12)


def test_a_row_without_gradient_has_cosine_0():
    """A row that is fitted to the last digit pulls nowhere: cosine 0, not nan."""
    train = Data([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    model = Ridge(alpha=1e-300).fit(train.X, train.y)
    model.coef_, model.intercept_ = np.array([1.0]), 0.0
    found = value(Problem(train, Data([[1.0]], [3.0]), model), GradCos())
    np.testing.assert_array_equal(found.per_valid, np.zeros((3, 1)))


def test_logistic_regression_by_hand():
    """For logistic regression it is (p - y)(p' - y')(x x' + 1), class weights on the training row."""
    p = two_clouds()
    model = LogisticRegression(class_weight={0: 2.0, 1: 0.5}).fit(p.train.X, p.train.y)
    off = [expit(model.decision_function(part.X)) - part.y for part in (p.train, p.valid)]
    off[0] *= np.where(p.train.y == 0, 2.0, 0.5)
    truth = np.outer(*off) * (p.train.X @ p.valid.X.T + 1)
    asked = Problem(p.train, p.valid, model)
    for method in (TracIn(), GradDot()):
        np.testing.assert_allclose(value(asked, method).per_valid, truth, rtol=1e-12)


def test_a_step_on_the_row_lowers_the_loss_by_its_value():
    """A small step along one row's gradient takes the value times the step off the judge's loss."""
    p, module, step = problem_of(5), net(5), 1e-6
    row = slopes(module, p.train)[7]
    before = TorchGradients(module).losses(p.valid)
    flat = torch.nn.utils.parameters_to_vector(module.parameters()).detach()
    torch.nn.utils.vector_to_parameters(flat - step * torch.tensor(row), module.parameters())
    fell = (before - TorchGradients(module).losses(p.valid)) / step
    np.testing.assert_allclose(fell, value(p, GradDot()).per_valid[7], rtol=1e-4, atol=1e-6)
