"""Progress on a terminal: one bar for each stage under way, one line for each fact."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .._progress import Progress, Silent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

WORTH_A_LINE = 1.0  # seconds; a shorter stage leaves no trace, or a run would scroll away what it found


class _Bar:
    def __init__(self, bars: Bars, task: TaskID):
        self._bars = bars
        self._task = task

    def advance(self, steps: float = 1, /) -> None:
        self._bars.advance(self._task, steps)


class Terminal:
    """Bars that live on `console` while their stage does; a stage of a second or more leaves one line.

    Parameters
    ----------
    bars : rich.progress.Progress
        Started by the caller, who also stops it.
    """

    def __init__(self, bars: Bars):
        self._bars = bars

    @contextmanager
    def stage(self, text: str, total: float | None = None) -> Iterator[_Bar]:
        """Show a bar of `total` steps (None: it only moves) until the block ends."""
        task = self._bars.add_task(text, total=total)
        start = time.monotonic()
        try:
            yield _Bar(self._bars, task)
        finally:
            self._bars.remove_task(task)
        seconds = time.monotonic() - start
        if seconds >= WORTH_A_LINE:
            self.note(f"{text} ({seconds:.1f} s)")

    def note(self, text: str) -> None:
        """Print one line above the bars."""
        self._bars.console.print(text, style="dim")


def _bars(console: Console) -> Bars:
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


@contextmanager
def watching(*, quiet: bool) -> Iterator[Progress]:
    """Progress on stderr where that is a terminal and nobody asked for silence; else nothing at all.

    Parameters
    ----------
    quiet : bool
        True shows nothing even on a terminal.
    """
    if quiet or not sys.stderr.isatty():
        yield Silent()
        return
    from rich.console import Console

    with _bars(Console(stderr=True, markup=False, highlight=False)) as bars:
        yield Terminal(bars)
