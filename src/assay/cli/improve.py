"""`assay improve`: find the harmful rows, repair what can be repaired, prove it, record it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from . import _options as options
from . import _source as sources
from . import _summary as summaries
from ._print import command, document, program, say
from ._progress import watching

if TYPE_CHECKING:
    from pandas import DataFrame

    from ..store import Store
    from ..tables import Table

EXAMPLES = (
    "assay improve people.csv --target income --key id",
    "assay improve people.csv --target income --number-rows --model boosting --score roc_auc",
    "assay improve shop.duckdb --table orders --target returned --key order_id --ignore note",
    "assay improve people.csv --target income --key id --kind age=number --json > run.json",
)

Mode = Literal["overlay", "in-place"]


def improve(
    source: options.Source,
    target: options.Target,
    table: options.TableName = None,
    key: options.Key = None,
    group: options.Group = None,
    features: options.Features = None,
    ignore: options.Ignore = None,
    part: options.Part = None,
    kind: options.Kind = None,
    number_rows: options.NumberRows = False,
    model: options.Model = None,
    score: options.Score = None,
    seed: options.Seed = 0,
    mode: Annotated[
        Mode,
        typer.Option("--mode", help="overlay leaves the table as it is and adds a view; in-place edits it."),
    ] = "overlay",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="The most rounds of repair.")] = 3,
    precision: Annotated[
        float, typer.Option("--precision", help="The share of a batch's repairs that has to be right.")
    ] = 0.85,
    db: Annotated[
        str | None,
        typer.Option(
            "--db", help="The DuckDB file for a SOURCE that is a file. Default: NAME.assay.duckdb next to it."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before editing in place.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Repair a table: value its rows, propose repairs, keep only those that make the model better.

    The source file is never changed. A .csv, .tsv or .parquet file is first
    brought into a DuckDB file next to it. The same command, run again after
    an interruption, carries on where it stopped.
    """
    from .. import repair, tables

    where = sources.place(source, db)
    found = sources.loaded(
        source,
        table=table,
        key=key,
        target=target,
        features=features,
        group=group,
        part=part,
        kind=kind,
        ignore=ignore,
        number_rows=number_rows,
    )
    asked: dict[str, Any] = {"rounds": rounds, "precision": precision, "mode": mode.replace("-", "_")}
    repair.check(found, tables.split(found, seed=seed), **asked)  # before anything is written
    settings = _settings(model, score, found, seed) | {"seed": seed} | asked
    if not _agreed(mode, found.name, str(where.database), asked=not yes):
        say("Nothing was changed.")
        return
    summary, carried_on = work(where, found, settings, quiet=quiet or json)
    if json:
        document(summary)
        return
    if where.adopted:
        say(f"{source} is worked on in {where.database}; the file itself stays as it is.")
    if carried_on:
        say(f"Carried on run {summary['run']}, which had been interrupted.")
    summaries.guesses(summary["columns"])
    summaries.everything(summary, database=str(where.database))


def work(
    where: sources.Place,
    found: Table,
    settings: Mapping[str, Any],
    *,
    quiet: bool,
    truth: DataFrame | None = None,
) -> tuple[dict[str, Any], bool]:
    """Run the loop on a table and return the summary, and whether an interrupted run was carried on.

    Parameters
    ----------
    where : Place
        The database.
    found : Table
        The table as loaded from its source.
    settings : mapping
        Keyword arguments of `assay.repair.improve`.
    quiet : bool
        True shows no progress.
    truth : DataFrame, optional
        Grades the repairs, and does nothing else.
    """
    from .. import repair

    with watching(quiet=quiet) as progress, sources.working(where, found) as store:
        open_before = {run.id for run in store.runs(found.name) if run.finished is None}
        now, parts = sources.as_it_stands(store, found, settings["seed"])
        try:
            summary = repair.improve(store, now, parts=parts, progress=progress, truth=truth, **settings)
        except KeyboardInterrupt:
            _interrupted(store, found.name, str(where.database))
            raise typer.Exit(130) from None
        return summary, summary["run"] in open_before


def _settings(model: str | None, score: str | None, table: Table, seed: int) -> dict[str, Any]:
    """Return the estimator and the scorer's name, checked against the target before anything is written."""
    from . import _model as models

    kind = table.target_kind
    return {"model": models.model(model, kind, seed), "score": models.score(score, kind)}


def _agreed(mode: str, table: str, database: str, *, asked: bool) -> bool:
    """Ask a person on a terminal before a table is edited in place; a pipe is not asked."""
    if mode == "overlay" or not asked or not sys.stdin.isatty():
        return True
    return typer.confirm(
        f"This edits table {table} of {database} in place (`assay revert` undoes it). Go on?"
    )


def _interrupted(store: Store, table: str, database: str) -> None:
    """Tell what an interrupted run keeps, and how to carry on."""
    unfinished = [run for run in store.runs(table) if run.finished is None]
    kept = len(store.rounds(unfinished[-1].id)) if unfinished else 0
    again = f"{program()} {shlex.join(sys.argv[1:])}"
    print(
        f"assay: interrupted; {database} keeps every finished step ({kept} saved) and no half-written batch. "
        f"Carry on with: {again}\n       or undo with: {command('revert', database, '--table', table)}",
        file=sys.stderr,
    )
