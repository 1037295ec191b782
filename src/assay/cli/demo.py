"""`assay demo`: the main job on a bundled table whose errors are known, so that the result can be graded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from .._errors import AssayError
from . import _options as options
from . import _source as sources
from . import _summary as summaries
from . import improve, revert
from ._print import document, program, say, shown

EXAMPLES = ("assay demo", "assay demo heights", "assay demo census --seed 3 --dir /tmp/census")

Name = Literal["census", "heights"]


def demo(
    name: Annotated[Name, typer.Argument(metavar="[census|heights]", help="The bundled table.")] = "census",
    seed: options.Seed = 0,
    folder: Annotated[str, typer.Option("--dir", help="Where to write; made if it is not there.")] = "demo",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the whole job on a bundled table whose errors are known, and grade it.

    Run it again and it first undoes its own edits, or carries on if it was
    interrupted. The truth grades the result and does nothing else.
    """
    from .. import data, report, tables

    bundled = (data.census if name == "census" else data.heights)(seed)
    found = replace(
        tables.load(bundled.frame, key=bundled.key, target=bundled.target, part="part"), name=name
    )
    where = sources.Place(_database(folder, name, seed), adopted=True)
    if not json:
        say(f"{name}: {shown(len(found))} rows, in {where.database}. What was injected:", style="bold")
        for fact in bundled.injected:
            say(f"  {fact}")
        say()
    settings = {"score": "accuracy", "seed": seed}
    _undo_before(where, name)
    summary, carried_on = improve.work(where, found, settings, quiet=quiet or json, truth=bundled.truth)
    with sources.opened(where.database) as store:
        page = report.write(store, where.database.with_suffix(".html"), summary["run"], program=program())
    if json:
        document({"summary": summary, "injected": bundled.injected, "report": str(page)})
        return
    if carried_on:
        say(f"Carried on run {summary['run']}, which had been interrupted.")
    summaries.everything(summary, database=str(where.database), report=str(page))


def _database(folder: str, name: str, seed: int) -> Path:
    """Return the file of this demo; another seed is another table, so it gets a file of its own."""
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise AssayError(f"--dir {folder} is a file; name a folder.")
    path.mkdir(parents=True, exist_ok=True)
    return path / (f"{name}.duckdb" if seed == 0 else f"{name}-seed{seed}.duckdb")


def _undo_before(where: sources.Place, name: str) -> None:
    """Take back the edits of a finished demo, so that the next one starts from the same table."""
    if not where.database.exists():
        return
    with sources.opened(where.database) as store:
        unfinished = any(run.finished is None for run in store.runs(name))
        if not unfinished and revert.in_force(store, name):
            store.revert(name)
