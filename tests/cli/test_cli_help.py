"""The command line explains itself, quickly."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from typer.main import get_command

from assay.cli.main import _COMMANDS, application

NAMES = sorted(function.__name__ for function, _ in _COMMANDS)


def words(text: str) -> str:
    """Return help text without its frames and line breaks."""
    return " ".join(re.sub(r"[╭─╮│╰╯]", " ", text).split())


def test_commands():
    """The eight commands that were promised are there, and no other."""
    assert NAMES == ["demo", "improve", "log", "methods", "report", "revert", "show", "value"]


@pytest.mark.parametrize("name", NAMES)
def test_help_has_examples(call, name):
    """The help of every command shows each of its examples."""
    answer = call(name, "--help")
    examples = next(examples for function, examples in _COMMANDS if function.__name__ == name)
    assert answer.code == 0
    assert len(examples) >= 2
    for example in examples:
        assert example in words(answer.out)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_help(name):
    """Every option and argument of every command has a sentence."""
    command = get_command(application()).commands[name]
    for option in command.params:
        assert option.help, option.name


@pytest.mark.parametrize("name", NAMES)
def test_json_everywhere(name):
    """Every command can print JSON."""
    command = get_command(application()).commands[name]
    assert "--json" in {word for option in command.params for word in option.opts}


def test_no_words_is_help(call):
    """`assay` alone prints the help, and that is no mistake."""
    answer = call()
    assert answer.code == 0
    assert "improve" in answer.out


def test_help_imports_nothing_heavy():
    """The command line itself imports no pandas, scikit-learn, duckdb or altair."""
    code = (
        "import assay.cli.main, sys;"
        "print({'pandas', 'sklearn', 'duckdb', 'altair', 'numba'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (["imrove"], "improve"),
        (["improve"], "SOURCE"),
        (["improve", "x.csv"], "--target"),
        (["improve", "x.csv", "--target", "y", "--sead", "1"], "--seed"),
        (["improve", "x.csv", "--target", "y", "--seed", "one"], "--seed"),
        (["improve", "x.csv", "--target", "y", "--rounds", "0"], "--rounds"),
        (["improve", "x.csv", "--target", "y", "--mode", "inplace"], "in-place"),
        (["demo", "sensus"], "census"),
    ],
)
def test_unknown_words(call, line, hint):
    """A word that the command line does not know is exit code 2 and one line with a hint."""
    answer = call(*line)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.count("\n") == 1
    assert hint in answer.err


def test_fault(call, monkeypatch):
    """An unforeseen exception is exit code 70, one line, and a traceback only when asked for."""

    def broken(path):
        raise RuntimeError("the moon")

    monkeypatch.setattr("assay.cli._source.opened", broken)
    answer = call("log", "x.duckdb")
    assert answer.code == 70
    assert answer.err.count("\n") == 1
    assert "RuntimeError: the moon" in answer.err
    monkeypatch.setenv("ASSAY_DEBUG", "1")
    assert "Traceback" in call("log", "x.duckdb").err


def test_interrupted(call, monkeypatch):
    """Ctrl-C is exit code 130 and no traceback."""

    def stopped(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("assay.cli._source.opened", stopped)
    answer = call("log", "x.duckdb")
    assert answer.code == 130
    assert "Traceback" not in answer.err
