"""The losses of answers are those that transformers gives, one row at a time."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_text import ANSWERS, PROMPTS

import assay
from assay import AssayError, Data
from assay.text import answer_losses, representations, token_losses, token_rows

torch = pytest.importorskip("torch")


def by_hand(model, letters, prompt, answer):
    """The mean loss of the answer's tokens, by the model's own loss on one row."""
    before = [0, *letters([prompt], add_special_tokens=False)["input_ids"][0]]
    after = letters([answer], add_special_tokens=False)["input_ids"][0]
    labels = [-100] * len(before) + after
    with torch.no_grad():
        out = model(input_ids=torch.tensor([before + after]), labels=torch.tensor([labels]))
    return float(out.loss)


def test_losses_are_those_of_transformers(tiny, letters):
    """Each row's mean loss equals what the model gives for that row alone, without padding."""
    rows = token_rows(letters, PROMPTS, ANSWERS)
    truth = [by_hand(tiny, letters, p, a) for p, a in zip(PROMPTS, ANSWERS, strict=True)]
    np.testing.assert_allclose(answer_losses(tiny, rows), truth, rtol=2e-6)


SMALL = {
    "vocab_size": 31,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "bos_token_id": 0,
    "eos_token_id": 30,
    "pad_token_id": 29,
    "initializer_range": 0.3,
}


def small(name, **how):
    """A model of this family with drawn weights."""
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**SMALL, **how)
    kind = "GPT2LMHeadModel" if name == "GPT2" else f"{name}ForCausalLM"
    return getattr(transformers, kind)(config).eval()


@pytest.mark.parametrize("name", ["Qwen2", "Mistral", "GPT2"])
def test_other_families(letters, name):
    """What is a body and a head is read as transformers reads it, wherever its blocks are."""
    how = {"n_embd": 16, "n_layer": 2, "n_head": 2} if name == "GPT2" else {}
    model, rows = small(name, **how), token_rows(letters, PROMPTS, ANSWERS)
    truth = [by_hand(model, letters, p, a) for p, a in zip(PROMPTS, ANSWERS, strict=True)]
    np.testing.assert_allclose(answer_losses(model, rows), truth, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("Gemma2", {"final_logit_softcapping": 1.0}),
        ("Granite", {"logits_scaling": 4.0}),
        ("Cohere", {"logit_scale": 0.1}),
    ],
)
def test_logits_that_are_more_than_the_head_are_refused(letters, name, how):
    """Logits that are capped or scaled after the head would have other losses."""
    with pytest.raises(AssayError, match=f"logits of {name}ForCausalLM are not what its head makes"):
        answer_losses(small(name, **how), token_rows(letters, PROMPTS, ANSWERS))


def test_embeddings_that_are_scaled_are_refused_where_it_would_count_twice(letters):
    """Gemma scales what it embeds: right as long as all blocks are one part."""
    from assay.text import LoRA, with_adapters

    model, rows = small("Gemma"), token_rows(letters, PROMPTS, ANSWERS)
    truth = [by_hand(model, letters, p, a) for p, a in zip(PROMPTS, ANSWERS, strict=True)]
    np.testing.assert_allclose(answer_losses(model, rows), truth, rtol=1e-5)
    with pytest.raises(AssayError, match="GemmaForCausalLM are not what its head makes"):
        with_adapters(model, LoRA(last=1))


def test_tokens_that_a_model_does_not_know(tiny, letters):
    """Rows by the tokenizer of another model are named as such."""
    X = token_rows(letters, PROMPTS, ANSWERS).X.copy()
    X[0, 0] = 99
    with pytest.raises(AssayError, match="a token is beyond those it knows"):
        answer_losses(tiny, Data(X, np.ones(len(X))))


def test_half_precision_is_read(tiny, letters):
    """Losses of a model in bfloat16 are those of its whole precision, within some of its steps of 0.004."""
    from copy import deepcopy

    rows = token_rows(letters, PROMPTS, ANSWERS)
    found = answer_losses(deepcopy(tiny).bfloat16(), rows)
    np.testing.assert_allclose(found, answer_losses(tiny, rows), rtol=0.016)


