"""A bar on stderr of how much of some work is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(label: str, total: int, shown: bool) -> Iterator[Callable[[float], None]]:
    """Yield `tell(steps)`, which adds what was done; nothing is shown where nobody watches."""
    if not shown or not sys.stderr.isatty():
        yield lambda steps: None
        return
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn

    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown_bar:
        task = shown_bar.add_task(label, total=total)
        yield lambda steps: shown_bar.advance(task, steps)
