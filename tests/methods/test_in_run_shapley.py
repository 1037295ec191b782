"""In-run values beside explicit sums by autograd, enumerated coalitions, and the decrease that happened."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from truth import bits_of, shapley, two_clouds

from assay import AssayError, Data, InRun, InRunShapley, Problem, value
from assay.methods.influence._start import start_of
from assay.metrics import Training

torch = pytest.importorskip("torch")
nn = torch.nn


@pytest.fixture(autouse=True)
def _one_thread():
    """These networks are too small to be shared by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


RNG = np.random.default_rng(3)
X, Y = torch.tensor(RNG.normal(size=(24, 3))), torch.tensor(RNG.integers(0, 3, 24))
V, T = torch.tensor(RNG.normal(size=(9, 3))), torch.tensor(RNG.integers(0, 3, 9))


def net(act=nn.Tanh):
    """A small network in float64."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), act(), nn.LayerNorm(4), nn.Linear(4, 3)).double()


def loss_of(module, x=V, y=T):
    """The mean loss."""
    return nn.functional.cross_entropy(module(x), y)


def flat(loss, module):
    """The gradient as one vector."""
    return torch.cat([g.ravel() for g in torch.autograd.grad(loss, list(module.parameters()))])


def plain(module, batches, rate, look=lambda module, rows: None):
    """Torch's own loop; `look` is called before each step."""
    optimizer = torch.optim.SGD(module.parameters(), lr=rate)
    for rows in batches:
        look(module, rows)
        optimizer.zero_grad()
        loss_of(module, X[rows], Y[rows]).backward()
        optimizer.step()


def recorded(module, batches, rate, **how):
    """The same loop, recorded."""
    optimizer = torch.optim.SGD(module.parameters(), lr=rate)
    with InRun(module, n=len(X), valid=(V, T), **how) as run:
        for rows in batches:
            run.step(X[rows], Y[rows], rows, optimizer)
    return run.valuation()


BATCHES = [[0, 1, 2, 3, 4], [5, 6, 7, 8], [2, 9, 1], list(range(10, 24))]


