"""Derivatives through a training beside trainings with other weights, run by torch."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from truth import two_clouds

from assay import AssayError, Data, ExactUnrolled, Problem, TorchGradients, value
from assay.methods.influence._any_network import AnyNetwork
from assay.methods.influence._dense import Dense, dense_of
from assay.methods.influence._start import start_of, steps
from assay.methods.influence._unrolling import Unrolled
from assay.metrics import Training

torch = pytest.importorskip("torch")
nn = torch.nn
RNG = np.random.default_rng(8)
TRAIN = Data(RNG.normal(size=(14, 3)), RNG.integers(0, 3, 14))
VALID = Data(RNG.normal(size=(5, 3)), RNG.integers(0, 3, 5))
HOW = Training(epochs=5, batch=4, rate=0.1, momentum=0.7, weight_decay=0.02)
SHAPES = {
    "tanh": lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4, bias=False), nn.Linear(4, 3)),
    "relu": lambda: nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)),
    "other": lambda: nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.LayerNorm(4), nn.Linear(4, 3)),
}


@pytest.fixture(autouse=True)
def _one_thread():
    """These networks are too small to be shared by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(p: Problem, weights: np.ndarray, seed: int, how: Training = HOW, loss=None) -> np.ndarray:
    """Losses of the validation rows after torch's own training, with weighted rows."""
    rng = np.random.default_rng(seed)
    loss = loss or (lambda z, y: nn.functional.cross_entropy(z, y, reduction="none"))
    module = start_of(p, "x").fresh(rng)
    optimizer = torch.optim.SGD(
        module.parameters(), lr=how.rate, momentum=how.momentum, weight_decay=how.weight_decay
    )
    X, y, V, t = (torch.tensor(part) for part in (p.train.X, p.train.y, p.valid.X, p.valid.y))
    for rows in steps(how, p.n, rng):
        optimizer.zero_grad()
        (loss(module(X[rows]), y[rows]) * torch.tensor(weights[rows])).mean().backward()
        optimizer.step()
    with torch.no_grad():
        return loss(module(V), t).numpy()


def slopes(p: Problem, seed: int, rows, step=1e-5, **how) -> np.ndarray:
    """Minus the derivative of the losses by the weights of rows, by central differences, (rows, m)."""
    found = []
    for i in rows:
        move = step * (np.arange(p.n) == i)
        ends = [trained(p, 1 + sign * move, seed, **how) for sign in (1, -1)]
        found.append((ends[1] - ends[0]) / (2 * step))
    return np.array(found)


@pytest.mark.parametrize("shape", SHAPES)
def test_is_the_derivative_of_torch_training(shape):
    """Scores are differences of torch trainings with one row's weight moved, to 1e-6 of the largest."""
    p = Problem(TRAIN, VALID, SHAPES[shape]().double())
    found = value(p, ExactUnrolled(training=HOW), seed=4).per_valid
    truth = slopes(p, 4, [0, 5, 13])
    np.testing.assert_allclose(found[[0, 5, 13]], truth, atol=1e-6 * np.abs(found).max())


@pytest.mark.parametrize("kind", ["two classes", "numbers"])
def test_linear_models_too(kind):
    """The same for logistic regression by one logit, and for squared error, in minibatches from 0."""
    how = Training(epochs=4, batch=4, rate=0.1, momentum=0.5)
    if kind == "numbers":
        p = Problem(Data(TRAIN.X, TRAIN.X @ [1.0, -2.0, 0.5]), Data(VALID.X, VALID.X[:, 0]), Ridge())
        loss = lambda z, y: (z[:, 0] - y) ** 2  # noqa: E731
    else:
        p = two_clouds(n=14, m=5, model=LogisticRegression())
        loss = lambda z, y: nn.functional.softplus(z[:, 0] * (1 - 2 * y))  # noqa: E731
    found = value(p, ExactUnrolled(training=how), seed=2).per_valid
    truth = slopes(p, 2, [1, 7], how=how, loss=loss)
    np.testing.assert_allclose(found[[1, 7]], truth, atol=1e-6 * np.abs(found).max())


