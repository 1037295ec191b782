"""Networks trained together are the networks that torch trains one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from truth import two_clouds

from assay import AssayError, Data, Problem
from assay.metrics import SubsetModels, Training


def shape(activation, classes=3, bias=True):
    """A small network of two hidden layers."""
    return nn.Sequential(
        nn.Linear(6, 9, bias), activation, nn.Linear(9, 5), activation, nn.Linear(5, classes)
    )


def classes(n=50, m=8, seed=0):
    """Three classes in six columns, named by text."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n + m, 6)), np.arange(n + m) % 3
    X[:, 0] += y
    names = np.array(["a", "b", "c"])[y]
    return Data(X[:n], names[:n]), Data(X[n:], names[n:])


def alone(models, number, init, activation, width, loss, bias=True):
    """What torch's own loop makes of one subset: the same first weights, rows and order of minibatches."""
    ensemble, how = models._ask, models._ask.training
    rng, net = ensemble.rng(number, init), shape(activation, width, bias)
    with torch.no_grad():
        for layer in (part for part in net if isinstance(part, nn.Linear)):
            reach = 1 / np.sqrt(layer.in_features)
            drawn = rng.uniform(-reach, reach, (layer.in_features, layer.out_features))
            layer.weight.copy_(torch.from_numpy(drawn.T))
            offset = torch.from_numpy(rng.uniform(-reach, reach, layer.out_features))
            if layer.bias is not None:
                layer.bias.copy_(offset)
    if how.optimizer == "adam":
        optimizer = torch.optim.Adam(net.parameters(), how.rate, weight_decay=how.weight_decay)
    else:
        optimizer = torch.optim.SGD(net.parameters(), how.rate, how.momentum, weight_decay=how.weight_decay)
    X, y = ensemble._arrays
    rows = np.flatnonzero(models._drawn(range(number, number + 1))[0])
    for _ in range(how.epochs):
        order = rng.permutation(rows)
        for start in range(0, len(order), how.batch):
            part = order[start : start + how.batch]
            optimizer.zero_grad()
            loss(net(X[part]), y[part]).backward()
            optimizer.step()
    with torch.no_grad():
        return net(torch.from_numpy(models.problem.valid.X.astype(np.float32))).numpy().astype(float)


WAYS = [
    Training(epochs=4, batch=8, rate=0.1, inits=2),
    Training(epochs=3, batch=7, rate=0.05, momentum=0.0, weight_decay=0.1),
    Training(epochs=3, batch=64, rate=0.05, momentum=0.5, weight_decay=0.02),
    Training(epochs=4, batch=6, rate=0.01, optimizer="adam"),
    Training(epochs=4, batch=6, rate=0.01, optimizer="adam", weight_decay=0.05),
]


@pytest.mark.parametrize("how", WAYS, ids=str)
@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Tanh(), nn.GELU(), nn.GELU("tanh")], ids=str)
def test_each_member_is_trained_as_alone(how, activation):
    """A member's log loss is that of torch's own loop on its subset, to the tolerance of float32."""
    train, valid = classes()
    models = SubsetModels(Problem(train, valid, shape(activation)), training=how, output="log_loss")
    models.grow(6, progress=False)
    y = np.searchsorted(["a", "b", "c"], valid.y)
    for number in (0, 5):
        for init in range(how.inits):
            answers = alone(models, number, init, activation, 3, nn.CrossEntropyLoss())
            truth = answers[np.arange(len(y)), y] - np.log(np.exp(answers).sum(axis=1))
            np.testing.assert_allclose(models.members[number, init], truth, rtol=2e-4, atol=2e-5)


def test_numbers():
    """A network of one answer is trained on the mean squared error, and judged by the squared error."""
    (train, valid), loss = classes(), nn.MSELoss()
    train, valid = (Data(part.X, part.X @ np.arange(6.0) + 0.5) for part in (train, valid))
    how = Training(epochs=5, batch=8, rate=0.005)
    models = SubsetModels(Problem(train, valid, shape(nn.Tanh(), 1, bias=False)), training=how)
    models.grow(2, progress=False)
    answers = alone(models, 1, 0, nn.Tanh(), 1, lambda a, b: loss(a[:, 0], b), bias=False)[:, 0]
    np.testing.assert_allclose(models.outputs[1], -((answers - valid.y) ** 2), rtol=1e-3, atol=1e-3)


