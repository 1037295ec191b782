"""LossVal beside numbers worked out by hand, finite differences, another transport, and planted errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from truth import two_clouds

from assay import AssayError, Data, LossVal, Problem, Random, value
from assay.metrics import Training

torch = pytest.importorskip("torch")
from assay.methods.learned._sinkhorn import costs, loss_val, potentials  # noqa: E402
from assay.methods.learned._trained import trained_of  # noqa: E402
from assay.methods.learned.loss_val import Space  # noqa: E402

RNG = np.random.default_rng(0)
X, Z = torch.as_tensor(RNG.normal(size=(5, 2))), torch.as_tensor(RNG.normal(size=(7, 2)) + 1)
LOSSES = torch.as_tensor(RNG.random(5))
EPSILON, EXACT = 0.3, 1e-12
QUICK = Training(epochs=8, optimizer="adam", rate=0.003, inits=2)


def tensor(numbers):
    """In float64."""
    return torch.tensor(numbers, dtype=torch.float64)


def transported(weights, tolerance=EXACT):
    """Potentials of the transport of weighted rows."""
    logs = torch.log(weights / weights.sum())
    return potentials(costs(X, Z), logs, EPSILON, tolerance=tolerance)


def whole(weights, losses=LOSSES):
    """The loss of LossVal, the transport solved anew."""
    return loss_val(losses, weights, *transported(weights.detach()))


def test_loss_is_that_worked_out_by_hand():
    """Two rows carried to one judge: the plan is forced, the loss the mean loss times its cost squared.

    Weights 1 and 3, losses 0.8 and 0.4: the mean is (1 x .8 + 3 x .4) / 4 = .5. Costs from 0 and 2 to 1 are
    1 / 2 each, and the plan is the product of its margins, so that its entropy costs nothing: .5 x .5**2.
    """
    rows, judge = tensor([[0.0], [2.0]]), tensor([[1.0]])
    weights, losses = tensor([1.0, 3.0]), tensor([0.8, 0.4])
    f, g = potentials(costs(rows, judge), torch.log(weights / 4), EPSILON, tolerance=EXACT)
    assert float(loss_val(losses, weights, f, g)) == pytest.approx(0.125, abs=1e-12)


def test_transport_is_that_of_another_solver():
    """The cost is <P, C> + epsilon KL(P | margins) of POT's plan, whose margins are these masses."""
    ot = pytest.importorskip("ot")
    weights = tensor([1.0, 3.0, 0.5, 2.0, 0.01])
    a, b, C = (weights / weights.sum()).numpy(), np.full(7, 1 / 7), costs(X, Z).numpy()
    plan = ot.sinkhorn(a, b, C, EPSILON, method="sinkhorn_log", stopThr=1e-14, numItermax=100_000)
    cost = (plan * C).sum() + EPSILON * (plan * np.log(plan / np.outer(a, b))).sum()
    f, g = transported(weights)
    assert a @ f.numpy() + g.numpy().mean() == pytest.approx(cost, rel=1e-9)
    ours = np.outer(a, b) * np.exp((f.numpy()[:, None] + g.numpy() - C) / EPSILON)
    np.testing.assert_allclose(ours, plan, atol=1e-10)
    np.testing.assert_allclose(C, ((X.numpy()[:, None] - Z.numpy()) ** 2).sum(axis=2) / 2, atol=1e-12)


def test_gradient_by_weights_is_that_of_finite_differences():
    """Differentiating through f alone is the derivative of the loss with its transport solved anew."""
    weights = tensor([1.0, 3.0, 0.5, 2.0, 0.7]).requires_grad_()
    (slope,) = torch.autograd.grad(whole(weights), weights)
    step = 1e-5
    units = step * torch.eye(5).double()
    at = weights.detach()
    truth = [float((whole(at + unit) - whole(at - unit)) / (2 * step)) for unit in units]
    np.testing.assert_allclose(slope.numpy(), truth, rtol=1e-6)


def test_weights_that_scale_together_change_nothing():
    """Only shares count: the loss is the same for twice the weights, so none is won by all going to 0."""
    weights = tensor([1.0, 3.0, 0.5, 2.0, 0.7])
    assert float(whole(2 * weights)) == pytest.approx(float(whole(weights)), rel=1e-9)