def test_written_out_and_automatic_derivatives_agree():
    """The network that is written out and the one that autograd follows give the same scores."""
    p = Problem(TRAIN, VALID, SHAPES["relu"]().double())
    start = start_of(p, "x")
    module = start.fresh(np.random.default_rng(1))
    pairs = [(torch.tensor(part.X), torch.tensor(part.y)) for part in (TRAIN, VALID)]
    known = dense_of(module, "cross_entropy", *pairs)
    assert known is not None
    assert isinstance(known[0], Dense)
    batches = list(steps(HOW, 14, np.random.default_rng(2)))
    network = AnyNetwork(module, "cross_entropy", *pairs)
    found = []
    for engine, theta in (known, (network, network.theta)):
        run = Unrolled(engine, HOW, theta, batches, np.ones(14))
        found.append(run.by_weights(engine.judged(run.last.theta, slice(0, 5))))
    np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-12)


def test_other_networks_are_left_to_autograd():
    """What is not Linear, ReLU and Tanh in turn, frozen, shared, or of a loss of its own, is not known."""
    pairs = [(torch.tensor(part.X), torch.tensor(part.y)) for part in (TRAIN, VALID)]
    twin, frozen = nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3))
    frozen[0].bias.requires_grad_(False)
    others = [
        SHAPES["other"](),
        nn.Sequential(twin, twin),
        frozen,
        nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Tanh(), nn.Linear(3, 3)),
        nn.Sequential(nn.Linear(3, 3), nn.ReLU()),
        nn.Sequential(nn.ReLU(), nn.Linear(3, 3)),
    ]
    assert all(dense_of(module, "cross_entropy", *pairs) is None for module in others)
    assert dense_of(nn.Linear(3, 3), lambda z, y: z[:, 0], *pairs) is None


def test_the_mean_alone_is_the_mean():
    """Without `per_valid` the values are the same, of known networks and of others."""
    for shape in ("tanh", "other"):
        p = Problem(TRAIN, VALID, SHAPES[shape]().double())
        whole, mean = (
            value(p, ExactUnrolled(training=HOW, per_valid=kept), seed=1) for kept in (True, False)
        )
        assert mean.per_valid is None
        np.testing.assert_allclose(mean.values, whole.values, rtol=1e-9, atol=1e-12)


def test_many_judges_in_parts():
    """Judges in several parts, and threads, give what they give alone."""
    p = two_clouds(n=12, m=150, model=nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2)).double())
    found = value(p, ExactUnrolled(training=HOW), n_jobs=2).per_valid
    few = Problem(p.train, p.valid.take(np.arange(100, 150)), p.model)
    np.testing.assert_allclose(value(few, ExactUnrolled(training=HOW)).per_valid, found[:, 100:], rtol=1e-10)


def test_a_loss_of_ones_own():
    """A loss that is a function is differentiated by autograd."""
    own = TorchGradients(
        SHAPES["tanh"]().double(), lambda z, y: nn.functional.cross_entropy(z, y, reduction="none")
    )
    p = Problem(TRAIN, VALID, gradients=own)
    named = Problem(TRAIN, VALID, SHAPES["tanh"]().double())
    a, b = (value(q, ExactUnrolled(training=HOW), seed=3).values for q in (p, named))
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13)


def test_trainings_are_averaged():
    """With `inits` there is an estimate after each training; the last is the mean over other weights."""
    p, seen = Problem(TRAIN, VALID, SHAPES["tanh"]().double()), []
    last = value(p, ExactUnrolled(training=Training(epochs=1, inits=2)), on_estimate=seen.append)
    assert [now.share for now in seen] == [0.5, 1.0]
    assert not np.allclose(seen[0].values, last.values)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ExactUnrolled(training=None), r"ExactUnrolled\.training is None"),
        (lambda: ExactUnrolled(training=Training(optimizer="adam")), r"optimizer='sgd'"),
        (lambda: ExactUnrolled(per_valid="no"), r"ExactUnrolled\.per_valid is 'no'"),
        (
            lambda: value(
                Problem(TRAIN, VALID, nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))), ExactUnrolled()
            ),
            "batch norm '1'",
        ),
        (
            lambda: value(
                Problem(TRAIN, VALID, LogisticRegression(class_weight="balanced")), ExactUnrolled()
            ),
            "class_weight=None",
        ),
        (
            lambda: value(
                Problem(Data(TRAIN.X * 1e20, TRAIN.X[:, 0]), Data(VALID.X, VALID.X[:, 0]), Ridge()),
                ExactUnrolled(),
            ),
            r"take a smaller Training\.rate",
        ),
    ],
)
def test_refuses(make, words):
    """Settings and networks that it cannot go back through are refused, with the reason."""
    with pytest.raises(AssayError, match=words):
        make()