def test_the_margin_has_no_floor():
    """The margin is the right answer less the log-sum of the others, and follows from the log loss."""
    train, valid = classes()
    margin, log_loss = (
        SubsetModels(Problem(train, valid, shape(nn.ReLU())), training=WAYS[0], output=name)
        .grow(3, progress=False)
        .members
        for name in ("margin", "log_loss")
    )
    np.testing.assert_allclose(margin, log_loss - np.log(-np.expm1(log_loss)), rtol=1e-6)


def test_workers_and_pauses_do_not_matter(tmp_path):
    """Two threads, and a run carried on from its file, give the bits of one go; torch's setting stays."""
    problem, threads = Problem(*classes(), shape(nn.ReLU())), torch.get_num_threads()
    whole = SubsetModels(problem, training=WAYS[0]).grow(11, progress=False)
    two = SubsetModels(problem, training=WAYS[0]).grow(11, n_jobs=2, progress=False)
    assert two.members.tobytes() == whole.members.tobytes()
    for count in (3, 7, 11):
        again = SubsetModels(problem, training=WAYS[0], path=tmp_path / "nets.npz").grow(
            count, progress=False
        )
    assert again.members.tobytes() == whole.members.tobytes()
    assert again.outputs.shape == (11, 8)
    assert torch.get_num_threads() == threads
    with pytest.raises(AssayError, match="another problem or other settings"):
        SubsetModels(problem, training=WAYS[1], path=tmp_path / "nets.npz")


def test_the_module_is_not_touched():
    """The weights of the module are neither used nor changed."""
    net = shape(nn.ReLU())
    before = [part.detach().clone() for part in net.parameters()]
    first = SubsetModels(Problem(*classes(), net), training=WAYS[0]).grow(2, progress=False)
    second = SubsetModels(Problem(*classes(), shape(nn.ReLU())), training=WAYS[0]).grow(2, progress=False)
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert first.members.tobytes() == second.members.tobytes()


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            nn.Sequential(nn.Linear(2, 4), nn.Dropout(), nn.Linear(4, 2)),
            "of Linear, Dropout, Linear",
        ),
        (nn.Sequential(nn.ReLU(), nn.Linear(2, 2)), "the last by none"),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU()), "the last by none"),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Tanh(), nn.Linear(2, 2)), "at most one of"),
        (nn.Linear(2, 2), "the model is Linear"),
        (nn.Sequential(nn.Linear(3, 2)), "takes 3 columns and gives 2; the problem has 2 features"),
        (nn.Sequential(nn.Linear(2, 1)), "gives 1; .* needs 2 answers"),
    ],
)
def test_refuses_other_networks(module, message):
    """A network that could not be trained as it is written is refused, with its layers."""
    problem = Problem(two_clouds().train, two_clouds().valid, module)
    with pytest.raises(AssayError, match=message):
        SubsetModels(problem, training=Training())


def test_refuses_no_training_and_divergence():
    """A network needs to be told how it is trained; one that diverges is an error, not a nan."""
    problem = Problem(*classes(), shape(nn.ReLU()))
    with pytest.raises(AssayError, match=r"training is None; .*Training"):
        SubsetModels(problem)
    numbers = (Data(part.X, 1e6 * part.X[:, 0]) for part in classes())
    with pytest.raises(AssayError, match=r"take a smaller Training\.rate"):
        SubsetModels(Problem(*numbers, shape(nn.ReLU(), 1)), training=Training(rate=100.0)).grow(2)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("epochs", 0),
        ("batch", 1.5),
        ("inits", 0),
        ("optimizer", "rmsprop"),
        ("rate", 0.0),
        ("rate", float("nan")),
        ("momentum", 1.0),
        ("weight_decay", -0.1),
    ],
)
def test_training_checks_its_settings(setting, value):
    """A setting out of its range is refused by name."""
    with pytest.raises(AssayError, match=f"^Training.*{setting} is {value!r}"):
        Training(**{setting: value})


def test_refuses_tied_weights():
    """One layer in two places would be trained as two."""
    tied = nn.Linear(2, 2)
    problem = Problem(two_clouds().train, two_clouds().valid, nn.Sequential(tied, nn.ReLU(), tied))
    with pytest.raises(AssayError, match="one Linear in two places"):
        SubsetModels(problem, training=Training())
