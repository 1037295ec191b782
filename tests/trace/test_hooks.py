"""Norms of gradients and hidden states are those of autograd and of the module."""

from __future__ import annotations

import numpy as np
import pytest

from assay import AssayError, Recorder

torch = pytest.importorskip("torch")
from torch.nn import functional  # noqa: E402


def network(outputs: int = 3, bias: bool = True):
    """A small network."""
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, outputs, bias=bias))


LOSSES = {
    "cross_entropy": lambda f, y: functional.cross_entropy(f, y, reduction="sum"),
    "binary": lambda f, y: functional.binary_cross_entropy_with_logits(
        f.flatten(), y.float().flatten(), reduction="sum"
    ),
    "squared": lambda f, y: ((f - y) ** 2).sum(),
}


@pytest.mark.parametrize("norms", ["last", "all"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("bias", [True, False])
def test_norms_are_those_of_autograd(norms, loss, bias):
    """The norm of each row is the length of autograd's gradient, by the last layer or by all parameters."""
    net = network(3 if loss == "cross_entropy" else 1, bias)
    X = torch.randn(8, 4)
    y = torch.randint(3, (8,)) if loss == "cross_entropy" else torch.randint(2, (8, 1)).float()
    recorder = Recorder(np.arange(8), module=net, norms=norms, loss=loss)
    recorder(np.arange(8), net(X), y, epoch=0)
    parameters = list((net[2] if norms == "last" else net).parameters())
    truth = []
    for i in range(8):
        slopes = torch.autograd.grad(LOSSES[loss](net(X[i : i + 1]), y[i : i + 1]), parameters)
        truth.append(float(torch.sqrt(sum((g**2).sum() for g in slopes))))
    np.testing.assert_allclose(recorder.trace().norms[0], truth, rtol=1e-4)


def test_an_evaluation_between_a_batch_and_its_call_is_not_taken_for_it():
    """States and norms are those of the training's pass, whatever passes in evaluation mode after it."""
    net, X, y = network(), torch.randn(8, 4), torch.randint(3, (8,))
    recorder = Recorder(np.arange(8), module=net, norms="all", hidden="1")
    for epoch, evaluated in enumerate((False, True)):
        logits = net.train()(X)
        if evaluated:
            net.eval()(torch.randn(8, 4))
        recorder(np.arange(8), logits, y, epoch=epoch)
    trace = recorder.trace()
    np.testing.assert_array_equal(trace.hidden[0], trace.hidden[1])
    np.testing.assert_array_equal(trace.norms[0], trace.norms[1])


def test_recording_in_evaluation_mode_after_a_training():
    """States are those of the batch, whatever was trained before without being recorded."""
    net, X, y = network(), torch.randn(8, 4), torch.randint(3, (8,))
    recorder = Recorder(np.arange(8), module=net, norms="all", hidden="1")
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for epoch in range(2):
        torch.nn.functional.cross_entropy(net.train()(torch.randn(8, 4)), y).backward()
        optimizer.step()
        recorder(np.arange(8), net.eval()(X), y, epoch=epoch)
        truth = net[1](net[0](X)).detach()
        np.testing.assert_allclose(recorder.state_dict()["hidden"], truth, rtol=1e-6)


def test_norms_follow_what_is_trained():
    """Norms by all parameters are by those that are trained at the time, as when layers are unfrozen."""
    net, X, y = network(), torch.randn(8, 4), torch.randint(3, (8,))
    net[0].requires_grad_(False)
    recorder = Recorder(np.arange(8), module=net, norms="all")
    recorder(np.arange(8), net(X), y, epoch=0)
    net[0].requires_grad_(True)
    recorder(np.arange(8), net(X), y, epoch=1)
    fresh = Recorder(np.arange(8), module=net, norms="all")
    fresh(np.arange(8), net(X), y, epoch=0)
    found = recorder.trace().norms
    np.testing.assert_allclose(found[1], fresh.trace().norms[0], rtol=1e-6)
    assert (found[1] > found[0]).all()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_norms_where_gradients_are_off(mode):
    """Norms by all parameters are the same where no graph is kept, and by labels that are floats."""
    net, X, y = network(), torch.randn(8, 4), torch.randint(3, (8,))
    found = []
    for how, labels in ((torch.enable_grad, y), (mode, y.double())):
        recorder = Recorder(np.arange(8), module=net, norms="all")
        with how():
            recorder(np.arange(8), net(X), labels, epoch=0)
        found.append(recorder.trace().norms)
    np.testing.assert_array_equal(*found)


class Two(torch.nn.Module):
    """Two inputs, one of them scaled."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.line = torch.nn.Linear(4, 3)

    def forward(self, first, second, scale=1.0):
        """Logits."""
        return self.line(first + scale * second)


def test_norms_of_several_inputs():
    """Several inputs are passed on as they came, all by name or none; anything else is refused."""
    net, a, b, y = Two(), torch.randn(8, 4), torch.randn(8, 4), torch.randint(3, (8,))
    recorder = Recorder(np.arange(8), module=net, norms="all")
    recorder(np.arange(8), net(a, b), y, epoch=0)
    recorder(np.arange(8), net(first=a, second=b), y, epoch=1)
    last = Recorder(np.arange(8), module=net, norms="last")
    last(np.arange(8), net(a, b), y, epoch=0)
    truth = last.trace().norms[0]
    np.testing.assert_allclose(recorder.trace().norms, [truth, truth], rtol=1e-5)
    for told, logits in (
        ("by name and others not", lambda: net(a, second=b)),
        ("other things than tensors", lambda: net(first=a, second=b, scale=2.0)),
    ):
        with pytest.raises(AssayError, match=told):
            Recorder(np.arange(8), module=net, norms="all")(np.arange(8), logits(), y, epoch=0)


def test_norms_of_tokens_are_refused():
    """Rows of tokens have no gradient norms by all parameters."""
    net, X = torch.nn.Linear(4, 3), torch.randn(2, 5, 4)
    recorder = Recorder([0, 1], module=net, norms="all")
    with pytest.raises(AssayError, match="logits are of tokens"):
        recorder([0, 1], net(X), torch.zeros(2, 5, dtype=torch.long), epoch=0)


def test_norms_of_named_classes():
    """Norms by all parameters know classes that are named."""
    net, X = network(), torch.randn(3, 4)
    named = Recorder(np.arange(3), module=net, norms="all", classes=[*"zxy"])
    named(np.arange(3), net(X), np.array([*"yzx"]), epoch=0)
    plain = Recorder(np.arange(3), module=net, norms="all")
    plain(np.arange(3), net(X), [2, 0, 1], epoch=0)
    np.testing.assert_allclose(named.trace().norms, plain.trace().norms)


def test_norms_follow_the_weights():
    """Norms by all parameters are those at the weights of the batch, which move; so are those of `last`."""
    net = network()
    X, y = torch.randn(8, 4), torch.randint(3, (8,))
    recorder = Recorder(np.arange(8), module=net, norms="all")
    for epoch in range(2):
        recorder(np.arange(8), net(X), y, epoch=epoch)
        with torch.no_grad():
            net[0].weight.mul_(3)
    fresh = Recorder(np.arange(8), module=net, norms="all")
    with torch.no_grad():
        net[0].weight.div_(3)
    fresh(np.arange(8), net(X), y, epoch=0)
    np.testing.assert_allclose(recorder.trace().norms[1], fresh.trace().norms[0], rtol=1e-4)


@pytest.mark.parametrize(
    ("layer", "shape", "pooled"),
    [
        (torch.nn.Identity(), (5, 7), lambda x: x),
        (torch.nn.Identity(), (5, 4, 7), lambda x: x.mean(axis=1)),
        (torch.nn.Identity(), (5, 7, 3, 3), lambda x: x.mean(axis=(2, 3))),
    ],
)
def test_hidden_states_are_pooled(layer, shape, pooled):
    """A hidden state is the module's output, averaged over positions, or over the pixels of channels."""
    net, X = torch.nn.Sequential(layer), torch.randn(*shape)
    recorder = Recorder(np.arange(5), module=net, hidden="0")
    net(X)
    recorder(np.arange(5), np.zeros((5, 2)), np.zeros(5, int), epoch=0)
    np.testing.assert_allclose(recorder.trace().hidden[0], pooled(X.numpy()), atol=1e-6)


def test_masked_positions_do_not_count():
    """Padding is left out of the mean over positions."""
    net, X = torch.nn.Sequential(torch.nn.Identity()), torch.randn(2, 3, 4)
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    recorder = Recorder([0, 1], module=net, hidden="0")
    net(X)
    recorder([0, 1], np.zeros((2, 2)), [0, 1], epoch=0, mask=mask)
    truth = [X[0, :2].mean(axis=0).numpy(), X[1].mean(axis=0).numpy()]
    np.testing.assert_allclose(recorder.trace().hidden[0], truth, atol=1e-6)


def test_wide_states_keep_their_distances():
    """1,000 numbers become 64, the same way each time, and distances between rows stay within 40%."""
    net, X = torch.nn.Sequential(torch.nn.Identity()), torch.randn(20, 1000)
    found = []
    for _ in range(2):
        recorder = Recorder(np.arange(20), module=net, hidden="0")
        net(X)
        recorder(np.arange(20), np.zeros((20, 2)), np.zeros(20, int), epoch=0)
        found.append(recorder.trace().hidden[0])
    assert found[0].shape == (20, 64)
    assert found[0].tobytes() == found[1].tobytes()
    pairs = np.triu_indices(20, 1)
    near = np.linalg.norm(found[0][pairs[0]] - found[0][pairs[1]], axis=1)
    far = np.linalg.norm((X[pairs[0]] - X[pairs[1]]).numpy(), axis=1)
    assert (abs(near / far - 1) < 0.4).all()


def refused(told: str, net, recorder, logits):
    """The call is refused."""
    with pytest.raises(AssayError, match=told):
        recorder(np.arange(8), logits, torch.zeros(8, dtype=torch.long), epoch=0)


def test_stale_passes_are_refused():
    """No pass, a pass of other logits, scaled logits (in place too), and weights that moved are found out."""
    net, X = network(), torch.randn(8, 4)
    for norms in ("last", "all"):
        recorder = Recorder(np.arange(8), module=net, norms=norms)
        refused("no batch has passed", net, recorder, torch.zeros(8, 3))
    recorder = Recorder(np.arange(8), module=net, norms="last")
    refused("not what the last linear layer gave", net, recorder, net(X) / 2)
    with torch.no_grad():
        refused("not what the last linear layer gave", net, recorder, net(X).div_(2))
    recorder = Recorder(np.arange(8), module=net, norms="all")
    logits = net(X)
    with torch.no_grad():
        net[0].weight.add_(1)
    refused("before optimizer.step", net, recorder, logits)
    recorder = Recorder(np.arange(8), module=net, hidden="1")
    net(X[:2])  # somebody looked at shapes before the loop
    recorder(np.arange(8), net(X), torch.zeros(8, dtype=torch.long), epoch=0)
    logits = net(X)
    net(X)
    refused("2 batches have passed", net, recorder, logits)
    net(X[:3])
    refused("one state a row", net, recorder, logits)
    for _ in range(3):  # batches that nobody records
        logits = net(X)
        with torch.no_grad():
            net[0].weight.add_(1)
    recorder(np.arange(8), logits, torch.zeros(8, dtype=torch.long), epoch=0)
    recorder = Recorder(np.arange(8), module=net, hidden="1")
    refused("no batch has passed", net, recorder, logits)


def test_the_network_is_left_without_hooks():
    """After `with` the network has no hook."""
    net, X = network(), torch.randn(8, 4)
    with Recorder(np.arange(8), module=net, hidden="1", norms="last") as recorder:
        recorder(np.arange(8), net(X), np.zeros(8, int), epoch=0)
    assert not any(part._forward_hooks for part in net.modules())
