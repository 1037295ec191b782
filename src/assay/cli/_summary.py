"""A finished run in words and tables: every figure comes from the run's summary, none is made up here.

An entry of the summary that is absent or None was not measured, and nothing is said about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._print import command, interval, say, shown, table

Summary = Mapping[str, Any]

_DECIDED = ("accepted", "refused", "queued", "conflicts")


def guesses(columns: Sequence[Mapping[str, Any]]) -> None:
    """Print the role and kind of each column, and how it was guessed: a wrong guess must be seen."""
    table(("column", "role", "kind", "why"), [(c["name"], c["role"], c["kind"], c["why"]) for c in columns])


def counts(summary: Summary) -> None:
    """Print what was valued, suspected, proposed and decided, and why what was refused was refused."""
    parts = summary["parts"]
    say(f"Table {summary['table']} in {summary['database']}, run {summary['run']}", style="bold")
    say(f"  target {summary['target']}, model {summary['model']}, score {summary['score']}")
    say(f"  rows             {', '.join(f'{name} {shown(parts[name])}' for name in parts)}")
    why = sentence(summary["method_why"])
    say(f"  rows valued      {shown(summary['valued'])} by {summary['method']}: {why}")
    say(f"  rows suspected   {shown(summary['suspected'])}; {shown(summary['decoys'])} decoys beside them")
    for rate in summary.get("error_rates", ()):
        low, high = (_percent(rate.get(end)) for end in ("low", "high"))
        span = "" if low == high == "-" else f" ({low} to {high})"
        say(f"    {rate['column']}: about {_percent(rate['rate'])} of the cells are wrong{span}")
    decided = ", ".join(f"{shown(summary[name])} {name}" for name in _DECIDED)
    say(f"  repairs          {shown(summary['proposed'])} proposed: {decided}")
    for refusal in summary["refusals"]:
        say(f"    {shown(refusal['count'])} refused: {sentence(refusal['why'])}")
    if summary.get("dropped_rows"):
        say(f"  rows set aside   {shown(summary['dropped_rows'])}")
    if summary.get("extended"):
        say(f"  carried over     {shown(summary['extended'])} cells of other rows, after the last judgement")
    say()


def rounds(summary: Summary) -> None:
    """Print each round's verdict and the arms that it was judged by."""
    score = summary["score"]
    header = (
        "arm (gate rows)",
        "changed",
        loss_name(summary),
        "gain (95%)",
        score,
        f"{score} gain (95%)",
    )
    for one in summary["rounds"]:
        asked = f", {one['expert']} expert" if one.get("expert") else ""
        say(f"Round {one['round']}{asked}: {one['verdict']}. {sentence(one['why'])}", style="bold")
        if one.get("proposed") and one.get("threshold") is not None:
            say(
                f"  {shown(one['sure'])} of {shown(one['proposed'])} proposals pass the threshold of "
                f"{shown(one['threshold'], 3)}; {_percent(one['expected_precision'])} of them should be right"
            )
        if one.get("arms"):
            table(header, [_arm(arm) for arm in one["arms"]])


def _arm(arm: Mapping[str, Any]) -> tuple[object, ...]:
    gains = interval(arm), interval(arm, "score_gain")
    return arm["arm"], arm["rows"], arm["log_loss"], gains[0], arm["score"], gains[1]


def loss_name(summary: Summary) -> str:
    """What the losses of a run are: of classes log-loss, of numbers squared error."""
    final_rows = summary.get("final") or {}
    return "squared error" if final_rows.get("loss") == "squared_error" else "log-loss"


def final(summary: Summary) -> None:
    """Print the rows that nothing was decided by: the model before and after."""
    result = summary.get("final")
    if result:
        before, after = result["before"], result["after"]
        table(
            ("", loss_name(summary), summary["score"]),
            [
                ("before", shown(before["log_loss"]), shown(before["score"])),
                ("after", shown(after["log_loss"]), shown(after["score"])),
                ("gain (95%)", interval(result["log_loss_gain"]), interval(result["score_gain"])),
            ],
            title=f"The {shown(result['rows'])} final rows, untouched and looked at once",
        )
    batches = summary.get("leave_one_batch_out")
    if batches:
        table(
            ("batch", "edits", f"{loss_name(summary)} gain that is lost without it (95%)"),
            [(one["batch"], one["edits"], interval(one)) for one in batches],
            title="Each batch left out alone",
        )


def truth(summary: Summary) -> None:
    """Print how many of the accepted repairs were right, where the truth is known."""
    graded = summary.get("truth")
    if not graded:
        return
    say("Against the known truth, which only grades", style="bold")
    say(
        f"  {shown(graded['right'])} of {shown(graded['graded'])} accepted repairs are right: "
        f"{_percent(graded['precision'])} ({_percent(graded['low'])} to {_percent(graded['high'])})"
    )
    if graded.get("log_loss_true") is not None:
        won, loss = graded.get("recovered"), loss_name(summary)
        share = "" if won is None else f"; {_percent(won)} of what the errors cost is won back"
        say(
            f"  on the true final rows: {loss} {shown(graded['log_loss_before'])} before, "
            f"{shown(graded['log_loss_after'])} after: gain {interval(graded['log_loss_gain'])}"
        )
        say(
            f"  {summary['score']} {shown(graded['score_before'])} before, {shown(graded['score_after'])} "
            f"after: gain {interval(graded['score_gain'])}"
        )
        say(f"  trained on the true table: {loss} {shown(graded['log_loss_true'])}{share}")
    if graded.get("by_column"):
        table(
            ("column", "graded", "right"),
            [(c["column"], c["graded"], c["right"]) for c in graded["by_column"]],
        )


def afterwards(summary: Summary, *, database: str, report: str | None = None) -> None:
    """Print why the run ended and what can be done next.

    Parameters
    ----------
    summary : mapping
        The run's summary.
    database : str
        The path as the user typed it: the commands must work where the user stands.
    report : str, optional
        The page, if it was written.
    """
    say(f"It ended after {shown(float(summary['seconds']), 3)} s: {sentence(summary['stop_reason'])}")
    say()
    steps = {
        "the report": report or command("report", database),
        "one row's story": command("show", database, "--table", summary["table"], "ROW"),
    }
    if summary["accepted"] or summary.get("dropped_rows") or summary.get("extended"):
        steps["undo it all"] = command("revert", database, "--run", summary["run"])
    width = max(len(name) for name in steps)
    for name, step in steps.items():
        say(f"  {name:<{width}}  {step}")


def everything(summary: Summary, *, database: str, report: str | None = None) -> None:
    """Print the whole run, in the order in which a person asks."""
    counts(summary)
    rounds(summary)
    final(summary)
    truth(summary)
    afterwards(summary, database=database, report=report)


def sentence(text: str) -> str:
    """Return `text` with a capital and the one full stop that ends it.

    >>> sentence("no gain"), sentence("No gain.")
    ('No gain.', 'No gain.')
    """
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"
