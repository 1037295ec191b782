"""G-Shapley beside all orders of a few rows, learnt one by one."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from truth import two_clouds

from assay import AssayError, Data, GShapley, Problem, Stop, value

RNG = np.random.default_rng(2)
X, V = RNG.normal(size=(4, 2)), RNG.normal(size=(7, 2))


def learnt(y, t, loss, slope, outputs, rate, weight=lambda i: 1.0):
    """The mean over all orders of what each row takes off each judge's loss, (4, 7); steps written out."""
    A, W, total = np.column_stack([X, np.ones(4)]), np.column_stack([V, np.ones(7)]), np.zeros((4, 7))
    orders = list(permutations(range(4)))
    for order in orders:
        theta = np.zeros((3, outputs))
        before = loss(W @ theta, t)
        for i in order:
            theta = theta - rate * weight(i) * A[i][:, None] * slope(A[i] @ theta, y[i])[None]
            now = loss(W @ theta, t)
            total[i] += (before - now) / len(orders)
            before = now
    return total


def softmax(z):
    """Along the last axis."""
    e = np.exp(z)
    return e / e.sum(axis=-1, keepdims=True)


CASES = {
    "two classes": (
        LogisticRegression(class_weight={0: 2.0, 1: 0.5}),
        np.array([0, 1, 1, 0]),
        np.array([0, 1, 0, 1, 0, 1, 1]),
        lambda z, t: np.log1p(np.exp(-z[:, 0] * (2 * t - 1))),
        lambda z, y: 1 / (1 + np.exp(-z)) - y,
        1,
        lambda i: (2.0, 0.5, 0.5, 2.0)[i],
    ),
    "three classes": (
        LogisticRegression(),
        np.array([0, 1, 2, 0]),
        np.array([0, 1, 2, 1, 0, 2, 1]),
        lambda z, t: -np.log(softmax(z)[np.arange(7), t]),
        lambda z, y: softmax(z) - np.eye(3)[y],
        3,
        lambda i: 1.0,
    ),
    "numbers": (
        Ridge(),
        np.array([0.5, -1.0, 2.0, 0.1]),
        np.array([0.5, -1.0, 1.5, 0.0, 0.3, -0.2, 1.0]),
        lambda z, t: (z[:, 0] - t) ** 2,
        lambda z, y: 2 * (z - y),
        1,
        lambda i: 1.0,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_is_the_mean_over_all_orders(case):
    """Values are those of all 24 orders, within 4.5 standard errors; so are those to each judge."""
    model, y, t, loss, slope, outputs, weight = CASES[case]
    truth = learnt(y, t, loss, slope, outputs, 0.1, weight)
    found = value(Problem(Data(X, y), Data(V, t), model), GShapley(rate=0.1), stop=Stop(evals=2000))
    z = (found.values - truth.mean(axis=1)) / found.stderr
    assert np.abs(z).max() < 4.5
    assert np.abs(found.per_valid - truth).max() < 4.5 * 6 * found.stderr.max()
    assert (found.stderr < 0.05 * np.abs(truth.mean(axis=1)).max()).all()


def test_the_first_row_of_an_order_counts():
    """Of one row alone the value is what its step takes off the loss of a model that knows nothing."""
    y, t = np.array([1.5]), CASES["numbers"][2]
    found = value(Problem(Data(X[:1], y), Data(V, t), Ridge()), GShapley(rate=0.1), stop=Stop(evals=2))
    theta = 0.2 * 1.5 * np.append(X[0], 1)
    truth = t**2 - (np.column_stack([V, np.ones(7)]) @ theta - t) ** 2
    np.testing.assert_allclose(found.per_valid[0], truth, rtol=1e-12)


def test_values_sum_to_the_whole_decrease():
    """In every estimate values sum to the first loss less the mean of the last ones, measured in between."""
    from assay.methods.influence._learner import Linear

    ends, plain = [], Linear.losses

    def losses(self):
        found = plain(self)
        ends.append(found.mean(axis=1))
        return found

    p = two_clouds(model=LogisticRegression())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Linear, "losses", losses)
        found = value(p, GShapley(rate=0.1), stop=Stop(evals=2))
    np.testing.assert_allclose(found.values.sum(), ends[0].mean() - ends[20].mean(), rtol=1e-12)
    np.testing.assert_allclose(ends[0], np.log(2))


def test_a_network_learns_as_autograd_says():
    """Of two rows a network's values are those of both orders, stepped by autograd, in the orders drawn."""
    torch = pytest.importorskip("torch")
    from assay.methods.influence._start import start_of

    p = two_clouds(
        n=2,
        m=5,
        model=torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2)).double(),
    )
    p = Problem(Data(p.train.X, [0, 1]), p.valid, p.model)
    found = value(p, GShapley(rate=0.2), stop=Stop(evals=64), seed=5)
    gains = np.zeros((2, 2, 5))
    for k, order in enumerate(([0, 1], [1, 0])):
        net = start_of(p, "x").fresh(np.random.default_rng(5)).eval()

        def losses(net=net):
            outputs = net(torch.tensor(p.valid.X))
            return (
                torch.nn.functional.cross_entropy(outputs, torch.tensor(p.valid.y), reduction="none")
                .detach()
                .numpy()
            )

        before = losses()
        for i in order:
            loss = torch.nn.functional.cross_entropy(
                net(torch.tensor(p.train.X[[i]])), torch.tensor(p.train.y[[i]])
            )
            slopes = torch.autograd.grad(loss, list(net.parameters()))
            with torch.no_grad():
                for a, g in zip(net.parameters(), slopes, strict=True):
                    a -= 0.2 * g
            gains[k, i], before = before - losses(), losses()
    share = np.linalg.lstsq(
        (gains[0] - gains[1]).mean(axis=1)[:, None], found.values - gains[1].mean(axis=1), rcond=None
    )[0][0]
    np.testing.assert_allclose(
        found.per_valid, share * gains[0] + (1 - share) * gains[1], rtol=1e-9, atol=1e-12
    )
    assert 0.3 < share < 0.7


def test_rate_is_searched():
    """Without a rate, one of the grid is taken that ends within a tenth of the best one; it is told."""
    p = two_clouds(model=LogisticRegression())
    told = value(p, GShapley(), stop=Stop(evals=2)).why
    rate = float(told.removeprefix("learning rate "))
    ends = {}
    for candidate in (1.0, 0.32, 0.1, 0.032, 0.01, 0.0001):
        found = value(p, GShapley(rate=candidate), stop=Stop(evals=64))
        ends[candidate] = -found.values.sum()
    best = min(ends.values())
    assert ends[rate] < 0.9 * best < 0
    assert value(p, GShapley(), stop=Stop(evals=2), seed=9).why == f"learning rate {rate:.2g}"


@pytest.mark.parametrize("rate", [0, -1.0, True, "fast", np.inf])
def test_refuses(rate):
    """A rate that is no number above 0 is refused."""
    with pytest.raises(AssayError, match=r"GShapley\.rate is"):
        GShapley(rate=rate)


def test_refuses_what_it_cannot_learn():
    """Ridge classifiers, and rates at which the loss overflows, are refused."""
    with pytest.raises(AssayError, match="pass LogisticRegression"):
        value(two_clouds(model=RidgeClassifier()), GShapley())
    p = Problem(Data(X * 1e3, CASES["numbers"][1]), Data(V, CASES["numbers"][2]), Ridge())
    with np.errstate(all="ignore"), pytest.raises(AssayError, match="take a smaller rate"):
        value(p, GShapley(rate=1e200))
