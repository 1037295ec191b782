"""`assay show`: one row with its values, issues, proposals and history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._errors import AssayError
from . import _options as options
from . import _source as sources
from ._print import document, say
from ._print import table as print_table

if TYPE_CHECKING:
    from pandas import DataFrame

    from ..store import Store

EXAMPLES = (
    "assay show demo/census.duckdb 431",
    'assay show shop.duckdb \'["2024-05-01", "7"]\' --table orders',
    "assay show demo/census.duckdb 431 --json",
)


def show(
    database: options.Database,
    row: Annotated[
        str,
        typer.Argument(
            metavar="ROW",
            help="The row's key; for a key of several columns a JSON array.",
            show_default=False,
        ),
    ],
    table: options.TableName = None,
    run: options.Run = None,
    json: options.Json = False,
) -> None:
    """Show one row: as it was and is, its values, what was proposed, and what was done."""
    with sources.opened(database) as store:
        name = sources.table_of(store, table)
        story = _story(store, name, row, run)
    if json:
        document(story)
        return
    say(f"Row {row} of {name}: {story['state']}", style="bold")
    print_table(
        ("column", "as it was", "as it is", ""),
        [
            (c["column"], _as_typed(c["was"]), _as_typed(c["is"]), "changed" if c["changed"] else "")
            for c in story["cells"]
        ],
    )
    for title, columns in _SECTIONS.items():
        rows = story[title]
        if rows:
            present = [column for column in columns if column in rows[0]]
            print_table(present, [[_cell(r[c]) for c in present] for r in rows], title=title.capitalize())
        else:
            say(f"No {title}.")


_SECTIONS = {
    "values": ("run", "round", "value", "stderr", "rank", "method"),
    "issues": ("column", "kind", "expert", "why"),
    "proposals": ("run", "id", "column", "old", "new", "expert", "p_correct", "state", "why"),
    "history": ("batch", "op", "column", "old", "new", "at", "why"),
}


def _story(store: Store, table: str, row: str, run: int | None) -> dict[str, Any]:
    """Return all that the store knows of a row, fit for JSON."""
    key = _key(store, table)
    before = _cells(store.read(table, as_of=0), key, row)
    now = _cells(store.read(table), key, row)
    if before is None and now is None:
        raise AssayError(
            f"{table} of {store.path} has no row with the key '{row}'; the key is {', '.join(key)}."
        )
    was, present = before or now or {}, now or {}
    runs = [sources.run_of(store, run, table)] if run is not None else store.runs(table)
    proposals = _of_runs(store.proposals, runs, row=row)
    return {
        "table": table,
        "row": row,
        "state": "set aside" if now is None else "changed" if was != present else "as it was",
        "cells": [
            {
                "column": c,
                "was": was[c],
                "is": present.get(c),
                "changed": bool(present) and was[c] != present[c],
            }
            for c in was
        ],
        "values": [v for v in _of_runs(store.values, runs) if str(v["row_key"]) == row],
        "issues": [
            {
                "column": p["column"],
                "kind": p["kind"],
                "expert": p["expert"],
                "why": p["evidence"].get("why", ""),
            }
            for p in proposals
            if isinstance(p.get("evidence"), dict)
        ],
        "proposals": proposals,
        "history": _records(store.history(table, row)),
    }


def _key(store: Store, table: str) -> tuple[str, ...]:
    runs = store.runs(table)
    return tuple(runs[-1].key) if runs else ()


def _cells(frame: DataFrame, key: tuple[str, ...], row: str) -> dict[str, Any] | None:
    """Return the cells of the row with this key, or None where it is not there."""
    from ..tables import Roles, Table

    keys = Table("", frame, Roles(key, None, ())).keys
    positions = [position for position, name in enumerate(keys) if name == row]
    return {str(c): _cell(v) for c, v in frame.iloc[positions[0]].items()} if positions else None


def _as_typed(value: Any) -> str | None:
    """Return a cell as its owner would type it: no thousands separators, no rounding."""
    return None if value is None else str(value)


def _cell(value: Any) -> Any:
    """Return a cell as it prints: missing is None, so that two missing cells are equal."""
    from ._print import plain

    return plain(value)


def _of_runs(read: Any, runs: list[Any], **where: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for one in runs:
        found += [{"run": one.id} | record for record in _records(read(one.id, **where))]
    return found


def _records(frame: DataFrame) -> list[dict[str, Any]]:
    return [{str(name): cell for name, cell in record.items()} for record in frame.to_dict(orient="records")]
