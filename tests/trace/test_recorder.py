"""The recorder keeps what a plain loop showed, and does not touch the loop."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, log_softmax

from assay import AssayError, Recorder, Trace
from assay._trace._measures import of_logits, of_one_logit

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)


def by_hand(logits, labels):
    """Losses, margins, probabilities and errors (b,), in float64, from log-softmax."""
    logs = log_softmax(np.asarray(logits, float), axis=1)
    rows = np.arange(len(labels))
    others = np.array(logits, float)
    others[rows, labels] = -np.inf
    p = np.exp(logs)
    indicator = np.eye(p.shape[1])[labels]
    margin = np.asarray(logits, float)[rows, labels] - others.max(axis=1)
    return -logs[rows, labels], margin, p[rows, labels], np.linalg.norm(p - indicator, axis=1)


def check(trace: Trace, epoch: int, expected, rtol=1e-5, atol=1e-6):
    """The line of an epoch is as expected."""
    for name, truth in zip(("losses", "margins", "probabilities", "errors"), expected, strict=True):
        np.testing.assert_allclose(getattr(trace, name)[epoch], truth, rtol=rtol, atol=atol, err_msg=name)


@pytest.mark.parametrize("kind", ["numpy", "torch", "float64", "bfloat16", "half"])
@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_recorded_values_are_those_of_log_softmax(kind, classes):
    """Every measure is that of the logits by hand, for arrays and tensors of any precision."""
    logits = 3 * RNG.normal(size=(50, classes)).astype(np.float32)
    labels = RNG.integers(classes, size=50)
    types = {"torch": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16, "half": torch.half}
    given = logits if kind == "numpy" else torch.tensor(logits).to(types[kind])
    seen = logits if kind == "numpy" else given.double().numpy()
    recorder = Recorder(np.arange(50))
    recorder(np.arange(50), given, labels if kind == "numpy" else torch.tensor(labels), epoch=0)
    check(recorder.trace(), 0, by_hand(seen, labels))


def test_sharp_outputs_keep_their_digits():
    """A sure right row has a loss and an error of exp(-margin), not 0; a sure wrong one its margin."""
    logits = np.array([[20.0, 0.0], [0.0, 40.0], [-300.0, 300.0]], np.float32)
    recorder = Recorder([0, 1, 2])
    recorder([0, 1, 2], logits, np.array([0, 1, 0]), epoch=0)
    trace = recorder.trace()
    np.testing.assert_allclose(trace.losses[0], [np.exp(-20), np.exp(-40), 600], rtol=1e-5)
    np.testing.assert_allclose(
        trace.errors[0], np.sqrt(2) * np.array([np.exp(-20), np.exp(-40), 1]), rtol=1e-5
    )
    np.testing.assert_allclose(trace.margins[0], [20, 40, -600])


def test_ties_are_not_right():
    """A row whose label ties with another class has a margin of 0, which is not above 0."""
    recorder = Recorder([0])
    recorder([0], np.zeros((1, 3)), [1], epoch=0)
    assert recorder.trace().margins[0, 0] == 0


def test_one_logit_is_two_classes():
    """One logit z is the two logits (0, z)."""
    logit = 4 * RNG.normal(size=20)
    labels = RNG.integers(2, size=20)
    one, two = Recorder(np.arange(20), loss="binary"), Recorder(np.arange(20))
    one(np.arange(20), torch.tensor(logit)[:, None], torch.tensor(labels).float()[:, None], epoch=0)
    two(np.arange(20), np.stack([np.zeros(20), logit], axis=1), labels, epoch=0)
    check(one.trace(), 0, [getattr(two.trace(), name)[0] for name in KINDS])
    np.testing.assert_allclose(
        one.trace().probabilities[0], expit(np.where(labels, logit, -logit)), rtol=1e-5
    )


KINDS = ("losses", "margins", "probabilities", "errors")


def test_squared_errors_of_numbers():
    """Numbers have the squared error summed over outputs, its root, and neither margin nor probability."""
    outputs, targets = RNG.normal(size=(2, 8, 3))
    recorder = Recorder(np.arange(8), loss="squared")
    recorder(np.arange(8), outputs, targets, epoch=0)
    squares = ((outputs - targets) ** 2).sum(axis=1)
    nothing = np.full(8, np.nan)
    check(recorder.trace(), 0, [squares, nothing, nothing, np.sqrt(squares)])


def test_sequences_are_means_of_their_tokens():
    """A row of tokens has the means over targets other than -100, and exp(-loss); without any it is nan."""
    logits = RNG.normal(size=(3, 5, 7)).astype(np.float32)
    labels = RNG.integers(7, size=(3, 5))
    labels[0, 2:] = -100
    labels[2] = -100
    recorder = Recorder(["a", "b", "c"])
    recorder(["a", "b", "c"], torch.tensor(logits), torch.tensor(labels), epoch=0)
    expected = np.full((4, 3), np.nan)
    for i in (0, 1):
        told = labels[i] != -100
        found = np.array(by_hand(logits[i][told], labels[i][told])).mean(axis=1)
        expected[:, i] = found
        expected[2, i] = np.exp(-found[0])
    check(recorder.trace(), 0, expected)


def test_rows_are_joined_by_id_whatever_the_loader_does():
    """Shuffled, dropped and repeated rows: each has the mean of what was seen of it, nan if it was not."""
    ids = np.array([f"row {i}" for i in range(30)])
    table, labels = RNG.normal(size=(30, 4)), RNG.integers(4, size=30)
    recorder, sums, counts = Recorder(ids), np.zeros((3, 30)), np.zeros((3, 30))
    for epoch in range(3):
        for _ in range(4):
            rows = RNG.integers(25, size=7)  # some twice, some never
            logits = table[rows] + RNG.normal(size=(7, 4))  # augmented
            recorder(ids[rows], logits, labels[rows], epoch=epoch)
            np.add.at(sums[epoch], rows, by_hand(logits, labels[rows])[0])
            np.add.at(counts[epoch], rows, 1)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(recorder.trace().losses, sums / counts, rtol=1e-5)
    assert np.isnan(recorder.trace().losses[:, 25:]).all()


def test_loaders_of_torch_may_do_what_they_like():
    """With replacement, shuffled, in halves that are dropped: each row has its own logits, by its own key."""
    table, labels = torch.randn(40, 3), torch.randint(3, (40,))
    ids = [f"row {i}" for i in range(40)]
    rows = torch.utils.data.StackDataset(torch.utils.data.TensorDataset(table, labels), ids)
    sampler = torch.utils.data.WeightedRandomSampler([1.0] * 30 + [0.0] * 10, 33)
    recorder = Recorder(ids)
    for (logits, given), keys in torch.utils.data.DataLoader(
        rows, batch_size=8, sampler=sampler, drop_last=True
    ):
        recorder(keys, logits, given, epoch=0)
    found = recorder.trace()
    some = ~np.isnan(found.losses[0])
    assert 0 < some.sum() < 30
    truth = by_hand(table.numpy(), labels.numpy())
    np.testing.assert_allclose(found.losses[0, some], truth[0][some], rtol=1e-5)


def test_torch_and_numpy_read_alike():
    """The functions that read tensors where they lie give what numpy gives."""
    logits, codes = torch.randn(30, 5) * 4, torch.randint(5, (30,))
    wide = torch.randn(30, 90) * 4
    for work, given in ((of_logits, logits), (of_logits, wide), (of_one_logit, logits[:, 0])):
        one, two = work(torch, given, codes), work(np, given.numpy(), codes.numpy())
        np.testing.assert_allclose(one.numpy(), two, rtol=1e-5, atol=1e-6)


def test_what_comes_after_the_call_does_not_matter():
    """Logits, labels and keys that are changed in place later were copied."""
    ids, logits, labels = np.array([0, 1]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    recorder = Recorder([0, 1])
    recorder([0, 1], logits, labels, epoch=0)  # the first batch is read at once
    recorder(ids, logits, labels, epoch=0)
    ids[:] = 7
    logits.fill_(50)
    labels.fill_(0)
    np.testing.assert_allclose(recorder.trace().margins[0], [1, 1])


def test_blocks_change_nothing(monkeypatch):
    """Read batch by batch or by the block, the bits are the same."""
    logits, labels = RNG.normal(size=(100, 5)).astype(np.float32), RNG.integers(5, size=100)

    def run() -> Trace:
        with Recorder(np.arange(100)) as recorder:
            for at in range(0, 100, 7):
                rows = np.arange(at, min(at + 7, 100))
                recorder(rows, logits[rows], labels[rows], epoch=1)
        return recorder.trace()

    whole = run()
    monkeypatch.setattr("assay._trace.recorder.BLOCK", 1)
    for name in KINDS:
        assert getattr(whole, name).tobytes() == getattr(run(), name).tobytes()


def test_classes_name_the_outputs():
    """Labels are joined to outputs by the classes given, in whatever order they are."""
    logits = RNG.normal(size=(6, 3))
    labels = np.array(["b", "c", "a", "a", "b", "c"])
    recorder = Recorder(np.arange(6), classes=["c", "a", "b"])
    recorder(np.arange(6), logits, labels, epoch=0)
    check(recorder.trace(), 0, by_hand(logits, [2, 0, 1, 1, 2, 0]))


def trained(recorder=None, **how):
    """The weights of a small network with dropout and Adam after 3 epochs, and the random state."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(5, 16), torch.nn.ReLU(), torch.nn.Dropout(0.3), torch.nn.Linear(16, 3)
    )
    X, y = torch.randn(60, 5), torch.randint(3, (60,))
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    made = recorder(network) if recorder else None
    for epoch in range(3):
        for rows in torch.randperm(60).split(16):
            optimizer.zero_grad()
            logits = network(X[rows])
            if made:
                made(rows, logits, y[rows], epoch=epoch)
            torch.nn.functional.cross_entropy(logits, y[rows]).backward()
            optimizer.step()
    weights = b"".join(p.detach().numpy().tobytes() for p in network.parameters())
    return weights + torch.random.get_rng_state().numpy().tobytes(), made


