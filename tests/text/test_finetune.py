"""Fine-tuning is AdamW on the low-rank weights, and nothing else."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
from tiny_text import ANSWERS, PROMPTS

from assay import AssayError
from assay.text import LoRA, answer_losses, finetune, token_rows, with_adapters

torch = pytest.importorskip("torch")
RECIPE = LoRA(rank=2, dropout=0.0, epochs=2, batch=4, rate=0.01, warmup=0.0, last=2)


@pytest.fixture
def rows(letters):
    """Six rows."""
    return token_rows(letters, PROMPTS, ANSWERS)


def bits(tuned):
    """Every number of the last checkpoint."""
    return [t.numpy().tobytes() for t in tuned.checkpoints[-1].values()]


def test_steps_are_those_of_a_plain_loop(tiny, rows):
    """Weights and Adam's moments equal those of peft, torch and transformers in a loop of one's own."""
    from peft import LoraConfig, get_peft_model

    tuned = finetune(tiny, rows, RECIPE, seed=3)
    config = LoraConfig(r=2, lora_alpha=16.0, target_modules=list(RECIPE.targets), layers_to_transform=[1, 2])
    whole = get_peft_model(deepcopy(tiny), config)
    ours = {name.replace("upper.layers.0", "layers.1").replace("upper.layers.1", "layers.2"): name
            for name in tuned.checkpoints[0]}  # fmt: skip
    theirs = {name: p for name, p in whole.named_parameters() if p.requires_grad}
    first = dict(with_adapters(tiny, RECIPE, 3).named_parameters())
    match = {short: next(n for n in theirs if n.endswith(short)) for short in ours}
    with torch.no_grad():
        for short, name in ours.items():
            theirs[match[short]].copy_(first[name])
    optimizer = torch.optim.AdamW([theirs[match[short]] for short in ours], lr=0.01, weight_decay=0.0)
    rates = RECIPE.rates(4)
    for epoch in range(2):
        order = np.random.default_rng([3, epoch]).permutation(6)
        for half, places in enumerate((order[:4], order[4:])):
            optimizer.param_groups[0]["lr"] = rates[2 * epoch + half]
            optimizer.zero_grad()
            loss = 0.0
            for row in rows.X[places]:
                tokens, labels = (torch.tensor(part).long()[None] for part in row.reshape(2, -1))
                size = int((tokens >= 0).sum())
                labels = torch.where(labels < 0, -100, labels)[:, :size]
                loss = loss + whole(input_ids=tokens[:, :size], labels=labels).loss / len(places)
            loss.backward()
            optimizer.step()
    for short, name in ours.items():
        weight = theirs[match[short]]
        torch.testing.assert_close(tuned.checkpoints[-1][name], weight.detach(), rtol=1e-4, atol=1e-5)
        kept, state = tuned.moments[-1][name], optimizer.state[weight]
        for moment in ("exp_avg", "exp_avg_sq"):
            torch.testing.assert_close(kept[moment], state[moment], rtol=1e-3, atol=1e-6)
        assert int(kept["step"]) == 4


def test_the_model_stays_as_it_was(tiny, rows):
    """The model given has the same weights afterwards, and an untuned network gives its own losses."""
    before = {name: t.clone() for name, t in tiny.state_dict().items()}
    finetune(tiny, rows, RECIPE)
    after = tiny.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    np.testing.assert_allclose(
        answer_losses(with_adapters(tiny, RECIPE), rows), answer_losses(tiny, rows), rtol=1e-5
    )


@pytest.mark.parametrize("last", [None, 1, 2, 3])
def test_blocks_below_change_nothing(tiny, rows, last):
    """What the frozen blocks make of a row is kept, and losses are the same wherever they end."""
    module = with_adapters(tiny, LoRA(rank=2, last=last))
    truth = answer_losses(tiny, rows)
    for _ in range(2):  # the second time from what was kept
        np.testing.assert_allclose(answer_losses(module, rows), truth, rtol=1e-5)


def test_tuning_learns_the_answers(tiny, rows):
    """Answers become likely: the first training loss is the model's own, the last one below a fifth of it."""
    tuned = finetune(tiny, rows, LoRA(rank=4, dropout=0.0, epochs=40, batch=6, rate=0.02))
    assert tuned.losses[0] == pytest.approx(answer_losses(tiny, rows).mean(), rel=1e-5)
    assert tuned.answer_losses(rows).mean() < 0.2 * tuned.losses[0]


