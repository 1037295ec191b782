"""A Llama of two layers with adapters, random, whose rows are questions and answers in tokens."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_text import drawn_llama

torch = pytest.importorskip("torch", reason="needs torch")
pytest.importorskip("transformers", reason="needs transformers")
peft = pytest.importorskip("peft", reason="needs peft")

VOCABULARY, LENGTH, PAD, IGNORED = 23, 9, 0, -100


class Answers(torch.nn.Module):
    """From rows [ids | labels] (b, 2 T) to the mean loss (b,) of the tokens that have a label."""

    def __init__(self, model) -> None:
        super().__init__()
        self.model = model

    def forward(self, rows):
        """See above; what is padded is not attended to."""
        ids, labels = rows.long().chunk(2, dim=1)
        logits = self.model(input_ids=ids, attention_mask=ids != PAD, use_cache=False).logits[:, :-1]
        losses = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2), labels[:, 1:], reduction="none", ignore_index=IGNORED
        )
        return losses.sum(dim=1) / (labels[:, 1:] != IGNORED).sum(dim=1)


def given(outputs, targets):
    """The loss is what the network gives."""
    del targets
    return outputs


def llama(seed=0, dropout=0.0, double=True, targets=("q_proj", "v_proj")):
    """A Llama whose adapters alone are trained, none of them 0."""
    sizes = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "pad_token_id": PAD}
    model = drawn_llama(seed, **sizes, tie_word_embeddings=True)
    how = peft.LoraConfig(r=3, lora_alpha=6, lora_dropout=dropout, target_modules=list(targets))
    module = Answers(peft.get_peft_model(model, how))
    for name, p in module.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(p, std=0.2)
    return module.double() if double else module


def trained(module):
    """Copies of the parameters that are trained, by name."""
    return {name: p.detach().clone() for name, p in module.named_parameters() if p.requires_grad}


def rows(n, seed=0):
    """Rows of different lengths, padded on the left and on the right in turn, as (n, 2 T) numbers."""
    rng = np.random.default_rng(seed)
    X = np.zeros((n, 2, LENGTH))
    X[:, 1] = IGNORED
    for i in range(n):
        length = int(rng.integers(4, LENGTH + 1))
        answer = int(rng.integers(1, length - 1))
        at = LENGTH - length if i % 2 else 0
        tokens = rng.integers(1, VOCABULARY, length)
        X[i, 0, at : at + length] = tokens
        X[i, 1, at + length - answer : at + length] = tokens[length - answer :]
    return X.reshape(n, -1)


def by_row(module, X):
    """The gradient of each row's loss alone, by autograd: {name: (n, ...)}."""
    named = {name: p for name, p in module.named_parameters() if p.requires_grad}
    module.eval()
    found = []
    for x in torch.tensor(np.array(X)):
        loss = module(x[None])[0]
        found.append(torch.autograd.grad(loss, list(named.values())))
    return {name: torch.stack(g) for name, g in zip(named, zip(*found, strict=True), strict=True)}


def flat(gradients):
    """Gradients by name as (n, p), in the order of the module."""
    return torch.cat([g.flatten(1) for g in gradients.values()], dim=1).numpy()
