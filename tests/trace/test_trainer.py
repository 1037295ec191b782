"""What transformers' `Trainer` trains is recorded from its own passes, to the same weights."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_text import drawn_llama

from assay import AssayError, Recorder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")


@pytest.fixture(autouse=True)
def _one_thread():
    """Small trainings on one thread: several would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


IDS = np.array([f"text {i}" for i in range(20)])
TOKENS = torch.randint(1, 40, (20, 6), generator=torch.Generator().manual_seed(0))
LABELS = torch.randint(3, (20,), generator=torch.Generator().manual_seed(1))


def classifier():
    """A BERT of two small layers, without dropout."""
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=3,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return transformers.BertForSequenceClassification(config)


def language_model():
    """A Llama of one small layer."""
    return drawn_llama(vocab_size=40, num_hidden_layers=1, pad_token_id=0)


def rows(causal: bool):
    """The rows, some of them padded; with a column that no model takes."""
    found = []
    for i in range(20):
        mask = torch.ones(6, dtype=torch.long)
        mask[6 - i % 3 :] = 0
        labels = torch.where(mask > 0, TOKENS[i], -100) if causal else LABELS[i]
        found.append(
            {"input_ids": TOKENS[i], "attention_mask": mask, "labels": labels, "note": torch.tensor(7)}
        )
    return found


def trainer(model, folder, causal=False, **how):
    """A trainer of two epochs by plain steps, three batches of 8 (the last of 4)."""
    settings = {
        "per_device_train_batch_size": 8,
        "num_train_epochs": 2,
        "learning_rate": 0.05,
        "seed": 3,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
        "logging_strategy": "no",
        "use_cpu": True,
        "optim": "sgd",
    }
    arguments = transformers.TrainingArguments(output_dir=str(folder), **(settings | how))
    data = rows(causal)
    return transformers.Trainer(model=model, args=arguments, train_dataset=data, eval_dataset=data[:4])


def weights(model) -> bytes:
    """Its parameters."""
    return b"".join(p.detach().numpy().tobytes() for p in model.parameters())


def run(folder, causal=False, recorder=None, **how):
    """The trained weights, with or without a recorder."""
    model = language_model() if causal else classifier()
    made = trainer(model, folder, causal, **how)
    if recorder is not None:
        recorder.watch(made)
    made.train()
    return weights(model)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("how", [{}, {"gradient_accumulation_steps": 2, "eval_strategy": "epoch"}])
def test_recording_changes_no_bit(causal, how, tmp_path):
    """Weights are the same to the bit, with accumulated gradients and evaluation, too; all rows are seen."""
    recorder = Recorder(IDS)
    assert run(tmp_path, causal, **how) == run(tmp_path, causal, recorder, **how)
    assert recorder.trace().losses.shape == (2, 20)
    assert np.isfinite(recorder.trace().losses).all()


@pytest.mark.parametrize("causal", [False, True])
def test_values_are_those_of_the_network(causal, tmp_path):
    """At a learning rate of 0, each row has what the network alone gives it, tokens of a row averaged."""
    recorder = Recorder(IDS)
    run(tmp_path, causal, recorder, learning_rate=0.0)
    model, trace = (language_model() if causal else classifier()).eval(), recorder.trace()
    for i, row in enumerate(rows(causal)):
        inputs = {name: row[name][None] for name in ("input_ids", "attention_mask", "labels")}
        with torch.no_grad():
            said = model(**inputs)
        loss = float(said.loss)
        logits = said.logits[0, :-1] if causal else said.logits
        labels = row["labels"][1:] if causal else row["labels"][None]
        logits, labels = logits[labels >= 0].numpy(), labels[labels >= 0].numpy()
        others = logits.copy()
        own = logits[np.arange(len(labels)), labels]
        others[np.arange(len(labels)), labels] = -np.inf
        for epoch in range(2):
            assert trace.losses[epoch, i] == pytest.approx(loss, rel=1e-4)
            assert trace.probabilities[epoch, i] == pytest.approx(np.exp(-loss), rel=1e-4)
            assert trace.margins[epoch, i] == pytest.approx((own - others.max(axis=1)).mean(), abs=1e-4)


def test_a_resumed_training_resumes_its_trace(tmp_path):
    """From a checkpoint in the middle of the second epoch, the trace is that of a run without a break."""
    how = {"save_strategy": "steps", "save_steps": 4, "save_safetensors": True}
    whole = Recorder(IDS, tmp_path / "whole")
    finished = run(tmp_path / "out", recorder=whole, **how)
    resumed = Recorder(IDS, tmp_path / "whole")
    model = classifier()
    made = trainer(model, tmp_path / "out", **how)
    resumed.watch(made)
    before = {name: np.array(getattr(whole.trace(), name)) for name in ("losses", "margins")}
    made.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-4"))
    assert weights(model) == finished
    for name, part in before.items():
        np.testing.assert_array_equal(getattr(resumed.trace(), name), part)


def test_hidden_states_leave_padding_out(tmp_path):
    """Hidden states are means over the positions of the attention mask."""
    model = language_model()
    recorder = Recorder(IDS, module=model, hidden="model.norm")
    made = trainer(model, tmp_path, causal=True, learning_rate=0.0)
    recorder.watch(made)
    made.train()
    for i, row in enumerate(rows(True)[:5]):
        with torch.no_grad():
            states = model.model(row["input_ids"][None], row["attention_mask"][None]).last_hidden_state[0]
        truth = states[row["attention_mask"] > 0].mean(dim=0).numpy()
        np.testing.assert_allclose(recorder.trace().hidden[0, i], truth, atol=1e-5)


def test_a_part_of_the_rows_is_named(tmp_path):
    """A data set of some of the rows is joined by the ids given; the others stay nan."""
    recorder = Recorder([*IDS[::-1], "another"])
    made = trainer(classifier(), tmp_path)
    with pytest.raises(AssayError, match="20 rows, and there are 21 ids"):
        recorder.watch(made)
    recorder.watch(made, ids=IDS)
    made.train()
    assert np.isnan(recorder.trace().losses[:, -1]).all()
    twin = Recorder(IDS)
    run(tmp_path, recorder=twin)
    np.testing.assert_array_equal(recorder.trace().aligned(IDS).losses, twin.trace().losses)


def test_evaluation_on_training_rows_is_not_recorded(tmp_path):
    """Evaluating the rows that are trained on leaves the trace as it is."""
    plain, recorder = Recorder(IDS), Recorder(IDS)
    run(tmp_path, recorder=plain)
    made = trainer(classifier(), tmp_path, eval_strategy="steps", eval_steps=1)
    recorder.watch(made)
    made.eval_dataset = made.train_dataset
    made.train()
    assert recorder.trace().losses.tobytes() == plain.trace().losses.tobytes()


def test_other_trainers_are_refused(tmp_path):
    """What is no Trainer, is watched already, or has unknown rows is named."""
    recorder = Recorder(IDS)
    with pytest.raises(AssayError, match="pass a transformers"):
        recorder.watch("trainer")
    made = trainer(classifier(), tmp_path)
    with pytest.raises(AssayError, match="none of its 20 rows"):
        recorder.watch(made, ids=np.arange(20))
    recorder.watch(made)
    with pytest.raises(AssayError, match="watched already"):
        recorder.watch(made)
