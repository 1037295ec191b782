"""What all tests share."""

from __future__ import annotations

import pytest
from hypothesis import settings
from tiny_text import Letters, llama

settings.register_profile("assay", deadline=None, derandomize=True, database=None, max_examples=40)
settings.load_profile("assay")


@pytest.fixture
def letters():
    """A tokenizer of small letters."""
    return Letters()


@pytest.fixture
def tiny():
    """A Llama of 3 blocks, on one core: threads that wait for one another would take most of its time."""
    for name in ("torch", "transformers", "peft"):
        pytest.importorskip(name, reason="needs the extra [text]")
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield llama()
    torch.set_num_threads(before)
