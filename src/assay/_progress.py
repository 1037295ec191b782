"""Progress: how long work tells a person where it stands, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Bar(Protocol):
    """One stage under way."""

    def advance(self, steps: float = 1, /) -> None:
        """Say that `steps` more of the stage's total are done."""
        ...


class Progress(Protocol):
    """Where long work reports: a terminal, a log, or nowhere."""

    def stage(self, text: str, total: float | None = None) -> AbstractContextManager[Bar]:
        """Open a stage of `total` steps (None: unknown)."""
        ...

    def note(self, text: str) -> None:
        """Tell one finished fact in one line."""
        ...


class _NoBar:
    def advance(self, steps: float = 1, /) -> None:
        del steps


class Silent:
    """A progress that nobody watches."""

    @contextmanager
    def stage(self, text: str, total: float | None = None) -> Iterator[Bar]:
        """Open a stage that is shown nowhere."""
        del text, total
        yield _NoBar()

    def note(self, text: str) -> None:
        """Drop the note."""
        del text
