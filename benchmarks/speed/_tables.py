"""Tables: figures in Markdown, with what they were measured on and whether they reach their bar."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from ..quality._run import markdown
from ._sides import python_of

PACKAGES = ("numpy", "scipy", "scikit-learn", "numba", "joblib")
PEERS = {"pydvl": "pyDVL", "opendataval": "opendataval"}


def show(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print one table."""
    print(f"\n{title}\n\n{markdown(header, rows)}", flush=True)


def facts() -> None:
    """Print the machine and every version."""
    own = ", ".join(f"{name} {version(name)}" for name in ("assay", *PACKAGES))
    print(f"\n{os.cpu_count()} cores ({_processor()}), Python {platform.python_version()}; {own}")
    for peer, name in PEERS.items():
        print(f"{name}: {_versions(peer, name)}", flush=True)
    print("One thread of BLAS a process, on every side.")


def verdict(found: float, bar: float) -> str:
    """Whether a ratio reaches its bar."""
    return f"{'PASS' if found >= bar else 'fail'} (bar {bar:,g})"


def times(found: float) -> str:
    """A ratio."""
    return f"{found:,.0f}x" if found >= 100 else f"{found:,.2f}x"


def _versions(peer: str, name: str) -> str:
    ask = "import sys; from importlib.metadata import version; print(', '.join(map(version, sys.argv[1:])))"
    asked = [python_of(peer), "-c", ask, name, *PACKAGES[:3]]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip().split(", ")
    names = ("version", *PACKAGES[:3])
    return ", ".join(f"{what} {number}" for what, number in zip(names, told, strict=True))


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    if not listed.exists():
        return platform.machine()
    names = [line.split(":")[1].strip() for line in listed.read_text().splitlines() if "model name" in line]
    return names[0] if names else platform.machine()
