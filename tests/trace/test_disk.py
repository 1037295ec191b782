"""What lies on disk: float16, continued, whole after a kill."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from assay import AssayError, Recorder, Trace

RNG = np.random.default_rng(0)
NAMES = [field.name for field in fields(Trace) if field.name != "ids"]
CHILD = Path(__file__).with_name("_killed_child.py")


def record(recorder: Recorder, epochs, seed: int = 0) -> None:
    """Record all rows, the same in the same epoch."""
    n = len(recorder.ids)
    for epoch in epochs:
        rng = np.random.default_rng([seed, epoch])
        recorder(recorder.ids, 5 * rng.normal(size=(n, 4)), rng.integers(4, size=n), epoch=epoch)


def same(one: Trace, two: Trace) -> bool:
    """Whether two traces are the same to the bit."""
    pairs = [(getattr(one, name), getattr(two, name)) for name in NAMES]
    return np.array_equal(one.ids, two.ids) and all(
        a is None if b is None else a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs
    )


def test_float16_is_near(tmp_path):
    """On disk numbers are within half a unit of the last place, nan stays nan; maps are read only."""
    memory, disk = Recorder(np.arange(500)), Recorder(np.arange(500), tmp_path)
    for recorder in (memory, disk):
        record(recorder, range(3))
        recorder([3], np.ones((1, 4)), [0], epoch=3)
    whole, half = memory.trace(), disk.trace()
    for name in ("losses", "margins", "probabilities", "errors"):
        a, b = getattr(whole, name).astype(float), getattr(half, name)
        assert b.dtype == np.float16
        assert not b.flags.writeable
        np.testing.assert_allclose(b.astype(float), a, rtol=2.0**-11, atol=2.0**-25)
    assert np.isnan(half.losses[3]).sum() == 499
    assert same(Trace.load(tmp_path), half)


def test_a_margin_keeps_its_sign(tmp_path):
    """A margin too small for float16 is not 0, one too large is 65,504, and a tie stays 0."""
    margins = np.array([[1e-12, -1e-12, 0.0, 1e6, -1e9, np.nan]], np.float32)
    Trace(np.arange(6), margins, margins, margins, margins).save(tmp_path / "new")
    found = Trace.load(tmp_path / "new")
    np.testing.assert_array_equal(np.sign(found.margins), np.sign(margins))
    np.testing.assert_array_equal(found.margins[0, 3:5], [65504, -65504])
    np.testing.assert_array_equal(found.losses[0, :3], [0, 0, 0])


def test_save_and_load_keep_everything(tmp_path):
    """Norms, hidden states and keys that are text come back."""
    parts = {name: RNG.normal(size=(2, 3)).astype(np.float16) for name in NAMES}
    parts["hidden"] = RNG.normal(size=(2, 3, 5)).astype(np.float16)
    trace = Trace(np.array(["a", "bb", "c"]), **parts)
    trace.save(tmp_path / "new")
    assert same(Trace.load(tmp_path / "new"), trace)
    with pytest.raises(AssayError, match="give a new one"):
        trace.save(tmp_path / "new")


def test_eight_bytes_a_row_and_epoch(tmp_path):
    """A row and epoch takes 8 bytes: a million rows by fifty epochs take 0.4 GB."""
    recorder = Recorder(np.arange(1000), tmp_path)
    record(recorder, range(4))
    recorder.close()
    assert (tmp_path / "epochs.f16").stat().st_size == 8 * 4 * 1000


def test_a_folder_is_continued(tmp_path):
    """Another recorder on the folder goes on; what both recorded is what one would have."""
    record(whole := Recorder(np.arange(20), tmp_path / "whole"), range(6))
    record(first := Recorder(np.arange(20), tmp_path / "parts"), range(3))
    first.close()
    record(second := Recorder(np.arange(20), tmp_path / "parts"), range(3, 6))
    assert same(whole.trace(), second.trace())


def test_an_epoch_again_replaces_it_and_what_followed(tmp_path):
    """Going on from an earlier checkpoint drops the epochs after it."""
    record(first := Recorder(np.arange(20), tmp_path), range(5), seed=1)
    first.close()
    record(second := Recorder(np.arange(20), tmp_path), range(2, 4), seed=2)
    found = second.trace()
    record(one := Recorder(np.arange(20), tmp_path / "one"), range(2), seed=1)
    record(one, range(2, 4), seed=2)
    assert same(found, one.trace())


def test_opening_drops_nothing(tmp_path):
    """A recorder that is made and not called leaves the folder as it is."""
    record(first := Recorder(np.arange(20), tmp_path), range(2))
    first.close()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    Recorder(np.arange(20), tmp_path).close()
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


@pytest.mark.parametrize("folder", [True, False])
def test_state_goes_on_in_the_middle_of_an_epoch(folder, tmp_path):
    """A recorder given the state of another goes on to the same bits, in memory and on disk."""
    logits, labels = RNG.normal(size=(4, 20, 3)).astype(np.float32), RNG.integers(3, size=20)

    def steps(recorder, first, end):
        for step in range(first, end):
            rows = np.arange(20)[step % 2 :: 2]
            recorder(rows, logits[step // 2][rows], labels[rows], epoch=step // 2)

    whole = Recorder(np.arange(20), tmp_path / "whole" if folder else None)
    steps(whole, 0, 8)
    first = Recorder(np.arange(20), tmp_path / "parts" if folder else None)
    steps(first, 0, 3)
    state = first.state_dict()
    steps(first, 3, 7)  # lost with the run
    second = Recorder(np.arange(20), tmp_path / "parts" if folder else None)
    second.load_state_dict(state)
    steps(second, 3, 8)
    assert same(whole.trace(), second.trace())


def test_state_passes_through_a_checkpoint_of_torch(tmp_path):
    """What torch saves and loads, with weights only, is the recorder's state."""
    torch = pytest.importorskip("torch")
    record(first := Recorder(np.arange(20)), range(2))
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second = Recorder(np.arange(20))
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert same(first.trace(), second.trace())


