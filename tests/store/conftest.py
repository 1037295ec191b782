"""A store that tests write to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A store in a file of its own."""
    held = Desk(tmp_path / "d.duckdb")
    yield held
    held.store.close()
