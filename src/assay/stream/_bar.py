"""A bar on stderr of what a streamed run has done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(label: str, rows: int, judges: int, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield `tell(rows, judges)`, which adds what was done; nothing is shown where nobody watches."""
    if not shown or not sys.stderr.isatty():
        yield lambda rows, judges: None
        return
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn

    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown_bar:
        read = shown_bar.add_task(f"{label}: rows", total=rows)
        judged = shown_bar.add_task(f"{label}: judges", total=judges)

        def tell(rows: int, judges: int) -> None:
            shown_bar.advance(read, rows)
            shown_bar.advance(judged, judges)

        yield tell
