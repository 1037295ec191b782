"""What the tests of the command line share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from made_up import people

from assay.cli.main import run


class Answer(NamedTuple):
    """What a command line gave back."""

    code: int
    out: str
    err: str


Call = Callable[..., Answer]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the words of a command line in this process."""

    def _call(*words: object) -> Answer:
        capsys.readouterr()
        code = run([str(word) for word in words])
        return Answer(code, *capsys.readouterr())

    return _call


@pytest.fixture
def people_csv(tmp_path: Path) -> Path:
    """Write the table of `people` as a CSV file in a folder of its own."""
    path = tmp_path / "people.csv"
    people().to_csv(path, index=False)
    return path
