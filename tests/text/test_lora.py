"""Settings of adapters that name no modules are refused."""

from __future__ import annotations

import pytest

from assay import AssayError
from assay.text import LoRA


@pytest.mark.parametrize("targets", [(), "q_proj", None, 3, float("nan"), (3,)])
def test_targets_need_to_be_names(targets):
    """Only names, and at least one, are taken."""
    with pytest.raises(AssayError, match=r"^LoRA\.targets is"):
        LoRA(targets=targets)
