"""Moments of Adam lie as gradients do, however they come; checkpoints of a part share the rest."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")
from torch import nn  # noqa: E402

from assay import AssayError, Data, KeptGradients, LinearGradients, TorchGradients  # noqa: E402

LABELS = torch.arange(6) % 3


@pytest.fixture(autouse=True)
def _one_thread():
    """These networks are too small to be shared by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Bare(nn.Module):
    """A bare parameter, a recurrent layer, and a linear layer that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.twice = nn.Parameter(torch.ones(12)), nn.Linear(12, 12)
        self.recurrent, self.out = nn.GRU(4, 3, batch_first=True), nn.Linear(3, 3, bias=False)

    def forward(self, x):
        """The last state."""
        x = self.twice(torch.tanh(self.twice(x * self.scale)))
        return self.out(self.recurrent(x.reshape(len(x), 3, 4))[0][:, -1])


def network(name="dense"):
    """A network in float64 and inputs for it."""
    torch.manual_seed(0)
    x = torch.randn(6, 12, dtype=torch.float64)
    image = nn.Unflatten(1, (1, 4, 3)), nn.Conv2d(1, 2, 2), nn.GroupNorm(2, 2), nn.Flatten(), nn.Linear(12, 3)
    words = nn.Embedding(7, 4, padding_idx=0), nn.LayerNorm(4), nn.Flatten(), nn.Linear(48, 3)
    modules = {
        "dense": lambda: nn.Sequential(nn.Linear(12, 4), nn.Tanh(), nn.Linear(4, 3, bias=False)),
        "image": lambda: nn.Sequential(*image),
        "words": lambda: nn.Sequential(*words),
        "bare": Bare,
    }
    module = modules[name]().double()
    return module, x if name != "words" else torch.randint(0, 7, (6, 12))


def slopes_of(module, x, i):
    """The gradient of one row's loss by parameter."""
    loss = nn.functional.cross_entropy(module(x[[i]]), LABELS[[i]])
    named = {name: p for name, p in module.named_parameters() if p.requires_grad}
    found = torch.autograd.grad(loss, list(named.values()))
    return dict(zip(named, found, strict=True))


def by_name(module, x):
    """A state of Adam that holds the gradients of two rows, squares of the second."""
    first, second = slopes_of(module, x, 0), slopes_of(module, x, 1)
    return {name: {"exp_avg": g, "exp_avg_sq": second[name] ** 2, "step": 3} for name, g in first.items()}


def by_order(state, **group):
    """The same as the `state_dict()` of an optimizer of the trained parameters."""
    lines = dict(enumerate(state.values()))
    return {"state": lines, "param_groups": [{"params": list(lines), **group}]}


@pytest.mark.parametrize("name", ["dense", "image", "words", "bare"])
def test_lie_as_gradients_do(name):
    """Moments that are rows' gradients by autograd are those rows of `rows`, in every kind of layer."""
    module, x = network(name)
    gradients = TorchGradients(module, moments=[by_name(module, x)])
    rows, moments = gradients.rows((x, LABELS)).dense(), gradients.moments((x, LABELS))
    np.testing.assert_allclose(moments.first, rows[0], rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(moments.second, rows[1] ** 2, rtol=1e-9, atol=1e-20)
    assert set(moments.steps) == {3.0}


def test_of_some_layers_are_those_of_their_gradients():
    """With `layers`, what moments hold of other layers is left out."""
    module, x = network()
    gradients = TorchGradients(module, layers=["2"], moments=[by_name(module, x)])
    rows, moments = gradients.rows((x, LABELS)).dense(), gradients.moments((x, LABELS))
    np.testing.assert_allclose(moments.first, rows[0], rtol=1e-9)


def test_every_form_is_the_same():
    """By name, by order, of trained or all parameters, under names of its own: the same moments."""
    module, x = network("image")
    module[2].weight.requires_grad_(False)
    state = by_name(module, x)
    names = [name for name, _ in module.named_parameters()]
    everything = {
        "state": {names.index(name): line for name, line in state.items()},
        "param_groups": [{"params": list(range(len(names)))}],
    }
    turned = list(reversed(list(state)))
    told = {
        "state": {k: state[name] for k, name in enumerate(turned)},
        "param_groups": [
            {"params": [0, 1], "param_names": turned[:2]},
            {"params": list(range(2, len(turned))), "param_names": turned[2:]},
        ],
    }
    forms = [state, {"state": state}, by_order(state), {"state": by_order(state)["state"]}, everything, told]
    found = [TorchGradients(module, moments=[form]).moments((x, LABELS)) for form in forms]
    assert len({moments.digest for moments in found}) == 1
    np.testing.assert_array_equal(found[0].first, found[-1].first)


def test_of_torchs_own_optimizers():
    """States of Adam and AdamW after steps are read with their betas and eps; what had no gradient is 0."""
    for kind in (torch.optim.Adam, torch.optim.AdamW):
        module, x = network()
        module.add_module("unused", nn.Linear(2, 2).double())
        module.forward = lambda x, m=module: m[2](m[1](m[0](x)))
        optimizer = kind(module.parameters(), betas=(0.7, 0.8), eps=1e-5)
        for _ in range(4):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(x), LABELS).backward()
            optimizer.step()
        moments = TorchGradients(module, moments=[optimizer.state_dict()]).moments((x, LABELS))
        assert (moments.betas, moments.eps) == ((0.7, 0.8), 1e-5)
        assert moments.steps.tolist() == [4.0] * 64 + [0.0] * 6
        assert not moments.first[64:].any()
        weight = optimizer.state[module[2].weight]["exp_avg"]
        np.testing.assert_array_equal(moments.first[52:64], weight.ravel())


