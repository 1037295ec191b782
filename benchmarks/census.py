"""The whole loop on the census demo: one row a seed, none picked, and the true table as the control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from assay import repair, store, tables
from assay.data import Demo, census, census_true

HEADER = (
    "seed",
    "repairs kept",
    "right (95%)",
    "final log-loss before",
    "after",
    "gain (95%)",
    "won back",
    "accuracy gain (95%)",
    "rows changed on the true table",
)


def table(seeds: int) -> str:
    """Return the table in Markdown; a seed takes some minutes.

    Parameters
    ----------
    seeds : int
        Seeds 0 to `seeds` - 1 are run.
    """
    rows = [_row(seed) for seed in range(seeds)]
    lines = [HEADER, ["---"] * len(HEADER), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _row(seed: int) -> list[str]:
    found, control = _run(census(seed), seed), _run(census_true(seed), seed)
    truth, final = found["truth"], found["final"]
    return [
        str(seed),
        str(found["accepted"]),
        f"{truth['precision']:.1%} ({truth['low']:.1%} to {truth['high']:.1%})",
        f"{final['before']['log_loss']:.4f}",
        f"{final['after']['log_loss']:.4f}",
        _interval(final["log_loss_gain"]),
        f"{truth['recovered']:.0%}",
        _interval(final["score_gain"]),
        f"{(control['accepted'] + control['dropped_rows']) / control['valued']:.2%}",
    ]


def _run(demo: Demo, seed: int) -> dict[str, Any]:
    """Return the summary of one run in a database of its own."""
    loaded = replace(tables.load(demo.frame, key=demo.key, target=demo.target, part="part"), name="census")
    with TemporaryDirectory() as folder, store.open(Path(folder) / "census.duckdb") as held:
        held.adopt(loaded.name, loaded.frame, loaded.roles.key)
        return repair.improve(held, loaded, parts=demo.parts, seed=seed, truth=demo.truth)


def _interval(gain: Mapping[str, float]) -> str:
    return f"{gain['gain']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})"