def test_step_of_the_weights_worked_out():
    """A row's step is its share times its excess of loss and twice that of its potential, in their means."""
    space = Space(X, Z, EPSILON)
    logs = tensor([0.0, 1.0, -0.5, 0.3, 0.1])
    rows = torch.arange(5)
    slope, g = space.slope(LOSSES, logs, rows)
    shares = torch.softmax(logs, dim=0)
    f, _ = potentials(costs(X, Z), shares.log(), EPSILON)
    mean, cost = (shares * LOSSES).sum(), (shares * f).sum() + g.mean()
    truth = shares * ((LOSSES - mean) / mean + 2 * (f - (shares * f).sum()) / cost)
    np.testing.assert_allclose(slope.numpy(), truth.numpy(), rtol=1e-9)
    assert abs(float(slope.sum())) < 1e-12


def test_first_epoch_in_one_batch_by_hand():
    """After one step of all rows the weights are n softmax(-rate n slope), of the fresh network's losses."""
    problem, rng = two_clouds(), np.random.default_rng(5)
    how = LossVal(training=Training(epochs=1, batch=100, inits=1), rate=0.2)
    trained, space = trained_of(problem, 64), Space.of(problem, 0.1)
    weights = how._weights(trained, space, np.random.default_rng(5))
    losses = trained.loss(trained.fresh(rng)(trained.inputs), trained.targets).detach()
    order = torch.as_tensor(np.random.default_rng(6).permutation(problem.n))
    slope, _ = space.slope(losses[order], torch.zeros(problem.n).double(), order)
    truth = np.empty(problem.n)
    truth[order] = torch.softmax(-0.2 * problem.n * slope, dim=0).numpy() * problem.n
    np.testing.assert_allclose(weights, truth, rtol=1e-6)


@pytest.mark.parametrize("nothing", ["loss", "cost"])
def test_a_factor_of_nothing_moves_nothing(nothing):
    """Rows that are fitted exactly, or lie on the judges, are told apart by the other factor alone."""
    losses, points = (LOSSES, X * 0) if nothing == "cost" else (LOSSES * 0, X)
    space = Space(points, points[:1] if nothing == "cost" else Z, EPSILON)
    slope, _ = space.slope(losses, torch.zeros(5).double(), torch.arange(5))
    truth = (LOSSES - LOSSES.mean()) / LOSSES.mean() / 5
    if nothing == "loss":
        f, g = potentials(costs(X, Z), torch.full((5,), 0.2).double().log(), EPSILON)
        truth = 2 * (f - f.mean()) / (f.mean() + g.mean()) / 5
    np.testing.assert_allclose(slope.numpy(), truth.numpy(), rtol=1e-7, atol=1e-15)


def test_a_training_that_diverges_is_named():
    """A loss that is not finite is refused by its cause."""
    how = LossVal(training=Training(rate=1e150, epochs=3, inits=1))
    with pytest.raises(AssayError, match=r"^LossVal: the network's loss is not finite; lower the rate"):
        value(planted(0, "number")[0], how)


def planted(seed: int, kind: str) -> tuple[Problem, np.ndarray]:
    """Rows of which a fifth have wrong labels, or features far from those of the judges."""
    rng = np.random.default_rng(seed)
    A, V = rng.normal(size=(150, 4)), rng.normal(size=(100, 4))
    y, v = A[:, 0] + A[:, 1], V[:, 0] + V[:, 1]
    wrong = rng.random(150) < 0.2
    if kind == "feature":
        A[wrong] += 2 * np.sign(A[wrong])
        return Problem(Data(A, y > 0), Data(V, v > 0)), wrong
    if kind == "class":
        return Problem(Data(A, (y > 0) ^ wrong), Data(V, v > 0)), wrong
    return Problem(Data(A, y + 8 * wrong), Data(V, v), score="r2"), wrong