def test_there_are_none_where_none_were_given(tmp_path):
    """Sources without moments say so; those kept on disk have what they keep."""
    module, x = network()
    assert TorchGradients(module).moments((x, LABELS)) is None
    assert LinearGradients(np.zeros((1, 3)), "squared", np.zeros(3)).moments(None) is None
    rows, given = Data(x.numpy(), LABELS.numpy()), TorchGradients(module, moments=[by_name(module, x)])
    assert KeptGradients(given, tmp_path).moments(rows).digest == given.moments(rows).digest


def test_each_checkpoint_has_its_own():
    """The moments of a checkpoint are the ones at its place."""
    module, x = network()
    other = deepcopy(module)
    nn.init.ones_(other[0].weight)
    gradients = TorchGradients(
        module,
        checkpoints=[module.state_dict(), other.state_dict()],
        moments=[by_name(module, x), by_name(other, x)],
    )
    for now, its in zip(gradients.checkpoints, (module, other), strict=True):
        truth = TorchGradients(its).rows((x, LABELS)).dense()[0]
        np.testing.assert_allclose(now.moments((x, LABELS)).first, truth, rtol=1e-9)


def changed(kind):
    """A state of Adam of the dense network with one thing wrong."""
    module, x = network()
    state = by_name(module, x)
    lines = {
        "shape": lambda: state["0.weight"].update(exp_avg=torch.zeros(2, 3)),
        "negative": lambda: state["0.weight"].update(exp_avg_sq=-torch.ones(4, 12)),
        "infinite": lambda: state["2.weight"].update(exp_avg=torch.full((3, 4), torch.inf)),
        "lacking": lambda: state.pop("0.bias"),
        "strange": lambda: state.update(other=state["0.bias"]),
        "sgd": lambda: state.update(
            {name: {"momentum_buffer": line["exp_avg"]} for name, line in state.items()}
        ),
        "amsgrad": lambda: [line.update(max_exp_avg_sq=line["exp_avg_sq"]) for line in state.values()],
    }
    lines[kind]()
    return [state]


def ordered(**how):
    """The state of an optimizer of the dense network, as `how` has it."""
    module, x = network()
    return [by_order(by_name(module, x)) | how]


@pytest.mark.parametrize(
    ("moments", "words"),
    [
        ([], "has 0 states for 1 checkpoint"),
        ([3], r"moments\[0\] is int"),
        ([{}], r"moments\[0\] is dict without anything"),
        ([{"state": {}, "param_groups": []}], "the optimizer has made no step"),
        (changed("shape"), r"shape \(2, 3\) for '0.weight', which is \(4, 12\)"),
        (changed("negative"), "negative exp_avg_sq for '0.weight'"),
        (changed("infinite"), "exp_avg for '2.weight' that is not finite"),
        (changed("lacking"), "lacks the trained parameter '0.bias'"),
        (changed("strange"), "knows 'other', which the network has not"),
        (changed("sgd"), "not that of torch.optim.Adam or AdamW"),
        (changed("amsgrad"), "not that of torch.optim.Adam or AdamW"),
        (ordered(param_groups=[{"params": [0, 1]}]), "is of 2 parameters, and the network trains 3"),
        (
            ordered(param_groups=[{"params": [0], "eps": 1e-8}, {"params": [1, 2], "eps": 1e-6}]),
            "groups of different betas or eps",
        ),
        (ordered(param_groups=[{"params": [2, 1, 0]}]), "in the order of module.named_parameters"),
    ],
)
def test_refuses_moments(moments, words):
    """A state that does not fit the network is refused, by its number, its fault and what to pass."""
    with pytest.raises(AssayError, match=words):
        TorchGradients(network()[0], moments=moments)


