"""LESS beside a loop of autograd over rows and checkpoints, Adam's own steps, and its forms on disk."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest

from assay import LESS, Data, Problem, TorchGradients, value

torch = pytest.importorskip("torch", reason="needs the extra torch")
from torch import nn  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread():
    """These networks are too small to be shared by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


RATES = [0.02, 0.01]
TASKS = ["a", "b", "a", "c", "b", "a", "a", "c"]


def net(width=4, seed=0):
    """A small network in float64, its last layer without bias."""
    torch.manual_seed(seed)
    layers = nn.Linear(3, width), nn.Tanh(), nn.LayerNorm(width), nn.Linear(width, 3, bias=False)
    return nn.Sequential(*layers).double()


def data(n, seed, groups=None):
    """Rows in three classes."""
    rng = np.random.default_rng(seed)
    return Data(rng.normal(size=(n, 3)), rng.integers(0, 3, n), groups=groups)


TRAIN, VALID, GROUPED = data(20, 1), data(8, 2), data(8, 2, TASKS)


def loss_of(module, rows, i=None):
    """The mean loss of rows, or that of one."""
    X, y = torch.tensor(rows.X), torch.tensor(rows.y)
    return nn.functional.cross_entropy(module(X), y) if i is None else _one(module, X[i], y[i])


def _one(module, x, y):
    return nn.functional.cross_entropy(module(x[None]), y[None])


def run(module=None, kind=torch.optim.Adam, **how):
    """A training by Adam: the network, its states, and those of the optimizer."""
    module = net() if module is None else module
    optimizer = kind(module.parameters(), lr=0.05, **how)
    states, moments = [], []
    for step in range(1, 7):
        optimizer.zero_grad()
        loss_of(module, TRAIN).backward()
        optimizer.step()
        if step % 3 == 0:
            states.append({name: t.clone() for name, t in module.state_dict().items()})
            state = optimizer.state_dict()
            kept = {
                key: {name: v.clone() if name != "step" else float(v) for name, v in line.items()}
                for key, line in state["state"].items()
            }
            moments.append({**state, "state": kept})
    return module, states, moments


def gradient(module, rows, i):
    """The gradient of one row's loss, by name."""
    slopes = torch.autograd.grad(loss_of(module, rows, i), list(module.parameters()))
    return {name: g for (name, _), g in zip(module.named_parameters(), slopes, strict=True)}


def step_of(g, state, update):
    """One parameter's step, written out."""
    if update == "sgd":
        return g
    m, v, t = state["exp_avg"], state["exp_avg_sq"], state["step"] + 1
    one, two = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    if update == "code":
        return one / (two + 1e-8).sqrt()
    return (one / (1 - 0.9**t)) / ((two / (1 - 0.999**t)).sqrt() + 1e-8)


def flat(tensors):
    """One vector of them."""
    return torch.cat([t.ravel() for t in tensors.values()])


def loop(states, moments, valid, update, reduce):
    """Scores (n, groups) by the definition, row after row."""
    groups = ["all"] * len(valid) if valid.groups is None else valid.groups.tolist()
    names, module = sorted(set(groups)), net()
    scores = np.zeros((len(TRAIN), len(names)))
    for state, moment, rate in zip(states, moments, RATES, strict=True):
        module.load_state_dict(state)
        judges = torch.stack([flat(gradient(module, valid, q)) for q in range(len(valid))])
        for i in range(len(TRAIN)):
            g = gradient(module, TRAIN, i)
            lines = zip(g.items(), moment["state"].values(), strict=True)
            mine = flat({name: step_of(slope, line, update) for (name, slope), line in lines})
            for k, name in enumerate(names):
                some = judges[[q for q, its in enumerate(groups) if its == name]]
                if reduce == "mean_then_cos":
                    some = some.mean(dim=0, keepdim=True)
                cosines = torch.cosine_similarity(some, mine[None], dim=1)
                scores[i, k] += rate / sum(RATES) * float(cosines.mean())
    return scores


def problem(valid=VALID, **how):
    """Of a training by Adam."""
    module, states, moments = run()
    given = {"checkpoints": states, "rates": RATES, "moments": moments} | how
    return Problem(TRAIN, valid, gradients=TorchGradients(module, **given))


@pytest.mark.parametrize("update", ["code", "paper", "sgd"])
@pytest.mark.parametrize("reduce", ["cos_then_mean", "mean_then_cos"])
@pytest.mark.parametrize("valid", [VALID, GROUPED], ids=["one group", "three groups"])
def test_is_the_loop(update, reduce, valid):
    """Scores are those of the definition by autograd, and values their largest over the groups."""
    _, states, moments = run()
    truth, less = loop(states, moments, valid, update, reduce), LESS(update=update, reduce=reduce)
    names, scores = less.group_scores(problem(valid))
    assert names.tolist() == (["all"] if valid is VALID else ["a", "b", "c"])
    np.testing.assert_allclose(scores, truth, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(value(problem(valid), less).values, truth.max(axis=1), rtol=1e-9, atol=1e-12)


def test_cosines_to_each_judge_are_kept_where_their_mean_is_the_value():
    """`per_valid` holds the judges' own cosines for one group, and is none where values are not means."""
    valuation, alone = value(problem(), LESS()), GROUPED.take(np.array([3]))
    assert valuation.per_valid is not None
    np.testing.assert_allclose(valuation.per_valid.mean(axis=1), valuation.values, rtol=1e-12)
    np.testing.assert_allclose(
        valuation.per_valid[:, 3], value(problem(Data(alone.X, alone.y)), LESS()).values, rtol=1e-10
    )
    assert value(problem(GROUPED), LESS()).per_valid is None
    assert value(problem(), LESS(reduce="mean_then_cos")).per_valid is None


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
def test_the_step_of_the_paper_is_torchs_own(kind):
    """A row's direction by "paper" is where torch's optimizer moves the parameters on that row alone."""
    how = {"betas": (0.8, 0.99), "eps": 1e-3, "weight_decay": 0.0}
    module, states, moments = run(kind=kind, **how)
    truth = []
    judge = flat(gradient(module, VALID, 0))
    for i in range(len(TRAIN)):
        twin = net()
        twin.load_state_dict(states[-1])
        optimizer = kind(twin.parameters(), lr=0.05, **how)
        optimizer.load_state_dict(deepcopy(moments[-1]))  # whose tensors it steps in place
        loss_of(twin, TRAIN, i).backward()
        before = flat({name: p.detach().clone() for name, p in twin.named_parameters()})
        optimizer.step()
        moved = before - flat({name: p.detach() for name, p in twin.named_parameters()})
        truth.append(float(torch.cosine_similarity(moved, judge, dim=0)))
    gradients = TorchGradients(module, moments=moments[-1:])
    one = Data(VALID.X[:1], VALID.y[:1])
    found = value(Problem(TRAIN, one, gradients=gradients), LESS(update="paper")).values
    np.testing.assert_allclose(found, truth, rtol=1e-7)


def test_auto_is_the_published_code_or_plain_gradients():
    """Where there are moments "auto" is "code"; where there are none, plain gradients, and `why` says so."""
    found = value(problem(), LESS())
    np.testing.assert_array_equal(found.values, value(problem(), LESS(update="code")).values)
    assert "as published" in found.why
    plain = Problem(TRAIN, VALID, gradients=TorchGradients(net()))
    assert "plain gradients" in value(plain, LESS()).why