@pytest.mark.parametrize("how", [{}, {"norms": "last"}, {"norms": "all"}, {"hidden": "1", "norms": "last"}])
def test_recording_changes_no_bit_of_the_training(how, tmp_path):
    """Weights and random state after training are the same to the bit, recorder on or off."""
    off, _ = trained()
    on, recorder = trained(
        lambda net: Recorder(np.arange(60), tmp_path / "t", module=net if how else None, **how)
    )
    assert off == on
    assert recorder.trace().losses.shape == (3, 60)


def one(**how):
    """A recorder of three rows."""
    return Recorder([10, 20, 30], **how)


LOGITS = np.zeros((2, 3))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: Recorder([1, 1, 2]), "1 more than once"),
        (lambda: Recorder([0.5, 1.0]), "text or whole numbers"),
        (lambda: Recorder(np.zeros((2, 2), int)), "one key for each row"),
        (lambda: Recorder([]), "one key for each row"),
        (lambda: one(loss="hinge"), "choose cross_entropy"),
        (lambda: one(classes=["a", "a"]), "all different"),
        (lambda: one(classes=["a"], loss="squared"), "leave one of them out"),
        (lambda: one(norms="last"), "pass it"),
        (lambda: one(norms="some", module=torch.nn.Linear(1, 1)), "choose 'last'"),
        (lambda: one(norms="last", module=torch.nn.ReLU()), "no linear layer"),
        (lambda: one(hidden="nowhere", module=torch.nn.Linear(1, 1)), "named_modules"),
        (lambda: one()([10, 99], LOGITS, [0, 1], epoch=0), "the id 99"),
        (lambda: one()(["x", "y"], LOGITS, [0, 1], epoch=0), "the id 'x'"),
        (lambda: Recorder([*"abc"])([1, 2], LOGITS, [0, 1], epoch=0), "the id 1"),
        (lambda: Recorder([0, 1])([0, 2], LOGITS, [0, 1], epoch=0), "the id 2"),
        (lambda: Recorder([0, 1])([0, -1], LOGITS, [0, 1], epoch=0), "the id -1"),
        (lambda: one()([10], LOGITS, [0, 1], epoch=0), "ids of shape"),
        (lambda: one()([10, 20], LOGITS, [0, 1, 2], epoch=0), "shape"),
        (lambda: one()([10, 20], LOGITS, LOGITS, epoch=0), "shape"),
        (lambda: one()([10, 20], np.zeros(2), [0, 1], epoch=0), "loss='binary'"),
        (lambda: one(loss="binary")([10, 20], LOGITS, [0, 1], epoch=0), "one logit"),
        (lambda: one(loss="squared")([10, 20], LOGITS, [0, 1], epoch=0), "one shape"),
        (lambda: one(classes=[*"ab"])([10, 20], LOGITS, ["a", "b"], epoch=0), "shape"),
        (lambda: one(classes=[*"abc"])([10, 20], LOGITS, ["a", "d"], epoch=0), "the label 'd'"),
        (lambda: one(classes=[*"abc"])([10, 20], LOGITS, ["a", None], epoch=0), "kind of its classes"),
        (lambda: one()([10, 20], [["a", "b"], ["c", "d"]], [0, 1], epoch=0), "no number"),
        (lambda: one(loss="squared")([10, 20], [0.0, 1.0], ["a", "b"], epoch=0), "no number"),
        (lambda: one()([10, 20], LOGITS, [0, 3], epoch=0), "the label 3"),
        (lambda: one()([10, 20], LOGITS, [0, -1], epoch=0), "the label -1"),
        (lambda: one()([10, 20], LOGITS, [0, 0.5], epoch=0), "the label 0.5"),
        (lambda: one()([10, 20], LOGITS, ["a", "b"], epoch=0), "the label 'a'"),
        (lambda: one()([10, 20], [[0, 1], [np.nan, 0]], [0, 1], epoch=0), "row 20 whose loss is not finite"),
        (lambda: one()([10, 20], [[0, np.inf], [1, 0]], [0, 1], epoch=0), "row 10 whose loss is not finite"),
        (lambda: one()([10, 20], LOGITS, [0, 1], epoch=-1), "whole number"),
        (lambda: one()([10, 20], LOGITS, [0, 1], epoch=0.5), "whole number"),
        (lambda: one().trace(), "seen no batch"),
        (lambda: one().load_state_dict({}), "pass what state_dict"),
        (
            lambda: one().load_state_dict(Recorder([10, 20, 30], loss="squared").state_dict()),
            "by the loss 'squared'",
        ),
        (lambda: Recorder([1], loss="binary", classes=[*"abc"]), "'binary', which has two"),
        (lambda: one().load_state_dict(None), "pass what state_dict"),
        (lambda: one().load_state_dict(Recorder([1, 2, 3]).state_dict()), "other rows"),
    ],
)
def test_bad_input_is_named(call, told):
    """Each wrong setting, key, label, shape, number and epoch is refused with what is wrong."""
    with np.errstate(invalid="ignore"), pytest.raises(AssayError, match=told):
        call()