def test_trains_as_the_plain_loop():
    """Recorded steps end in the parameters of torch's loop, also where an activation works in place."""
    for act in (nn.Tanh, lambda: nn.ReLU(inplace=True)):
        first, second = net(act), net(act)
        plain(first, BATCHES, 0.3)
        recorded(second, BATCHES, 0.3)
        for a, b in zip(first.parameters(), second.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


def test_first_order_is_the_explicit_sum():
    """To first order a value is the sum over steps of rate g_i' g_q / batch, by autograd row after row."""
    truth, module = np.zeros((24, 9)), net()

    def look(module, rows):
        judges = [flat(loss_of(module, V[[q]], T[[q]]), module) for q in range(9)]
        for i in rows:
            mine = flat(loss_of(module, X[[i]], Y[[i]]), module)
            truth[i] += [0.3 * float(mine @ its) / len(rows) for its in judges]

    plain(module, BATCHES, 0.3, look)
    found = recorded(net(), BATCHES, 0.3, order=1)
    np.testing.assert_allclose(found.per_valid, truth, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(found.values, truth.mean(axis=1), rtol=1e-10, atol=1e-14)


def test_second_order_is_that_of_the_hessian_to_third_order():
    """Beside rate g_i'(g - rate/2 H g_batch)/batch a step errs by the third power of the rate."""
    errors, rows = [], [0, 3, 5, 7]
    for rate in (0.4, 0.2, 0.1, 0.05):
        module = net()
        parameters = list(module.parameters())
        judge = torch.autograd.grad(loss_of(module), parameters, create_graph=True)
        step = torch.autograd.grad(loss_of(module, X[rows], Y[rows]), parameters)
        along = sum((a * b).sum() for a, b in zip(judge, step, strict=True))
        bent = torch.cat([h.ravel() for h in torch.autograd.grad(along, parameters)])
        g = torch.cat([a.detach().ravel() for a in judge])
        each = torch.stack([flat(loss_of(module, X[[i]], Y[[i]]), module) for i in rows])
        truth = rate / 4 * each @ (g - rate / 2 * bent)
        errors.append(np.abs(recorded(net(), [rows], rate).values[rows] - truth.numpy()).max())
    exponents = np.diff(np.log(errors)) / np.log(0.5)
    assert np.abs(exponents[-2:] - 3).max() < 0.3


@pytest.mark.parametrize(("order", "power"), [(1, 2), (2, 3)])
def test_values_sum_to_the_decrease(order, power):
    """What the sum and the decrease of the loss by a step differ by falls as the rate to the order + 1."""
    errors = []
    for rate in (0.2, 0.1, 0.05, 0.025):
        module = net()
        before = float(loss_of(module).detach())
        total = recorded(module, [list(range(24))], rate, order=order).values.sum()
        errors.append(abs(before - float(loss_of(module).detach()) - total))
    exponents = np.diff(np.log(errors)) / np.log(0.5)
    assert np.abs(exponents[-2:] - power).max() < 0.3


def test_is_the_shapley_value_of_the_step():
    """For squared error, where a step's decrease is quadratic, values are Shapley's by enumeration."""
    numbers, judges = torch.tensor(RNG.normal(size=7)), torch.tensor(RNG.normal(size=9))

    def linear():
        torch.manual_seed(4)
        return nn.Linear(3, 1).double()

    def mean(module, x, y):
        return ((module(x)[:, 0] - y) ** 2).mean()

    worths = []
    for coalition in bits_of(7):
        module, rows = linear(), np.flatnonzero(coalition)
        before = float(mean(module, V, judges).detach())
        if len(rows):
            slopes = torch.autograd.grad(
                mean(module, X[rows], numbers[rows]) * len(rows) / 7, list(module.parameters())
            )
            with torch.no_grad():
                for p, g in zip(module.parameters(), slopes, strict=True):
                    p -= 0.4 * g
        worths.append(before - float(mean(module, V, judges).detach()))
    module = linear()
    with InRun(module, "squared", n=7, valid=(V, judges)) as run:
        run.step(X[:7], numbers, range(7), torch.optim.SGD(module.parameters(), lr=0.4))
    np.testing.assert_allclose(run.valuation().values, shapley(np.array(worths)), rtol=1e-10)


def test_drawn_judges_are_unbiased():
    """Values by 3 drawn judges, averaged over 100 seeds, are those by all within 4.5 standard errors."""
    batches = BATCHES[:1]
    whole = recorded(net(), batches, 0.3, order=1).values
    drawn = np.array([recorded(net(), batches, 0.3, order=1, judges=3, seed=s).values for s in range(100)])
    z = (drawn.mean(axis=0) - whole)[:5] / (drawn.std(axis=0, ddof=1)[:5] / 10)
    assert np.abs(z).max() < 4.5
    assert drawn.std(axis=0)[:5].min() > 0


def test_a_row_drawn_twice_counts_twice():
    """A row that is twice in a batch has the values of two copies of it."""
    twice = recorded(net(), [[3, 3, 5]], 0.3).values
    x, y = torch.cat([X, X[[3]]]), torch.cat([Y, Y[[3]]])
    module = net()
    with InRun(module, n=25, valid=(V, T)) as run:
        run.step(x[[3, 24, 5]], y[[3, 24, 5]], [3, 24, 5], torch.optim.SGD(module.parameters(), lr=0.3))
    copies = run.valuation().values
    np.testing.assert_allclose(twice[[3, 5]], [copies[3] + copies[24], copies[5]], rtol=1e-12)


def test_other_passes_are_not_recorded():
    """The user may ask the network between steps, and after it; nothing of it is in the values."""
    module = net()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.3)
    with InRun(module, n=24, valid=(V, T)) as run:
        for rows in BATCHES:
            run.step(X[rows], Y[rows], rows, optimizer)
            module(V)
    assert not any(child._forward_hooks for child in module.modules())
    np.testing.assert_array_equal(run.valuation().values, recorded(net(), BATCHES, 0.3).values)


def test_rates_are_those_of_each_layer():
    """A layer that the optimizer leaves alone gives nothing; another counts at its own rate."""
    module = net()
    groups = [{"params": module[3].parameters(), "lr": 0.7}]
    with InRun(module, n=24, valid=(V, T), order=1) as run:
        run.step(X, Y, range(24), torch.optim.SGD(groups, lr=0.1))
    module, truth = net(), np.zeros(24)
    judge = torch.autograd.grad(loss_of(module), list(module[3].parameters()))
    for i in range(24):
        mine = torch.autograd.grad(loss_of(module, X[[i]], Y[[i]]), list(module[3].parameters()))
        truth[i] = 0.7 / 24 * sum(float((a * b).sum()) for a, b in zip(mine, judge, strict=True))
    np.testing.assert_allclose(run.valuation().values, truth, rtol=1e-10, atol=1e-15)


def test_the_method_is_the_recorder_on_its_own_training():
    """For a logistic regression and full batches the method is the closed recurrence from 0."""
    p = two_clouds(model=LogisticRegression())
    found = value(p, InRunShapley(training=Training(epochs=3, rate=0.5, momentum=0.0), order=1))
    A, W = (np.column_stack([part.X, np.ones(len(part))]) for part in (p.train, p.valid))
    theta, truth = np.zeros(3), np.zeros((20, 30))
    for _ in range(3):
        g, q = ((1 / (1 + np.exp(-M @ theta)) - y)[:, None] * M for M, y in ((A, p.train.y), (W, p.valid.y)))
        truth += 0.5 / 20 * g @ q.T
        theta -= 0.5 * g.mean(axis=0)
    np.testing.assert_allclose(found.per_valid, truth, rtol=1e-10)


def test_several_first_weights_are_averaged():
    """With `inits` there is an estimate after each training, the last their mean."""
    p = two_clouds(model=nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2)))
    seen = []
    how = Training(epochs=2, batch=8, rate=0.1, momentum=0.0, inits=3)
    last = value(p, InRunShapley(training=how), on_estimate=seen.append)
    assert [now.share for now in seen] == [1 / 3, 2 / 3, 1.0]
    assert not np.allclose(seen[0].values, seen[1].values)
    assert last.values is seen[-1].values


