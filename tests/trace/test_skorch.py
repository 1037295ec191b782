"""What skorch trains is recorded from its own steps, to the same weights."""

from __future__ import annotations

import numpy as np
import pytest

from assay import AssayError, Data, Recorder, follow

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5)).astype(np.float32)
CODES = RNG.integers(3, size=40)


class Chances(torch.nn.Module):
    """A network with dropout that gives logits, or probabilities."""

    def __init__(self, outputs=3, softmax=False, dropout=0.2):
        super().__init__()
        self.layer, self.dropout, self.softmax = (
            torch.nn.Linear(5, outputs),
            torch.nn.Dropout(dropout),
            softmax,
        )

    def forward(self, x):
        """One row a line."""
        logits = self.layer(self.dropout(x))
        return torch.softmax(logits, dim=1) if self.softmax else logits


def trained(recorder=None, y=CODES, kind=skorch.NeuralNetClassifier, **how):
    """The net after training, and its weights with the random state."""
    torch.manual_seed(0)
    settings = {"criterion": torch.nn.CrossEntropyLoss, "max_epochs": 3, "lr": 0.1, "batch_size": 16}
    callbacks = [] if recorder is None else [recorder.skorch()]
    net = kind(Chances, iterator_train__shuffle=True, verbose=0, callbacks=callbacks, **(settings | how)).fit(
        X, y
    )
    parts = [p.detach().numpy() for p in net.module_.parameters()] + [torch.random.get_rng_state().numpy()]
    return net, b"".join(part.tobytes() for part in parts)


def test_recording_changes_no_bit():
    """Weights and random state are the same to the bit; rows that skorch holds out were not seen."""
    recorder = Recorder(np.arange(40))
    assert trained()[1] == trained(recorder)[1]
    trace = recorder.trace()
    assert trace.epochs == 3
    assert (np.isnan(trace.losses).sum(axis=1) == 8).all()


@pytest.mark.parametrize(
    ("how", "loss", "y"),
    [
        ({}, "cross_entropy", CODES),
        ({"module__softmax": True, "criterion": torch.nn.NLLLoss}, "cross_entropy", CODES),
        (
            {
                "module__outputs": 1,
                "criterion": torch.nn.BCEWithLogitsLoss,
                "kind": skorch.NeuralNetBinaryClassifier,
            },
            "binary",
            (CODES > 0).astype(np.float32),
        ),
        (
            {"module__outputs": 1, "criterion": torch.nn.MSELoss, "kind": skorch.NeuralNetRegressor},
            "squared",
            X[:, :1],
        ),
    ],
)
def test_values_are_those_of_the_net(how, loss, y):
    """At a learning rate of 0 and without dropout, each row has the net's own loss, by its own key."""
    ids = np.array([f"row {i}" for i in RNG.permutation(40)])
    recorder = Recorder(ids, loss=loss)
    if loss == "binary":
        how = how | {"module__outputs": 1}
    net, _ = trained(recorder, y, lr=0.0, module__dropout=0.0, **how)
    with torch.no_grad():
        said = net.module_.eval()(torch.tensor(X))
    target = torch.tensor(y)
    if loss == "cross_entropy":
        logs = torch.log(said) if "criterion" in how else torch.log_softmax(said, dim=1)
        truth = -logs[torch.arange(40), target]
    elif loss == "binary":
        truth = torch.nn.functional.binary_cross_entropy_with_logits(said[:, 0], target, reduction="none")
    else:
        truth = (said - target)[:, 0] ** 2
    for epoch in range(3):
        found = recorder.trace().losses[epoch]
        some = ~np.isnan(found)  # the others are held out
        assert some.sum() == 32
        np.testing.assert_allclose(found[some], truth.numpy()[some], rtol=1e-4, atol=1e-6)


def test_training_on_continues_the_trace():
    """partial_fit goes on with the next epochs."""
    recorder = Recorder(np.arange(40))
    net, _ = trained(recorder)
    net.partial_fit(X, CODES)
    assert recorder.trace().epochs == 6


def test_the_net_is_left_as_it_was():
    """After training nothing of the recorder hangs on the net but its callback."""
    net, _ = trained(Recorder(np.arange(40)))
    assert "get_iterator" not in vars(net)


def test_too_few_ids_are_refused():
    """A table of more rows than ids is refused before the training."""
    with pytest.raises(AssayError, match="30 ids"):
        trained(Recorder(np.arange(30)))


def test_a_net_is_followed():
    """A copy of the net is trained with a recorder, the same for the same seed."""
    net = skorch.NeuralNetClassifier(
        Chances, criterion=torch.nn.CrossEntropyLoss, train_split=None, verbose=0, max_epochs=9
    )
    one, two = (follow(net, Data(X, CODES, ids=np.arange(40) + 7), epochs=2, seed=1) for _ in range(2))
    assert one.losses.shape == (2, 40)
    assert one.losses.tobytes() == two.losses.tobytes()
    assert not net.initialized_
