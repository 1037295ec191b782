"""Texts of a few letters, and their tokens."""

from __future__ import annotations

from functools import cache

PROMPTS = ["abc ", "", "a long prompt for it", "dd", "xyz", "q"]
ANSWERS = ["yes", "no", "m", "abcdefgh", "no", "yes"]


class Letters:
    """A tokenizer of small letters and blanks."""

    bos_token_id = 0
    eos_token_id = 30

    def __call__(self, texts, add_special_tokens=True):
        """Tokens 1 to 26, and 27 for anything else."""
        assert not add_special_tokens
        return {"input_ids": [[ord(c) - 96 if "a" <= c <= "z" else 27 for c in text] for text in texts]}


def drawn_llama(seed=0, **how):
    """A Llama of 3 small blocks with drawn weights; `how` are other settings of its kind."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    sizes = {"vocab_size": 31, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}
    return LlamaForCausalLM(LlamaConfig(**sizes | heads | how))


@cache
def llama():
    """One that is shared by tests, in evaluation mode."""
    return drawn_llama(initializer_range=0.3).eval()
