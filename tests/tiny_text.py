"""Texts of a few letters, and their tokens."""

from __future__ import annotations

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
