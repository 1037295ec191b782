"""`assay value`: what each row is worth to the model, without changing anything."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._errors import AssayError
from . import _options as options
from . import _source as sources
from ._print import document, in_shell, say, shown
from ._print import table as print_table
from ._summary import sentence

if TYPE_CHECKING:
    from pandas import DataFrame

EXAMPLES = (
    "assay value people.csv --target income --key id",
    "assay value people.csv --target income --key id --method Shapley --seconds 60 --db worths.duckdb",
    "assay value people.parquet --target income --key id --output values.parquet",
    "assay value people.csv --target income --key id --method Shapley --stderr 0.01 --forecast",
    "assay value people.csv --target income --key id --part part --group city --by-group",
)


def value(
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
    method: Annotated[str, typer.Option("--method", help="A method of `assay methods`.")] = "auto",
    evals: Annotated[
        int | None,
        typer.Option(
            "--evals", min=1, help="Stop after this many evaluations. Default: 1000.", show_default=False
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", help="Stop after this long.", show_default=False)
    ] = None,
    stderr: Annotated[
        float | None,
        typer.Option("--stderr", help="Stop when every standard error is below this.", show_default=False),
    ] = None,
    lowest: Annotated[int, typer.Option("--lowest", min=1, help="How many of the worst rows to print.")] = 10,
    ranked: Annotated[
        bool,
        typer.Option("--ranked", help="Stop when the rows of lowest value are told apart from all others."),
    ] = False,
    by_group: Annotated[
        bool,
        typer.Option("--by-group", help="Value each --group with all of its rows; needs --part to judge."),
    ] = False,
    forecast: Annotated[
        bool, typer.Option("--forecast", help="Say what it would cost, from a short pilot, and stop.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", help="Processes that refit the model; -1 is every core.", show_default=False),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Write all values here, .parquet or .csv.", show_default=False),
    ] = None,
    db: Annotated[
        str | None,
        typer.Option(
            "--db",
            help="A DuckDB file that keeps what coalitions of rows are worth: the same command, run again "
            "after an interruption, carries on.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say what each row is worth to the model; nothing is changed.

    Every row is valued, by how much it helps to predict rows that it was
    not trained with. With --part the rows of its part `train` are valued,
    and those of its part `value` judge.
    """
    import numpy as np

    from .. import store, tables
    from .._plan import plan
    from .._valuer import value as value_rows
    from . import _model as models

    _check_output(output, source)
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
    estimator = models.model(model, found.target_kind, seed)
    scorer = models.score(score, found.target_kind)
    parts = tables.split(found) if found.roles.part else np.full(len(found), "train", dtype=object)
    problem = tables.to_problem(found, parts, model=estimator, score=scorer)
    stop = _stop(evals, seconds, stderr, lowest if ranked else None)
    if by_group and (problem.train.groups is None or problem.valid is None):
        raise AssayError("--by-group needs --group, and --part with rows `value` that judge.")
    how = {"stop": stop, "seed": seed, "n_jobs": jobs, "players": "groups" if by_group else "rows"}
    if forecast:
        expected = plan(problem, method, **how)
        document(asdict(expected)) if json else say(str(expected))
        return
    kept: Any = store.open(db) if db else nullcontext()
    with kept as memory:
        valuation = value_rows(problem, method, memory=memory, progress=not (quiet or json), **how)
    _told(valuation, lowest, output, json, "group" if by_group else "row")


def _told(valuation: Any, lowest: int, output: str | None, json: bool, player: str) -> None:
    """Write and print what came out."""
    frame = valuation.to_frame().reset_index()
    if output:
        _write(frame, output)
    if json:
        document(_facts(valuation) | {"rows": frame.to_dict(orient="records")})
        return
    _show(valuation, lowest, player)
    if output:
        say(f"All {shown(len(frame))} values are in {output}.")


def _stop(evals: int | None, seconds: float | None, stderr: float | None, lowest: int | None) -> Any:
    from .._valuer import DEFAULT_STOP, Stop

    if evals is seconds is stderr is lowest is None:
        return DEFAULT_STOP
    return Stop(evals=evals, seconds=seconds, stderr=stderr, lowest=lowest)


def _facts(valuation: Any) -> dict[str, Any]:
    names = ("method", "why", "evals", "seconds")
    return {name: getattr(valuation, name) for name in names} | {"status": valuation.status.value}


def _show(valuation: Any, lowest: int, player: str) -> None:
    """Print how far to trust the valuation, and its worst rows."""
    values, errors = valuation.values, valuation.stderr
    say(
        f"{shown(len(values))} {player}s valued by {valuation.method} in {shown(valuation.seconds, 3)} s",
        style="bold",
    )
    if valuation.why:
        say(f"  {sentence(valuation.why)}")
    say(f"  {in_shell(valuation.status.value)}")
    if (harmful := int((values < 0).sum())) > 0:
        say(f"  {shown(harmful)} {player}s have a value below zero.")
    say()
    worst = valuation.lowest(lowest)
    print_table(
        (player, "value", "standard error"),
        [
            (str(valuation.ids[i]), float(values[i]), None if errors is None else float(errors[i]))
            for i in worst
        ],
        title=f"The {shown(len(worst))} {player}s of lowest value",
    )


def _check_output(output: str | None, source: str) -> None:
    """Refuse an unusable --output before hours of work, not after them."""
    if output is None:
        return
    path = Path(output)
    if path.resolve() == Path(source).resolve():
        raise AssayError(f"--output {path} is the table itself; name another file.")
    if path.suffix.lower() not in {".parquet", ".csv"}:
        raise AssayError(f"--output {path} must end in .parquet or .csv.")
    if not path.parent.is_dir():
        raise AssayError(f"--output {path} lies in no folder that exists; make {path.parent} first.")


def _write(frame: DataFrame, output: str) -> None:
    if output.lower().endswith(".csv"):
        frame.to_csv(output, index=False)
    else:
        frame.to_parquet(output, index=False)
