"""`assay report`: one self-contained HTML page about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .._errors import AssayError
from . import _options as options
from . import _source as sources
from ._print import document, program, say

EXAMPLES = ("assay report demo/census.duckdb", "assay report demo/census.duckdb --run 2 --output census.html")


def report(
    database: options.Database,
    table: options.TableName = None,
    run: options.Run = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="Where to write it. Default: NAME.html next to DB.", show_default=False
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Write the report of a run: the last one, or the one named."""
    from .. import report as reports

    if output is not None and Path(output).suffix.lower() not in {".html", ".htm"}:
        raise AssayError(
            f"--output {output} must end in .html; the report is a page, and replaces that file."
        )
    with sources.opened(database) as store:
        name = sources.table_of(store, table) if table is not None else None
        finished = [known.id for known in store.runs(name) if known.summary is not None]
        number = finished[-1] if run is None and finished else sources.run_of(store, run, name).id
        page = reports.write(store, output or Path(database).with_suffix(".html"), number, program=program())
    if json:
        document({"run": number, "report": str(page)})
    else:
        say(f"The report of run {number} is {page}.")
