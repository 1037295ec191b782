"""A language model so small that its truth can be worked out, and texts for it."""

from __future__ import annotations

import pytest
from tiny_text import Letters

pytest.importorskip("torch", reason="needs the extra [text]")
pytest.importorskip("transformers", reason="needs the extra [text]")
pytest.importorskip("peft", reason="needs the extra [text]")


@pytest.fixture
def letters():
    """The tokenizer."""
    return Letters()


@pytest.fixture(scope="session")
def tiny():
    """A Llama of 3 blocks with drawn weights, in evaluation mode."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=31,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        initializer_range=0.3,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(autouse=True)
def one_thread():
    """One core: threads that wait for one another would take most of the time of networks this small."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
