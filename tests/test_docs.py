"""The docs say what is there, all of it, and what they show runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

import assay
from assay.cli.main import _COMMANDS, application

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")] if not path.name.startswith(".")
)
EXAMPLES = {function.__name__: examples for function, examples in _COMMANDS}
COMMANDS = get_command(application()).commands


def text(name: str) -> str:
    """Return a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, flags=re.M | re.S)


def section(page: str, heading: str) -> str:
    """Return what stands under a heading of the second level."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page, flags=re.M | re.S)
    assert found, f"no section {heading}"
    return found[1]


def names(pyi: str) -> list[str]:
    """Return the names that a stub exports."""
    return re.findall(r"^from .* import \w+ as (\w+)$", pyi, flags=re.M)


@pytest.mark.parametrize("command", sorted(EXAMPLES))
def test_command_documented(command):
    """Each command has a section with every one of its options and examples."""
    body = section(text("docs/cli.md"), f"`assay {command}`")
    for option in COMMANDS[command].params:
        long = next((word for word in option.opts if word.startswith("--")), None)
        if long and long != "--help":
            assert f"`{long}`" in body, long
    for example in EXAMPLES[command]:
        assert f"    {example}\n" in body, example


@pytest.mark.parametrize("command", sorted(EXAMPLES))
def test_no_option_is_made_up(command):
    """Each option that a command's section names is one of that command."""
    body = section(text("docs/cli.md"), f"`assay {command}`")
    known = {word for option in COMMANDS[command].params for word in option.opts}
    assert set(re.findall(r"`(--[a-z-]+)`", body)) <= known


@pytest.mark.parametrize("code", [0, 2, 3, 70, 130])
def test_exit_codes_documented(code):
    """Each exit code is documented."""
    assert f"\n| {code} |" in text("docs/cli.md")


@pytest.mark.parametrize("method", sorted(assay.REGISTRY))
def test_method_documented(method):
    """Each method is in the guide, in the API, and says where it comes from; each setting has its words."""
    assert f"| `{method}` |" in text("docs/choose.md")
    entry = next(line for line in text("docs/api/methods.md").splitlines() if f"`assay.{method}`" in line)
    described = assay.REGISTRY[method].__doc__ or ""
    assert "Source:" in described
    for setting in assay.REGISTRY[method]().get_params(deep=False):
        assert f"`{setting}`" in entry
        assert re.search(rf"^    {setting} : ", described, flags=re.M), setting


@pytest.mark.parametrize("name", names(text("src/assay/__init__.pyi")))
def test_public_name_documented(name):
    """Each public name is in the API pages."""
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "api").glob("*.md"))
    assert re.search(rf"`assay\.{name}\b", pages)


def test_api_pages_name_what_is_there():
    """Each name that the API pages give to the package is one of its public names."""
    public = set(names(text("src/assay/__init__.pyi")))
    for path in (ROOT / "docs" / "api").glob("*.md"):
        named = set(re.findall(r"^\| `assay\.(\w+)", path.read_text(encoding="utf-8"), flags=re.M))
        assert named <= public, path


RUNNING = [
    path
    for path in PAGES
    if path.name != "CONTRIBUTING.md" and blocks(path.read_text(encoding="utf-8"), "python")
]


@pytest.mark.parametrize("page", RUNNING, ids=lambda path: path.name)
def test_python_runs(page, tmp_path):
    """The Python of a page runs as it stands, in an empty folder, without a warning."""
    for block in blocks(page.read_text(encoding="utf-8"), "python"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", block],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_readme_shows_ten_lines():
    """The README has ten lines of Python and ten of shell."""
    (python,), (shell,) = blocks(text("README.md"), "python"), blocks(text("README.md"), "sh")
    assert sum(bool(line.strip()) for line in python.splitlines()) == 10
    assert sum(bool(line.strip()) for line in shell.splitlines()) == 10


def shell_lines() -> list[str]:
    """Return every line of shell in the docs that calls the command."""
    found = []
    for path in PAGES:
        page = path.read_text(encoding="utf-8")
        lines = "\n".join(blocks(page, "sh")).splitlines() + re.findall(r"^    (assay .*)$", page, flags=re.M)
        found += [line for line in lines if line.startswith("assay ")]
    return sorted(set(found))


@pytest.mark.parametrize("line", shell_lines())
def test_shell_is_real(line):
    """Each command line of the docs names a command and options that exist, with values that it takes."""
    words = shlex.split(line, comments=True)
    words = words[1 : words.index(">")] if ">" in words else words[1:]
    command = COMMANDS[words[0]]
    command.make_context(words[0], words[1:], resilient_parsing="--help" in words)


@pytest.mark.parametrize("line", [["methods"], ["improve", "--help"], ["--version"], ["--help"]])
def test_cheap_shell_runs(line, tmp_path):
    """The command lines that cost nothing do what they say."""
    done = subprocess.run(
        [sys.executable, "-m", "assay", *line], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout


def test_changelog_is_current():
    """The newest entry of the change log is the version of the package."""
    newest = re.search(r"^## \[(.+?)\]", text("CHANGELOG.md"), flags=re.M)
    assert newest
    assert newest[1] == tomllib.loads(text("pyproject.toml"))["project"]["version"]


def anchors(page: str) -> set[str]:
    """Return the anchors that the headings of a page get."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page, flags=re.M | re.S), flags=re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_resolve(page):
    """Each link to a file of ours leads to it, and to a heading that it has."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_page_is_found(page):
    """Each page of the docs can be reached from the README or an index."""
    if page.name in {"README.md", "CHANGELOG.md"}:
        return
    others = "\n".join(path.read_text(encoding="utf-8") for path in PAGES if path != page)
    assert f"{page.name}" in others
