"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("assay", deadline=None, derandomize=True, database=None, max_examples=40)
settings.load_profile("assay")
