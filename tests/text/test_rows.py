"""What is no tokenizer, and what is no text, is refused."""

from __future__ import annotations

import pytest

from assay import AssayError
from assay.text import token_rows


@pytest.mark.parametrize("tokenizer", [None, "gpt2", lambda texts: texts])
def test_what_is_no_tokenizer_is_refused(tokenizer):
    """A name, nothing, and a bare function are named by their type."""
    with pytest.raises(AssayError, match=f"tokenizer is of type {type(tokenizer).__name__}"):
        token_rows(tokenizer, ["a"], ["b"])


@pytest.mark.parametrize("prompts", [None, 3, "text", [None]])
def test_what_is_no_sequence_of_text_is_refused(prompts):
    """Prompts need to be text, one for each row."""
    with pytest.raises(AssayError, match="prompts need to be a sequence of text"):
        token_rows(None, prompts, ["b"])