@pytest.mark.parametrize("kind", ["class", "number", "feature"])
def test_finds_planted_errors(kind):
    """Wrong rows are found farther above chance than the control ever is, on each of three seeds."""
    found, control = [], []
    for seed in range(3):
        problem, wrong = planted(seed, kind)
        found.append(roc_auc_score(wrong, -value(problem, LossVal(training=QUICK), seed=seed).values))
        control += [roc_auc_score(wrong, -value(problem, Random(), seed=s).values) for s in range(20)]
    assert min(found) > max(control)
    assert np.mean(found) > 0.85


def test_mean_weight_is_one_and_spread_is_told():
    """Weights have a mean of 1; of one network there is no standard error, of more their spread."""
    problem, _ = planted(0, "class")
    seen = []
    now = value(problem, LossVal(training=QUICK), on_estimate=seen.append)
    assert [one.draws for one in seen] == [0, 2]
    assert seen[0].stderr is None
    assert now.values.mean() == pytest.approx(1)
    assert (now.values > 0).all()
    assert now.status.name == "exact"


def test_seeds_and_workers():
    """A seed repeats to the bit by any number of workers, another gives other values, torch's own stays."""
    problem, _ = planted(0, "class")
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    runs = [
        value(problem, LossVal(training=QUICK), seed=s, n_jobs=j).values for s, j in ((1, 1), (1, 2), (2, 1))
    ]
    assert runs[0].tobytes() == runs[1].tobytes()
    assert not np.array_equal(runs[0], runs[2])
    assert torch.equal(state, torch.random.get_rng_state())


def test_trains_the_network_of_the_problem():
    """A torch module is what is trained, from fresh weights, and is left as it was."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Dropout(0.1), torch.nn.Linear(8, 2)
    )
    before = [p.detach().clone() for p in net.parameters()]
    problem, wrong = planted(0, "class")
    trained = trained_of(replace(problem, model=net), 64)
    assert [type(part).__name__ for part in trained.shape] == ["Linear", "Tanh", "Dropout", "Linear"]
    fresh = trained.fresh(np.random.default_rng(0))
    assert not torch.equal(fresh[0].weight, net[0].weight)
    how = Training(epochs=20, optimizer="adam", rate=0.02, inits=1)
    now = value(replace(problem, model=net), LossVal(training=how))
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert roc_auc_score(wrong, -now.values) > 0.85
    assert now.why == ""


def test_says_what_stands_in():
    """One linear layer stands in for a linear estimator, hidden layers for any other, and both are named."""
    problem, _ = planted(0, "class")
    linear, other = (
        trained_of(replace(problem, model=m), 8) for m in (LogisticRegression(), RandomForestClassifier())
    )
    assert [type(part).__name__ for part in linear.shape] == ["Linear"]
    assert [part.out_features for part in other.shape if hasattr(part, "out_features")] == [8, 8, 2]
    assert linear.why == "One linear layer stood in for LogisticRegression."
    assert other.why == "Two hidden layers of 8 units stood in for RandomForestClassifier."


def test_refuses_a_network_of_other_columns():
    """A network that does not take the rows is refused before anything is trained."""
    with pytest.raises(AssayError, match="The network fails on rows"):
        value(replace(planted(0, "class")[0], model=torch.nn.Sequential(torch.nn.Linear(3, 2))), LossVal())


def test_needs_two_rows():
    """One row is refused: its share is all."""
    one = Data([[0.0]], ["a"])
    with pytest.raises(AssayError, match="LossVal needs at least 2 rows"):
        value(Problem(one, one), LossVal())


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (dict(training=20), "LossVal.training is 20"),
        (dict(rate=0), "LossVal.rate is 0"),
        (dict(regularisation=-1.0), "LossVal.regularisation is -1.0"),
        (dict(regularisation="some"), "LossVal.regularisation is 'some'"),
        (dict(hidden=0), "LossVal.hidden is 0"),
        (dict(hidden=1.5), "LossVal.hidden is 1.5"),
    ],
)
def test_bad_settings(how, said):
    """Each setting out of its range is refused, named."""
    with pytest.raises(AssayError, match=said):
        LossVal(**how)
    with pytest.raises(AssayError, match=said):
        value(two_clouds(), LossVal().set_params(**how))
