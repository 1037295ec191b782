"""The options that several commands share, so that one name means one thing everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

_ROLES = "What the columns are for"

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A .csv, .tsv, .parquet or .duckdb file, or a URL: duckdb:///absolute/path?table=name.",
        show_default=False,
    ),
]
Database = Annotated[
    str, typer.Argument(metavar="DB", help="A DuckDB file that Assay has worked on.", show_default=False)
]
Target = Annotated[
    str, typer.Option("--target", help="The column that the model predicts.", show_default=False)
]
TableName = Annotated[
    str | None, typer.Option("--table", help="The table, where a database holds several.", show_default=False)
]
Key = Annotated[
    list[str] | None,
    typer.Option(
        "--key", help="A column that tells rows apart; repeat it for several.", rich_help_panel=_ROLES
    ),
]
Group = Annotated[
    str | None,
    typer.Option("--group", help="Rows with one value here stay in one part.", rich_help_panel=_ROLES),
]
Features = Annotated[
    list[str] | None,
    typer.Option("--features", help="A column that the model sees; repeat it.", rich_help_panel=_ROLES),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", help="A column that the model must not see; repeat it.", rich_help_panel=_ROLES),
]
Part = Annotated[
    str | None,
    typer.Option(
        "--part", help="A column that says train, value, gate or final of each row.", rich_help_panel=_ROLES
    ),
]
Kind = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        metavar="COLUMN=KIND",
        help="What a column holds: number, category, text, date, vector or boolean; repeat it.",
        rich_help_panel=_ROLES,
    ),
]
NumberRows = Annotated[
    bool,
    typer.Option(
        "--number-rows", help="The table has no key: number its rows from 0.", rich_help_panel=_ROLES
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="logistic, boosting, forest, ridge, or package.module:factory, a function that returns "
        "an estimator. Default: logistic for classes, ridge for numbers.",
        show_default=False,
    ),
]
Score = Annotated[
    str | None,
    typer.Option(
        "--score",
        help="A scikit-learn scorer, higher is better. Default: accuracy for classes, r2 for numbers.",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same bits.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, even on a terminal.")]
Run = Annotated[
    int | None, typer.Option("--run", help="The run, by its number in the log.", show_default=False)
]
