"""Progress shows on a terminal and nowhere else."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from assay._progress import Silent
from assay.cli import _progress
from assay.cli._progress import Terminal, watching


class Screen(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


def test_pipe_is_quiet(capsys):
    """Where stderr is no terminal nothing is shown."""
    with watching(quiet=False) as progress, progress.stage("valuing", 3) as bar:
        bar.advance(2)
        progress.note("found 3 rows")
    assert isinstance(progress, Silent)
    assert capsys.readouterr() == ("", "")


def test_quiet_on_a_terminal(monkeypatch):
    """`--quiet` is quiet on a terminal too."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with watching(quiet=True) as progress, progress.stage("valuing", 3):
        progress.note("found 3 rows")
    assert screen.getvalue() == ""


def test_terminal(monkeypatch):
    """On a terminal a stage has a bar and a note is a line, on stderr; markup in them is text."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with watching(quiet=False) as progress, progress.stage("valuing [b]x", 4) as bar:
        bar.advance()
        progress.note("found [b]3 rows")
    assert "valuing [b]x" in screen.getvalue()
    assert "found [b]3 rows" in screen.getvalue()


def test_a_long_stage_leaves_a_line(monkeypatch):
    """A stage that took long is told when it is over, a short one is not."""
    screen = Screen()
    console = Console(file=screen, force_terminal=True, width=80, markup=False, highlight=False)
    clock = iter([0.0, 0.4, 10.0, 12.5])
    with _progress._bars(console) as bars:
        monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
        terminal = Terminal(bars)
        with terminal.stage("short"):
            pass
        with terminal.stage("long"):
            pass
        monkeypatch.undo()
    assert "long (2.5 s)" in screen.getvalue()
    assert "short (" not in screen.getvalue()


def test_bar_ends_on_an_error(monkeypatch):
    """A stage that fails takes its bar away and lets the error through."""
    console = Console(file=Screen(), force_terminal=True, width=80)
    with _progress._bars(console) as bars:
        with pytest.raises(ValueError, match="no"), Terminal(bars).stage("valuing"):
            raise ValueError("no")
        assert bars.tasks == []