def test_states_that_training_overwrote_are_refused():
    """Live states, kept twice without a copy, are the same tensors: refused, where copies are not."""
    module, x = network()
    optimizer, states, live = torch.optim.Adam(module.parameters()), [], []
    for _ in range(2):
        nn.functional.cross_entropy(module(x), LABELS).backward()
        optimizer.step()
        states.append(deepcopy(module.state_dict()))
        live.append(optimizer.state_dict())
    with pytest.raises(AssayError, match=r"moments\[0\] and \[1\] are the same tensors"):
        TorchGradients(module, checkpoints=states, moments=live)
    with pytest.raises(AssayError, match=r"checkpoints\[0\] and \[1\] are the same tensors"):
        TorchGradients(module, checkpoints=[module.state_dict()] * 2)


def test_a_checkpoint_of_a_part_leaves_the_rest():
    """What a state lacks is as in the module, shared and not copied; gradients are the whole state's."""
    module, x = network()
    whole = deepcopy(module.state_dict())
    whole["2.weight"] += 1.0
    states = [{"2.weight": whole["2.weight"]}, whole]
    part, full = TorchGradients(module, checkpoints=states).checkpoints
    np.testing.assert_array_equal(part.rows((x, LABELS)).dense(), full.rows((x, LABELS)).dense())
    source = TorchGradients(module, checkpoints=states)
    for then in source.checkpoints:
        shared = [then.module.get_parameter(n) is p for n, p in source.module.named_parameters()]
        assert shared == [True, True, False]
        assert not torch.equal(then.module[2].weight, source.module[2].weight)


def test_checkpoints_alive_at_once_do_not_disturb_each_other():
    """Checkpoints taken together have the gradients that they have one after another."""
    module, x = network("image")
    states = [{"1.weight": torch.full((2, 1, 2, 2), v, dtype=torch.float64)} for v in (0.1, 0.2, 0.3)]
    gradients = TorchGradients(module, checkpoints=states)
    before = gradients.rows((x, LABELS)).dense()
    one_by_one = [now.rows((x, LABELS)).dense() for now in gradients.checkpoints]
    together = list(gradients.checkpoints)
    for now, truth in reversed(list(zip(together, one_by_one, strict=True))):
        np.testing.assert_array_equal(now.rows((x, LABELS)).dense(), truth)
    np.testing.assert_array_equal(gradients.rows((x, LABELS)).dense(), before)
    assert not np.allclose(one_by_one[0], one_by_one[1])


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({}, r"checkpoints\[0\] is dict without keys"),
        (3, r"checkpoints\[0\] is int"),
        ({"2.weights": torch.zeros(3, 4)}, "has '2.weights', and 0 more, which the network has not"),
        ({"2.weight": torch.zeros(4, 4)}, "does not fit the network"),
    ],
)
def test_refuses_checkpoints(state, words):
    """States of other networks are refused when their turn comes."""
    with pytest.raises(AssayError, match=words):
        next(TorchGradients(network()[0], checkpoints=[state]).checkpoints)


def test_batch_is_how_many_rows_pass_at_once():
    """The network sees at most `batch` rows at a time, and gradients are the same."""
    module, x = network()
    seen = []

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, x):
            seen.append(len(x))
            return self.inner(x)

    found = TorchGradients(Watched(), batch=4)
    found.check((x, LABELS))
    found.rows((x, LABELS))
    assert max(seen) == 4
    truth = TorchGradients(module).rows((x, LABELS)).dense()
    np.testing.assert_allclose(found.rows((x, LABELS)).dense(), truth, rtol=1e-12, atol=1e-15)
    for batch in (0, 1.5, True):
        with pytest.raises(AssayError, match=r"TorchGradients\.batch is"):
            TorchGradients(module, batch=batch)