def test_state_without_its_folder_is_refused(tmp_path):
    """The state of a recorder with a folder needs the folder's epochs."""
    record(first := Recorder(np.arange(20), tmp_path / "a"), range(3))
    with pytest.raises(AssayError, match="not in its folder"):
        Recorder(np.arange(20), tmp_path / "b").load_state_dict(first.state_dict())


def test_a_killed_run_resumes_to_the_same_bits(tmp_path):
    """Killed in the middle of an epoch, resumed from a checkpoint two epochs before: the same trace."""

    def run(name: str, kill: int) -> int:
        (tmp_path / name).mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, CHILD, tmp_path / name, "6", str(kill)], check=False
        ).returncode

    assert run("whole", -1) == 0
    assert run("killed", 4) == -9
    torn = Trace.load(tmp_path / "killed" / "trace")
    whole = Trace.load(tmp_path / "whole" / "trace")
    assert torn.epochs == 4
    assert torn.losses.tobytes() == whole.losses[:4].tobytes()
    assert run("killed", -1) == 0
    assert same(Trace.load(tmp_path / "killed" / "trace"), whole)


@pytest.mark.parametrize("harm", ["short", "changed"])
def test_torn_blocks_are_dropped(harm, tmp_path):
    """Blocks that a power cut lost, at the end, are dropped; those before are kept."""
    record(first := Recorder(np.arange(20), tmp_path), range(3))
    before = {name: np.array(getattr(first.trace(), name)) for name in ("losses", "errors")}
    blocks = bytearray((tmp_path / "epochs.f16").read_bytes())
    if harm == "short":
        del blocks[-5:]
    else:
        blocks[-7] ^= 1
    (tmp_path / "epochs.f16").write_bytes(blocks)
    found = Trace.load(tmp_path)
    assert found.epochs == 2
    for name, part in before.items():
        assert getattr(found, name).tobytes() == part[:2].tobytes()
    record(again := Recorder(np.arange(20), tmp_path), [2])
    np.testing.assert_array_equal(again.trace().losses, before["losses"])


def test_folders_that_do_not_fit_are_refused(tmp_path):
    """Other rows, other files, nothing, other settings, another format: each is named."""
    record(first := Recorder(np.arange(20), tmp_path / "a"), range(2))
    first.close()
    for ids in (np.arange(21), np.arange(20)[::-1], [f"{i}" for i in range(20)]):
        with pytest.raises(AssayError, match="20 other rows"):
            Recorder(ids, tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "notes.txt").write_text("mine")
    for work in (lambda: Recorder([1], tmp_path / "b"), lambda: Trace.load(tmp_path / "none")):
        with pytest.raises(AssayError, match="holds no trace"):
            work()
    Recorder([1], tmp_path / "c")
    with pytest.raises(AssayError, match="without any epoch"):
        Trace.load(tmp_path / "c")
    meta = json.loads((tmp_path / "a" / "meta.json").read_text())
    (tmp_path / "a" / "meta.json").write_text(json.dumps(meta | {"format": 99}))
    with pytest.raises(AssayError, match="cannot read"):
        Trace.load(tmp_path / "a")
    (tmp_path / "a" / "meta.json").write_text("{")
    with pytest.raises(AssayError, match="cannot read"):
        Recorder(np.arange(20), tmp_path / "a")