def test_epochs_only_grow():
    """An earlier epoch, or one that is closed, is refused; a later one closes the one before."""
    recorder = one()
    recorder([10, 20], LOGITS, [0, 1], epoch=3)
    with pytest.raises(AssayError, match="epoch 2 after epoch 3"):
        recorder([10, 20], LOGITS, [0, 1], epoch=2)
    recorder([30], LOGITS[:1], [0], epoch=5)
    assert recorder.trace().epochs == 2
    with pytest.raises(AssayError, match="epoch 5, which is closed"):
        recorder([10], LOGITS[:1], [0], epoch=5)


def test_an_error_in_the_loop_leaves_the_epoch_open():
    """An epoch that an error cut short is not kept."""
    recorder = one()

    def loop():
        with recorder:
            recorder([10, 20, 30], np.zeros((3, 3)), [0, 1, 1], epoch=0)
            recorder([10, 20], LOGITS, [0, 1], epoch=1)
            raise KeyError

    with pytest.raises(KeyError):
        loop()
    assert recorder._lines.epochs == [0]


def test_shapes_may_change_from_batch_to_batch():
    """(b, 1) and (b,) say the same of one logit, and logits may have other widths."""
    logits, y = np.array([0.5, -1.0, 2.0]), np.array([0, 1, 1])
    recorder = Recorder(np.arange(3), loss="binary")
    recorder([0], logits[:1, None], y[:1], epoch=0)
    recorder([1], logits[1:2], y[1:2], epoch=0)
    recorder([2], logits[2:, None], y[2:, None], epoch=0)
    truth = np.logaddexp(0, np.where(y, -logits, logits))
    np.testing.assert_allclose(recorder.trace().losses[0], truth, rtol=1e-6)
    recorder = Recorder(np.arange(2))
    recorder([0], np.zeros((1, 2)), [0], epoch=0)
    recorder([1], np.zeros((1, 3)), [0], epoch=0)
    np.testing.assert_allclose(recorder.trace().losses[0], np.log([2, 3]), rtol=1e-6)