def test_same_seed_same_bits(tiny, rows):
    """The same seed gives the same bits, dropout included, another one others; torch's own state stays."""
    recipe = LoRA(rank=2, dropout=0.3, epochs=2, batch=4)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = bits(finetune(tiny, rows, recipe, seed=1))
    assert torch.equal(torch.get_rng_state(), state)
    assert bits(finetune(tiny, rows, recipe, seed=1)) == first
    assert bits(finetune(tiny, rows, recipe, seed=2)) != first


@pytest.mark.parametrize("last", [None, 1, 2])
def test_resumes_to_the_same_bits(tiny, rows, tmp_path, last):
    """Broken off in the third epoch and called again, it ends with the bits of an unbroken run."""
    recipe = LoRA(rank=2, dropout=0.3, epochs=4, batch=4, rate=0.05, last=last)

    def broken(ids, odds, targets, epoch):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(tiny, rows, recipe, folder=tmp_path, recorder=broken)
    assert len(list(tmp_path.glob("epoch-*.pt"))) == 2
    seen = []
    resumed = finetune(
        tiny, rows, recipe, folder=tmp_path, recorder=lambda ids, odds, y, epoch: seen.append(epoch)
    )
    assert set(seen) == {2, 3}
    whole = finetune(tiny, rows, recipe)
    assert bits(resumed) == bits(whole)
    assert resumed.rates == whole.rates
    assert resumed.losses == whole.losses
    for given, made in zip(resumed.moments, whole.moments, strict=True):  # those of the epochs before, too
        for name, state in made.items():
            assert all(torch.equal(given[name][part], state[part]) for part in state)
    with pytest.raises(AssayError, match="another model, other rows"):
        finetune(tiny, rows, recipe, folder=tmp_path, seed=1)


def test_a_folder_goes_by_the_whole_model(tiny, rows, tmp_path):
    """A model that differs below the blocks that are tuned does not carry on with what another left."""
    finetune(tiny, rows, RECIPE, folder=tmp_path)
    other = deepcopy(tiny)
    with torch.no_grad():
        next(other.base_model.layers[0].parameters()).mul_(2)
    with pytest.raises(AssayError, match="another model, other rows"):
        finetune(other, rows, RECIPE, folder=tmp_path)


def test_recorder_changes_nothing(tiny, rows):
    """A trace of the tuning has each row's loss, and the weights are the same bits without it."""
    from assay import Recorder

    recorder = Recorder(rows.ids, loss="binary")
    recipe = LoRA(rank=2, dropout=0.0, epochs=3, batch=4)
    tuned = finetune(tiny, rows, recipe, recorder=recorder)
    assert bits(tuned) == bits(finetune(tiny, rows, recipe))
    trace = recorder.trace()
    np.testing.assert_allclose(trace.losses.astype(float).mean(axis=1), tuned.losses, rtol=2e-3)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"rank": 0}, "rank is 0"),
        ({"epochs": 1.5}, "epochs is 1.5"),
        ({"last": 0}, "last is 0"),
        ({"rate": 0.0}, "rate is 0.0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"warmup": 2}, "warmup is 2"),
        ({"targets": ()}, "targets is"),
        ({"alpha": "16"}, "alpha is '16'"),
    ],
)
def test_bad_recipes(how, told):
    """A setting out of range is refused by name."""
    with pytest.raises(AssayError, match=told):
        LoRA(**how)