def test_other_measures_are_refused(tmp_path):
    """A folder is not continued with norms it has not, or of another kind, or with wider hidden states."""
    torch = pytest.importorskip("torch")
    record(first := Recorder(np.arange(20), tmp_path / "plain"), range(2))
    first.close()
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 4))
    for norms in ("last", "all"):
        with pytest.raises(AssayError, match="same settings"):
            Recorder(np.arange(20), tmp_path / "plain", module=net, norms=norms)
    Recorder(np.arange(20), tmp_path / "last", module=net, norms="last")
    with pytest.raises(
        AssayError, match=r"norms='last', and the recorder is for .* norms='all'; give it the same"
    ):
        Recorder(np.arange(20), tmp_path / "last", module=net, norms="all")
    with Recorder(np.arange(20), tmp_path / "hidden", module=net, hidden="0") as recorder:
        recorder(np.arange(20), net(torch.randn(20, 4)), np.zeros(20, int), epoch=0)
    net[0], net[1] = torch.nn.Linear(4, 6), torch.nn.Linear(6, 4)
    wider = Recorder(np.arange(20), tmp_path / "hidden", module=net, hidden="0")
    wider(np.arange(20), net(torch.randn(20, 4)), np.zeros(20, int), epoch=1)
    with pytest.raises(AssayError, match="of these widths"):
        wider.close()


def test_nothing_is_dropped_before_another_epoch_is_whole(tmp_path):
    """A new run on a folder replaces what it held when its first epoch closes, not by a batch that fails."""
    record(first := Recorder(np.arange(20), tmp_path), range(3))
    held = first.trace()
    losses = np.array(held.losses)
    second = Recorder(np.arange(20), tmp_path)
    with pytest.raises(AssayError, match="outputs of shape"):
        second(np.arange(20), np.zeros((20, 4, 2)), np.zeros(20, int), epoch=0)
    second(np.arange(20), np.ones((20, 4)), np.zeros(20, int), epoch=0)
    assert second.state_dict()["epochs"] == []
    assert Trace.load(tmp_path).epochs == 3
    assert second.trace().losses.tolist() == [[np.float16(np.log(4)).item()] * 20]
    np.testing.assert_array_equal(held.losses, losses)  # whoever had read them keeps them


def test_a_state_that_does_not_fit_drops_nothing(tmp_path):
    """A recorder in memory that is given the state of one with a folder keeps what it had."""
    record(disk := Recorder(np.arange(20), tmp_path), range(2))
    disk.close()
    record(memory := Recorder(np.arange(20)), range(3))
    with pytest.raises(AssayError, match="give Recorder the folder"):
        memory.load_state_dict(disk.state_dict() | {"epochs": [0, 9]})
    assert memory.trace().epochs == 3


def test_a_recorder_does_not_write_over_another(tmp_path):
    """A recorder that is older than what a folder holds neither writes nor reads it; states go by the run."""
    record(old := Recorder(np.arange(20), tmp_path), range(3))
    state = old.state_dict()
    with Recorder(np.arange(20), tmp_path) as new:
        for epoch in range(5):
            new(np.arange(20), np.full((20, 4), 1.0), np.zeros(20, int), epoch=epoch)
    with pytest.raises(AssayError, match="Another recorder has written"):
        old.trace()
    assert Trace.load(tmp_path).epochs == 5
    with pytest.raises(AssayError, match="they are not in its folder"):
        Recorder(np.arange(20), tmp_path).load_state_dict(state)
    assert Trace.load(tmp_path).epochs == 5


def test_keys_of_text_from_pandas(tmp_path):
    """Keys of type object are text in the trace, and come back from disk."""
    keys, part = np.array(["a", "bb"], dtype=object), np.ones((1, 2))
    Trace(keys, part, part, part, part).save(tmp_path)
    assert Trace.load(tmp_path).ids.tolist() == ["a", "bb"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    """A folder below a file is refused, and so is a trace whose keys are broken."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(AssayError, match="cannot be written"):
        Recorder([1], tmp_path / "file" / "below")
    Recorder([1], tmp_path / "a")
    (tmp_path / "a" / "ids.npy").write_bytes(b"12")
    with pytest.raises(AssayError, match=r"broken file ids\.npy"):
        Recorder([1], tmp_path / "a")


def test_folder_of_another_loss_is_refused(tmp_path):
    """Epochs by one loss, or of other classes, are not continued by another."""
    with Recorder([1, 2], tmp_path / "t") as recorder:
        recorder([1, 2], np.eye(2), [0, 1], epoch=0)
    for how in ({"loss": "squared"}, {"classes": ["a", "b"]}):
        with pytest.raises(AssayError, match="same settings"):
            Recorder([1, 2], tmp_path / "t", **how)
    with Recorder([1, 2], tmp_path / "t") as recorder:
        recorder([1, 2], np.eye(2), [0, 1], epoch=1)
    assert recorder.trace().epochs == 2