def test_frozen_layers_keep_their_weights():
    """First weights are drawn anew for what is trained; what is frozen stays, and gets no part of a step."""
    module = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
    module[0].requires_grad_(False)
    p = two_clouds(model=module)
    fresh = start_of(p, "x").fresh(np.random.default_rng(0))
    assert torch.equal(fresh[0].weight, module[0].weight)
    assert not torch.equal(fresh[2].weight, module[2].weight)
    assert np.isfinite(value(p, InRunShapley()).values).all()


def test_numbers_are_taken():
    """Ridge trains by squared error; a row that is far off in the wrong direction is worth the least."""
    x = np.linspace(-1, 1, 12)[:, None]
    y = 2 * x[:, 0]
    y[10] = -9.0
    p = Problem(Data(x, y), Data(x[::2], 2 * x[::2, 0]), Ridge())
    assert value(p, InRunShapley()).lowest(1).tolist() == [10]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: InRun(net(), n=0, valid=(V, T)), r"InRun\.n is 0"),
        (lambda: InRun(net(), n=24, valid=(V, T), judges=0), r"InRun\.judges is 0"),
        (lambda: InRun(net(), n=24, valid=(V, T), order=3), r"InRun\.order is 3"),
        (lambda: InRun(net(lambda: nn.BatchNorm1d(4)), n=24, valid=(V, T)), "batch norm"),
        (
            lambda: InRun(nn.Bilinear(2, 2, 2), n=24, valid=(V, T)),
            "cannot tell the rows' parts in weight, bias",
        ),
        (lambda: InRunShapley(judges=True), r"InRunShapley\.judges is True"),
        (lambda: InRunShapley(order=0), r"InRunShapley\.order is 0"),
        (lambda: InRunShapley(training=Training()), r"momentum=0\.0\), whose"),
        (lambda: InRunShapley(training=3), r"InRunShapley\.training is 3"),
        (lambda: value(two_clouds(model=RidgeClassifier()), InRunShapley()), "pass LogisticRegression"),
    ],
)
def test_refuses(make, words):
    """Settings out of range, and networks whose rows are not apart, are refused by name."""
    with pytest.raises(AssayError, match=words):
        make()


def test_refuses_wrong_steps():
    """A step outside of `with`, positions that do not fit, and a loss that is no number are refused."""
    module = net()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    run = InRun(module, n=24, valid=(V, T))
    with pytest.raises(AssayError, match="outside of"):
        run.step(X[:2], Y[:2], [0, 1], optimizer)
    with run:
        for rows in ([0], [0, 24], [-1, 0], [0.0, 1.0]):
            with pytest.raises(AssayError, match=r"InRun\.step: rows has shape"):
                run.step(X[:2], Y[:2], rows, optimizer)
        with pytest.raises(AssayError, match="The loss of"):
            run.step(X[:2] * np.nan, Y[:2], [0, 1], optimizer)
    split = [{"params": [module[0].weight], "lr": 0.1}, {"params": [module[0].bias], "lr": 0.2}]
    with InRun(module, n=24, valid=(V, T)) as run, pytest.raises(AssayError, match="different learning"):
        run.step(X[:2], Y[:2], [0, 1], torch.optim.SGD(split))
