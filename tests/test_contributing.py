"""The method of CONTRIBUTING.md is tried: in a copy of the package it is found and passes the laws."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
METHOD, LINE = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.M | re.S)
METHOD_FILE, REGISTRY_FILE = re.findall(r"`(src/assay/methods/\S+\.py)`", PAGE)[:2]


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """Return a copy of the package and its laws in which the steps of the page were taken."""
    folder = tmp_path_factory.mktemp("contributing")
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=leave)
    shutil.copytree(ROOT / "tests" / "laws", folder / "tests" / "laws", ignore=leave)
    for helper in (ROOT / "tests").glob("*.py"):
        if not helper.name.startswith("test_"):
            shutil.copy(helper, folder / "tests")
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / METHOD_FILE).write_text(METHOD, encoding="utf-8")
    registry = folder / REGISTRY_FILE
    lines = registry.read_text(encoding="utf-8")
    last = [match.end() for match in re.finditer(r"^from \.\S+ import .*\n", lines, flags=re.M)][-1]
    registry.write_text(lines[:last] + LINE + lines[last:], encoding="utf-8")
    return folder


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the copy."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_twelve_lines():
    """The method has at most twelve lines of code, docstrings and imports apart."""
    tree = ast.parse(METHOD)
    body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)][1:]
    (method,) = body
    assert isinstance(method, ast.ClassDef)
    texts = [
        node
        for node in ast.walk(method)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    prose = {line for node in texts for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    start = min(decorator.lineno for decorator in method.decorator_list)
    code = [line for line in range(start, (method.end_lineno or 0) + 1) if line not in prose]
    lines = METHOD.splitlines()
    assert sum(bool(lines[line - 1].strip()) for line in code) <= 12


def test_registered(copy):
    """One line makes the method known to the library and to the command line."""
    done = run(copy, "-m", "assay", "methods")
    assert done.returncode == 0, done.stderr
    assert "Agreement" in done.stdout


def test_laws_run_on_it(copy):
    """Every law runs on the new method, and it passes them."""
    done = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/laws", "-k", "Agreement")
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) >= 5


def test_its_example_holds(copy):
    """The example in its docstring, whose values one counts by hand, holds."""
    done = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", METHOD_FILE)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
