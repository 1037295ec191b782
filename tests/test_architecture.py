"""The house stands as drawn: imports point down, files and functions are short, families do not mix."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import assay

ROOT = Path(assay.__file__).parent
LAYERS = [
    *("_types", "_errors", "_numbers", "_compiled", "_spread", "_training", "_bar"),
    *("_progress", "_parallel", "_shared", "_ray", "_seeded", "_game", "_parallel_game"),
    "_group_game",
    *("_scoring", "_problem", "_frozen", "_embedding", "_learners", "_keys", "_cloning", "_model_game"),
    "_leaves",
    "_outputs",
    *("_valuation", "_stop", "_crossfit", "_valuer"),
    *("_gradients", "_curvature", "_trace"),
    *("methods", "metrics", "text", "_evaluations", "_plan", "tables", "stream", "store"),
    "apply",
    *("repair", "report", "data", "cli", "__main__"),
]
UPWARD = {("_problem", "tables"), ("_valuer", "methods")}  # inside a function, so that `import` stays a tree
FILES = sorted(ROOT.rglob("*.py"))
MOST_LINES, MOST_IN_A_FUNCTION = 400, 40


def name_of(path: Path) -> str:
    """The path inside the package."""
    return str(path.relative_to(ROOT))


def imports(path: Path):
    """Yield (inside a function?, path of the imported module in the package) for each relative import."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            parts = path.relative_to(ROOT).parts
            base = parts[: len(parts) - node.level]
            target = [*base, *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                yield id(node) in inner, tuple(target) if node.module else (*target, alias.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            yield from ((id(node) in inner, ("assay",)) for name in names if name.split(".")[0] == "assay")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_down(path):
    """A module imports only from layers above it in the list, relatively, and no family imports another."""
    here = path.relative_to(ROOT).with_suffix("").parts
    if here == ("__init__",):
        return
    assert here[0] in LAYERS, f"{here[0]} is in no layer: add it to LAYERS where it belongs"
    for inside, target in imports(path):
        assert target != ("assay",), f"{path} imports assay by name; import relatively"
        if target and target[0] != here[0]:
            down = LAYERS.index(target[0]) < LAYERS.index(here[0])
            assert down or (inside and (here[0], target[0]) in UPWARD), f"{path} imports {target}"
        if here[0] == "methods" and len(here) > 2 and target[:1] == ("methods",):
            assert target[1] == here[1], f"family {here[1]} imports {target}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_are_short(path):
    """No file is longer than 400 lines, no function longer than 40 without its docstring."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            assert (node.end_lineno or 0) - first.lineno < MOST_IN_A_FUNCTION, f"{path}: {node.name}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_global_random_state_and_no_absolute_paths(path):
    """Chance comes from a generator that is passed in."""
    text = path.read_text(encoding="utf-8")
    for word in ("np.random.seed", "np.random.rand", "random.seed("):
        assert word not in text
