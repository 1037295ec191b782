"""One run of the loop on a bundled table, in a database of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from assay import repair, store, tables
from assay.data import Demo


def run(demo: Demo, name: str, seed: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the summary of the run, and the table as it was left."""
    loaded = replace(tables.load(demo.frame, key=demo.key, target=demo.target, part="part"), name=name)
    with TemporaryDirectory() as folder, store.open(Path(folder) / "table.duckdb") as held:
        held.adopt(loaded.name, loaded.frame, loaded.roles.key)
        summary = repair.improve(held, loaded, parts=demo.parts, seed=seed, truth=demo.truth)
        return summary, held.read(name)


def interval(gain: Mapping[str, float]) -> str:
    """A gain with its interval."""
    return f"{gain['gain']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