def test_alone_is_without_the_prompt(tiny, letters):
    """The second losses are those of the answer after the beginning token alone, over the same tokens."""
    after, alone = token_losses(tiny, letters, PROMPTS, ANSWERS)
    truth = [by_hand(tiny, letters, "", a) for a in ANSWERS]
    np.testing.assert_allclose(alone, truth, rtol=2e-6)
    assert after[1] == pytest.approx(alone[1], rel=1e-6)  # that row has no prompt


def test_cut_rows_keep_the_end_of_the_prompt(letters):
    """A row that is too long loses the beginning of its prompt, then the end of its answer."""
    rows = token_rows(letters, ["abcdef", "a"], ["xy", "lmnopq"], length=5).X.reshape(2, 2, -1).astype(int)
    assert rows[0].tolist() == [[0, 5, 6, 24, 25], [-1, -1, -1, 24, 25]]
    assert rows[1].tolist() == [[0, 12, 13, 14, 15], [-1, 12, 13, 14, 15]]


def test_representations_are_means_of_states(tiny, letters):
    """A representation is the mean of the last hidden states of the prompt, and of the whole row if asked."""
    rows = token_rows(letters, PROMPTS, ANSWERS)
    for of in ("prompt", "row"):
        found = representations(tiny, rows, of=of)
        for row, prompt, answer in zip(found, PROMPTS, ANSWERS, strict=True):
            text = prompt + (answer if of == "row" else "")
            tokens = [0, *letters([text], add_special_tokens=False)["input_ids"][0]]
            with torch.no_grad():
                states = tiny.model(torch.tensor([tokens])).last_hidden_state[0]
            np.testing.assert_allclose(row, states.mean(dim=0).numpy(), atol=1e-5)


def test_log_odds_hold_the_loss(tiny, letters):
    """The log loss of the one logit is the mean loss of the tokens, from certain to hopeless answers."""
    from assay.text._answers import log_odds

    losses = torch.tensor([1e-5, 1e-3, 0.5, np.log(2), 5.0, 90.0, 1e4])
    found = torch.nn.functional.softplus(-log_odds(losses))
    torch.testing.assert_close(found, losses, rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    ("prompts", "answers", "how", "told"),
    [
        (["a"], ["b", "c"], {}, "1 prompts and 2 answers"),
        (["a"], [""], {}, "row 0 has no token"),
        ("a", "b", {}, "sequence of text"),
        (["a"], [None], {}, "sequence of text"),
        ([], [], {}, "0 prompts"),
        (["a"], ["b"], {"length": 1}, "length is 1"),
        (["a", "b"], ["b", "c"], {"ids": [1, 1]}, "ids"),
    ],
)
def test_bad_rows(letters, prompts, answers, how, told):
    """Texts that make no rows are refused, with the reason."""
    with pytest.raises(AssayError, match=told):
        token_rows(letters, prompts, answers, **how)


def test_bad_models_and_rows(tiny, letters):
    """What is no language model, and what are no rows of tokens, is refused."""
    rows = token_rows(letters, PROMPTS, ANSWERS)
    with pytest.raises(AssayError, match="causal language model"):
        answer_losses(torch.nn.Linear(2, 2), rows)
    for X in ([[0.5, 1.0, 2.0, 2.0]], [[1.0, 2.0, 3.0]], [[1.0, 2.0, -1.0, -1.0]], [[1.0, 2.0, -1.0, 3.0]]):
        with pytest.raises(AssayError, match="no rows of tokens"):
            answer_losses(tiny, Data(X, [1]))
    with pytest.raises(AssayError, match="choose 'prompt' or 'row'"):
        representations(tiny, rows, of="answer")
    assert assay.text.token_rows is token_rows


def test_gradients_go_by_the_whole_model(tiny, letters):
    """The name of a network's gradients goes with every weight of the frozen blocks and the head alone."""
    from copy import deepcopy

    from assay import TorchGradients
    from assay.text import LoRA, with_adapters

    names = {TorchGradients(with_adapters(tiny, LoRA(last=1)), "binary").fingerprint for _ in range(2)}
    for part in ("model.layers.0.mlp.up_proj.weight", "lm_head.weight", "model.embed_tokens.weight"):
        other = deepcopy(tiny)
        with torch.no_grad():
            other.get_parameter(part)[0, 0] += 1e-3
        names.add(TorchGradients(with_adapters(other, LoRA(last=1)), "binary").fingerprint)
    assert len(names) == 4
