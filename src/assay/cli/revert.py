"""`assay revert`: take edits back, as a new entry of the ledger; nothing is ever erased from it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._errors import AssayError
from . import _options as options
from . import _source as sources
from ._print import document, say, shown
from ._print import table as print_table

if TYPE_CHECKING:
    from ..store import Batch, Store

EXAMPLES = (
    "assay revert demo/census.duckdb",
    "assay revert demo/census.duckdb --batch 2",
    "assay revert demo/census.duckdb --row 431 --column income",
)


def revert(
    database: options.Database,
    table: options.TableName = None,
    batch: Annotated[int | None, typer.Option("--batch", help="Only this batch.", show_default=False)] = None,
    run: Annotated[int | None, typer.Option("--run", help="Only this run.", show_default=False)] = None,
    row: Annotated[
        str | None, typer.Option("--row", help="Only the row with this key.", show_default=False)
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", help="Only this column.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, even on a terminal.")] = False,
    json: options.Json = False,
) -> None:
    """Undo: put back what the edits of a batch, run, row or column replaced; of all of them if none is named.

    A cell that somebody changed since is left alone and named.
    """
    with sources.opened(database) as store:
        name = sources.run_of(store, run, table).table if run is not None else sources.table_of(store, table)
        _check(store, name, batch)
        if not in_force(store, name):
            _tell_nothing(name, json=json)
            return
        if (
            sys.stdin.isatty()
            and not (yes or json)
            and not typer.confirm(f"Undo edits of {name} in {database}?")
        ):
            say("Nothing was changed.")
            return
        undone = store.revert(name, batch=batch, run=run, row=row, column=column)
    if json:
        document(
            {"table": name, "batch": undone.id, "reverted": undone.applied, "conflicts": _conflicts(undone)}
        )
        return
    say(f"{shown(undone.applied)} edits of {name} taken back, as batch {undone.id}.")
    if undone.conflicts:
        print_table(
            ("row", "column", "why"),
            [(edit["row"], edit["column"], edit["why"]) for edit in _conflicts(undone)],
            title=f"{shown(len(undone.conflicts))} left alone, changed by somebody since",
        )


def in_force(store: Store, table: str) -> int:
    """Return how many edits of a table are in force: neither undone nor an undoing themselves."""
    entries = store.ledger(table).to_dict(orient="records")
    return sum(entry["reverts"] is None and not entry["undone"] for entry in entries)


def _tell_nothing(table: str, *, json: bool) -> None:
    """Undoing twice is no mistake: the table is as it was asked to be."""
    if json:
        document({"table": table, "batch": None, "reverted": 0, "conflicts": []})
    else:
        say(f"Nothing of {table} is left to undo.")


def _check(store: Store, table: str, batch: int | None) -> None:
    """Refuse a batch that does not exist: silence would look like an undo."""
    if batch is not None:
        known = store.batches(table)["id"].tolist()
        if batch not in known:
            listed = ", ".join(map(str, known)) or "none"
            raise AssayError(f"{table} has no batch {batch}; it has {listed}: see `assay log`.")


def _conflicts(undone: Batch) -> list[dict[str, Any]]:
    return [{"row": edit.row, "column": edit.column, "why": edit.why} for edit in undone.conflicts]