def test_bad_calls(tiny, rows, tmp_path):
    """Other models, names of no module, and more blocks than there are, are refused."""
    with pytest.raises(AssayError, match="causal language model"):
        finetune(torch.nn.Linear(2, 2), rows)
    with pytest.raises(AssayError, match="cannot be updated"):
        finetune(tiny, rows, LoRA(targets=("nothing",)))
    with pytest.raises(AssayError, match=r"LoRA.last is 9, but the model has 3"):
        finetune(tiny, rows, LoRA(last=9))
    with pytest.raises(AssayError, match="seed is -1"):
        finetune(tiny, rows, seed=-1)
    with pytest.raises(AssayError, match="recipe is 3"):
        finetune(tiny, rows, 3)
    with pytest.raises(AssayError, match="recorder is 3"):
        finetune(tiny, rows, recorder=3)
    with pytest.raises(AssayError, match="no rows of tokens"):
        finetune(tiny, [[0, 1]])
    with pytest.raises(AssayError, match="weights are bfloat16"):
        finetune(deepcopy(tiny).bfloat16(), rows)
    (tmp_path / "file").touch()
    with pytest.raises(AssayError, match=r"cannot be made \(File exists\)"):
        finetune(tiny, rows, folder=tmp_path / "file")


def test_a_shared_network_gives_the_same_bits(tiny, rows):
    """What a network keeps of rows from another tuning, in other batches, changes no bit."""
    recipe = LoRA(rank=4, dropout=0.0, epochs=6, batch=3, rate=0.05, last=2)
    shared = with_adapters(tiny, recipe)
    finetune(shared, rows, recipe, seed=5)
    assert bits(finetune(shared, rows, recipe)) == bits(finetune(tiny, rows, recipe))


def test_gradient_checkpointing_does_not_count(tiny, rows):
    """A model that is set to recompute its blocks is tuned as without it."""
    other = deepcopy(tiny)
    other.gradient_checkpointing_enable()
    assert bits(finetune(other, rows, RECIPE)) == bits(finetune(tiny, rows, RECIPE))


def test_models_that_cannot_be_parted_or_have_adapters(tiny, rows, tmp_path):
    """Blocks that are elsewhere, adapters that are not merged, and a broken epoch are named."""
    import peft
    import transformers

    config = transformers.GPTNeoXConfig(
        vocab_size=31, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2
    )
    other = transformers.GPTNeoXForCausalLM(config)
    with pytest.raises(AssayError, match=r"not in `layers`, with `norm` behind them.*LoRA\(last=None\)"):
        finetune(other, rows, LoRA(last=1))
    adapted = peft.get_peft_model(deepcopy(tiny), peft.LoraConfig(target_modules=["q_proj"]))
    with pytest.raises(AssayError, match="merge_and_unload"):
        answer_losses(adapted, rows)
    np.testing.assert_allclose(
        answer_losses(adapted.merge_and_unload(), rows), answer_losses(tiny, rows), rtol=1e-5
    )
    finetune(tiny, rows, RECIPE, folder=tmp_path)
    (tmp_path / "epoch-0001.pt").write_bytes(b"cut")
    with pytest.raises(AssayError, match="an epoch that cannot be read"):
        finetune(tiny, rows, RECIPE, folder=tmp_path)


@pytest.mark.parametrize("last", [None, 1])
def test_a_model_in_training_keeps_its_mode(tiny, rows, last):
    """Its own dropout is off in what is read of it, and each of its parts is in training mode afterwards."""
    other = deepcopy(tiny)
    for block in other.model.layers:
        block.self_attn.attention_dropout = 0.5
    other.train()
    truth = answer_losses(tiny, rows)
    np.testing.assert_allclose(answer_losses(other, rows), truth, rtol=1e-5)
    module = with_adapters(other, LoRA(rank=2, last=last))
    np.testing.assert_allclose(answer_losses(module, rows), truth, rtol=1e-5)
    assert all(part.training for part in other.modules())


def test_rates_rise_and_fall():
    """Rates sum to those of the two straight lines, and are never 0."""
    rates = LoRA(rate=1.0, warmup=0.1).rates(100)
    assert len(rates) == 100
    assert max(rates) == 1.0
    assert min(rates) > 0
    np.testing.assert_allclose(np.diff(rates[:10]), 0.1)
    np.testing.assert_allclose(np.diff(rates[11:]), -1 / 90)


def test_a_network_starts_anew(tiny, rows):
    """From a network that shares what is kept of rows, tuning gives the bits that it gives from the model."""
    network = with_adapters(tiny, RECIPE, seed=9)
    assert bits(finetune(network, rows, RECIPE)) == bits(finetune(tiny, rows, RECIPE))
    tuned = finetune(network, rows, RECIPE)
    assert bits(finetune(tuned.module, rows, RECIPE)) == bits(tuned)
