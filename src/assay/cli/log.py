"""`assay log`: runs, batches and the ledger; `--verify` proves that nobody rewrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._errors import AssayError
from . import _options as options
from . import _source as sources
from ._print import document, plain, say, shown
from ._print import table as print_table

if TYPE_CHECKING:
    from pandas import DataFrame

    from ..store import Store

EXAMPLES = (
    "assay log demo/census.duckdb",
    "assay log demo/census.duckdb --edits",
    "assay log demo/census.duckdb --verify",
)

BROKEN = 3  # the exit code of a ledger that does not verify


def log(
    database: options.Database,
    table: options.TableName = None,
    edits: Annotated[bool, typer.Option("--edits", help="Print every entry of the ledger too.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Prove every hash of the ledger again; exit code 3 if one fails.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Print what was done to a table: its runs and batches, and on demand the whole ledger."""
    with sources.opened(database) as store:
        name = sources.table_of(store, table) if table is not None else None
        if verify:
            _verify(store, json=json)
            return
        found = {
            "runs": [_run(run) for run in store.runs(name)],
            "batches": _records(store.batches(name)),
            "ledger": _records(store.ledger(name)),
        }
    if json:
        document(found)
        return
    for title in ("runs", "batches", "ledger") if edits else ("runs", "batches"):
        _tell(title, found[title])
    if not edits and found["ledger"]:
        say(f"The ledger has {shown(len(found['ledger']))} entries; --edits prints them.")


_COLUMNS = {
    "runs": ("id", "table", "status", "started", "finished", "seed", "stop_reason"),
    "batches": ("id", "run", "round", "table", "kind", "mode", "edits", "undone", "at"),
    "ledger": ("id", "batch", "row", "column", "op", "old", "new", "undone", "why"),
}


def _tell(title: str, rows: list[dict[str, Any]]) -> None:
    """Print one section, the columns that a person reads."""
    columns = _COLUMNS[title]
    if rows:
        print_table(
            columns, [[plain(row[name]) for name in columns] for row in rows], title=title.capitalize()
        )
    else:
        say(f"No {title}.")


def _verify(store: Store, *, json: bool) -> None:
    """Prove the chain; a broken one is exit code 3, because the data are bad and not the command line."""
    try:
        entries = store.verify()
    except AssayError as error:
        if json:
            document({"verified": False, "why": str(error)})
        else:
            typer.echo(f"assay: {error}", err=True)
        raise typer.Exit(BROKEN) from error
    if json:
        document({"verified": True, "entries": entries})
    else:
        say(f"All {shown(entries)} entries of the ledger hold.")


def _run(run: Any) -> dict[str, Any]:
    return {name: getattr(run, name) for name in _COLUMNS["runs"]}


def _records(frame: DataFrame) -> list[dict[str, Any]]:
    return [{str(name): cell for name, cell in record.items()} for record in frame.to_dict(orient="records")]
