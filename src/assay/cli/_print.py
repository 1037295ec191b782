"""What a command prints on stdout: sentences and tables for people, or one JSON document for programs."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

PIPE_WIDTH = 200  # columns; a pipe has no width, and a wrapped table is hard to read and to grep


def _console() -> Console:
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(markup=False, highlight=False, emoji=False, width=width)


def say(text: str = "", *, style: str = "") -> None:
    """Print one line; in a pipe it is never wrapped."""
    _console().print(text, style=style, soft_wrap=not sys.stdout.isatty())


def table(header: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Print rows under a header; columns that hold numbers only are aligned on the right.

    Parameters
    ----------
    header : sequence of str
        One name a column.
    rows : iterable of sequences
        As wide as the header; None prints as a dash.
    title : str, optional
        A line above the table.
    """
    from rich import box
    from rich.table import Table

    body = list(rows)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, name in enumerate(header):
        numeric = all(isinstance(row[position], int | float | None) for row in body)
        grid.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in body:
        grid.add_row(*(shown(cell) for cell in row))
    if title:
        say(title, style="bold")
    _console().print(grid)
    say()


def shown(value: object, digits: int = 4) -> str:
    """Return `value` as a person reads it: a dash for what is missing, few digits of a float.

    >>> shown(None), shown(0.123456), shown(3000), shown("x")
    ('-', '0.1235', '3,000', 'x')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


# What the library calls its arguments, and what they are called on the command line.
_OPTIONS = {
    "number_rows=True": "--number-rows",
    "Stop.evals": "--evals",
    "Stop.seconds": "--seconds",
    "Stop.stderr": "--stderr",
    "stop.stderr": "--stderr",
    **{f"{name}=": f"--{option}" for name, option in (
        ("key", "key"), ("target", "target"), ("features", "features"), ("group", "group"), ("kinds", "kind"),
        ("part", "part"), ("table", "table"), ("precision", "precision"), ("rounds", "rounds"),
    )},
}  # fmt: skip
_ARGUMENT = re.compile("|".join(rf"(?<![\w.]){re.escape(word)}(?=[\s,;:.)]|$)" for word in _OPTIONS))


def in_shell(sentence: str) -> str:
    """Return a sentence of the library with its arguments named as options.

    >>> in_shell("name its column with target=, or raise Stop.evals")
    'name its column with --target, or raise --evals'
    """
    return _ARGUMENT.sub(lambda found: _OPTIONS[found.group()], sentence)


def interval(part: Mapping[str, Any] | None, name: str = "gain") -> str:
    """Return a gain with its 95% interval, signs shown.

    >>> interval({"gain": 0.02, "low": 0.01, "high": 0.03})
    '+0.0200 (+0.0100 to +0.0300)'
    """
    if part is None or part.get(name) is None:
        return "-"
    prefix = name.removesuffix("gain")
    low, high = part.get(f"{prefix}low"), part.get(f"{prefix}high")
    if low is None or high is None:
        return f"{part[name]:+.4f}"
    return f"{part[name]:+.4f} ({low:+.4f} to {high:+.4f})"


def document(content: Any) -> None:
    """Print one JSON document; what is not finite is null, what JSON does not know is text."""
    sys.stdout.write(json.dumps(plain(content), ensure_ascii=False, indent=2) + "\n")


def plain(value: Any) -> Any:
    """Return `value` built of what JSON knows.

    >>> plain({"a": float("nan"), 1: (2, None)})
    {'a': None, '1': [2, None]}
    """
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if hasattr(value, "tolist"):  # a numpy array or scalar
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "isoformat"):
        text = value.isoformat()
        return None if text == "NaT" else text
    return None if str(value) in {"<NA>", "nan"} else str(value)


def program() -> str:
    """Return how to call Assay from the folder where the user stands.

    `assay` where the shell finds this very program, else the path to it, else `PYTHON -m assay`.
    """
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{_near(Path(sys.executable))} -m assay"
    found = shutil.which("assay")
    if found and (not called.exists() or os.path.samefile(found, called)):
        return "assay"
    return _near(called)


def _near(path: Path) -> str:
    """Return the path, relative where it lies below the current folder, quoted for a shell."""
    absolute = Path(os.path.abspath(path))  # not resolved: a virtual environment's python is a link
    below = absolute.is_relative_to(Path.cwd())
    return shlex.quote(str(absolute.relative_to(Path.cwd()) if below else absolute))


def command(*words: object) -> str:
    """Return a command line of Assay that can be pasted into a shell as it is."""
    return f"{program()} {shlex.join(str(word) for word in words)}"
