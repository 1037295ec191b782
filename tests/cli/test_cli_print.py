"""What is printed: for people, for programs, for pasting."""

from __future__ import annotations

import datetime
import decimal
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assay.cli._print import command, document, interval, plain, program, say, shown, table


def test_document_is_json(capsys):
    """What is no JSON becomes null or text, and the result parses by the strict standard."""
    document(
        {
            "nan": math.nan,
            "inf": np.float64(np.inf),
            "array": np.arange(3),
            "none": pd.NaT,
            "missing": pd.NA,
            "day": datetime.date(2024, 5, 1),
            "exact": decimal.Decimal("0.10"),
            3: {"tuple": (1, True)},
            "bytes": b"x",
        }
    )

    def refuse(name):
        raise AssertionError(name)

    assert json.loads(capsys.readouterr().out, parse_constant=refuse) == {
        "nan": None,
        "inf": None,
        "array": [0, 1, 2],
        "none": None,
        "missing": None,
        "day": "2024-05-01",
        "exact": "0.10",
        "3": {"tuple": [1, True]},
        "bytes": "b'x'",
    }


def test_plain_is_a_fixed_point():
    """What is plain stays as it is."""
    once = plain({"a": [1, 2.5, None, "x", {"b": np.int64(3)}]})
    assert plain(once) == once


def test_markup_is_text(capsys):
    """A cell that looks like markup of the printing library prints as it is."""
    say("[bold]x[/bold]")
    table(("cell",), [("[red]:smile:",)])
    out = capsys.readouterr().out
    assert "[bold]x[/bold]" in out
    assert "[red]:smile:" in out


def test_pipe_is_not_wrapped(capsys):
    """In a pipe a long sentence stays on one line."""
    say("word " * 100)
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (math.nan, "-"), (1234567, "1,234,567"), (0.00012345, "0.0001234"), (True, "true")],
)
def test_shown(value, text):
    """Numbers read easily and missing ones are a dash."""
    assert shown(value) == text


def test_interval_of_the_score():
    """The interval of another figure is found by its name; one that is not known prints alone."""
    arm = {"gain": 1.0, "low": 0.5, "high": 2.0, "score_gain": -0.25, "score_low": None, "score_high": None}
    assert interval(arm, "score_gain") == "-0.2500"
    assert interval(arm) == "+1.0000 (+0.5000 to +2.0000)"
    assert interval(None) == "-"


def test_command_is_quoted(monkeypatch):
    """A path with a space or a quote survives the shell."""
    monkeypatch.setattr(sys, "argv", ["assay"])
    monkeypatch.setattr("shutil.which", lambda name: None)
    line = command("revert", "it's here/a b.duckdb")
    words = subprocess.run(["sh", "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True, check=True)
    assert words.stdout.splitlines()[1:] == ["revert", "it's here/a b.duckdb"]


def test_program_by_path(monkeypatch, tmp_path: Path):
    """A program that the shell would not find is named by its path from the folder where the user stands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / ".venv" / "bin" / "assay")])
    assert program() == ".venv/bin/assay"


def test_program_in_the_path(monkeypatch, tmp_path: Path):
    """A program that the shell finds under its name is called by its name."""
    script = tmp_path / "assay"
    script.touch()
    monkeypatch.setattr("shutil.which", lambda name: str(script))
    monkeypatch.setattr(sys, "argv", [str(script)])
    assert program() == "assay"


def test_program_as_a_module(monkeypatch):
    """`python -m assay` is told to be called that way again."""
    monkeypatch.setattr(sys, "argv", ["/lib/assay/__main__.py"])
    monkeypatch.setattr(sys, "executable", "/opt/python")
    assert program() == "/opt/python -m assay"
