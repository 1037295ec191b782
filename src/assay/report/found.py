"""Found: what the run saw before it changed anything: funnel, error rates, values, lowest rows, removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import charts, story
from .facts import CHANGED, Facts
from .words import (
    DASH,
    WIDEST,
    cell,
    count,
    decimals,
    is_missing,
    is_number,
    metric,
    percent,
    plural,
    sentence,
)

LOWEST = 20
MOST_COLUMNS = 12  # whose error rate is shown
Z = 1.96  # standard errors of a 95% interval
_FUNNEL = (
    ("valued", "Rows valued", "training rows, each with what it is worth to the model"),
    (
        "suspected",
        "Rows suspected",
        "not clearly worth more than nothing, or with a cell that an expert doubts",
    ),
    ("decoys", "Decoys", "rows of high value mixed in, to catch experts that change all they see"),
    ("proposed", "Repairs proposed", "one cell each, with evidence"),
    ("accepted", "Accepted", "passed the gate and were applied"),
    ("refused", "Refused", "not applied; why is told below"),
    ("queued", "Queued", "not certain enough to apply; left for a person"),
    ("conflicts", "Conflicts", "the row had changed meanwhile; not overwritten"),
    ("dropped_rows", "Rows set aside", "left out of the repaired table, kept in the ledger"),
    (
        "extended",
        "Carried over",
        "cells of rows that judge, repaired by the same rule after the last verdict",
    ),
)


@dataclass(frozen=True)
class Step:
    """One line of the funnel: `share` is the bar's length in 0..1 of the longest."""

    key: str
    name: str
    number: str
    note: str
    share: float


def funnel(summary: Mapping[str, Any]) -> list[Step]:
    """Valued, suspected, proposed, and what became of the proposals; those that were counted."""
    counted = [(key, name, note, summary[key]) for key, name, note in _FUNNEL if is_number(summary.get(key))]
    optional = {"decoys", "conflicts", "dropped_rows", "extended"}
    counted = [entry for entry in counted if entry[3] or entry[0] not in optional]
    most = max((number for *_, number in counted), default=0) or 1
    return [Step(key, name, count(number), note, number / most) for key, name, note, number in counted]


def refusals(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Why proposals were refused, and how many for each reason, the commonest first."""
    told = [entry for entry in summary.get("refusals") or [] if entry.get("count")]
    return [
        (sentence(entry["why"]) or DASH, count(entry["count"]))
        for entry in sorted(told, key=lambda e: -e["count"])
    ]


def error_rates(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """The share of wrong cells that was estimated for each column, highest first."""
    rates = [rate for rate in summary.get("error_rates") or [] if is_number(rate.get("rate"))]
    if not rates:
        return None
    rates = sorted(rates, key=lambda rate: -rate["rate"])
    most = rates[0]["rate"] or 1
    rows = [
        {
            "column": cell(rate["column"], WIDEST),
            "rate": percent(rate["rate"]),
            "span": _share_interval(rate.get("low"), rate.get("high")),
            "share": rate["rate"] / most,
        }
        for rate in rates[:MOST_COLUMNS]
    ]
    beyond = rates[MOST_COLUMNS:]
    more = (
        f"{plural(len(beyond), 'more column')} at {percent(beyond[0]['rate'])} or less." if beyond else None
    )
    return {
        "rows": rows,
        "more": more,
        "measured": any(row["span"] for row in rows),
        "chart": _rates_chart(rates),
    }


def _rates_chart(rates: Sequence[Mapping[str, Any]]) -> charts.Chart | None:
    """Dots with intervals, of the columns whose rate has one; None where no column has."""
    spans = [
        charts.Interval(str(rate["column"]), rate["rate"], rate["low"], rate["high"])
        for rate in rates[:MOST_COLUMNS]
        if is_number(rate.get("low")) and is_number(rate.get("high"))
    ]
    if not spans:
        return None
    title = "estimated share of wrong cells"
    told = (f"{cell(span.name, WIDEST)} {percent(span.value)}" for span in spans)
    label = f"{title.capitalize()}: {'; '.join(told)}"
    return charts.intervals("error-rates", spans, title, label, zero=False, form="%")


def distribution(facts: Facts) -> dict[str, Any] | None:
    """The histogram of the values with the suspects shaded, and how many values lie below zero."""
    frame = facts.values
    finite = np.isfinite(frame["value"].to_numpy(dtype=float)) if len(frame) else np.zeros(0, dtype=bool)
    values = frame["value"].to_numpy(dtype=float)[finite] if len(frame) else np.zeros(0)
    if not len(values):
        return None
    suspect = _doubtful(frame)[finite]
    quartiles = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
    places = decimals(*quartiles[[1, 3]])
    first, middle, third = (metric(value, places) for value in quartiles[1:4])
    least, most = metric(quartiles[0]), metric(quartiles[4])
    below = int((values < 0).sum())
    label = (
        f"Histogram of the values of {plural(len(values), 'row')}: from {least} to {most}, median {middle}."
    )
    shaded = f" {plural(int(suspect.sum()), 'row')} not clearly above zero." if suspect.any() else ""
    chart, beyond = charts.histogram(values, suspect, label + shaded)
    return {
        "chart": chart,
        "rows": count(len(values)),
        "below": count(below),
        "below_share": percent(below / len(values)),
        "middle": middle,
        "half": f"{first} to {third}",
        "ends": f"{least} to {most}",
        "beyond": plural(beyond, "row") if beyond else None,
        "suspects": plural(int(suspect.sum()), "row") if suspect.any() else None,
    }


def _doubtful(frame: Any) -> NDArray[np.bool_]:
    """The rows whose value is not clearly above zero: its 95% interval reaches zero or lies below."""
    error = frame["stderr"].to_numpy(dtype=float) if "stderr" in frame else np.full(len(frame), np.nan)
    return frame["value"].to_numpy(dtype=float) - Z * error <= 0


def lowest(facts: Facts) -> dict[str, Any] | None:
    """The rows worth least: value, what was found in them, and their cells as they were."""
    frame = facts.lowest.head(LOWEST)
    if not len(frame):
        return None
    found: dict[str, list[Mapping[str, Any]]] = {}
    proposals: Any = facts.proposals
    for record in proposals[proposals["row"].isin(frame.index)].to_dict("records"):
        found.setdefault(record["row"], []).append(record)
    known = facts.values.drop_duplicates("row_key").set_index("row_key")
    places = decimals(*known["value"].reindex(frame.index))
    rows = []
    for key, cells in zip(frame.index, frame.to_numpy(dtype=object), strict=True):
        here = found.get(key, [])
        touched = {record["column"] for record in here if record["state"] in CHANGED}
        shown = (None if is_missing(value) else cell(value, 80) for value in cells)
        rows.append(
            {
                "key": cell(key, WIDEST),
                "value": _value(known, key, places),
                "why": [_finding(record) for record in here],
                "cells": [(text, name in touched) for text, name in zip(shown, frame.columns, strict=True)],
            }
        )
    return {"rows": rows, "columns": [cell(name, WIDEST) for name in frame.columns]}


def _value(known: Any, key: str, places: int) -> str:
    if key not in known.index:
        return DASH
    error = known.at[key, "stderr"] if "stderr" in known else None
    return metric(known.at[key, "value"], places) + (
        f" ± {metric(error, places)}" if is_number(error) else ""
    )


def _finding(record: Mapping[str, Any]) -> str:
    new = "missing" if is_missing(record["new"]) else cell(record["new"], 80)
    return f"{cell(record['column'], WIDEST)} → {new}, {record['state']}"


def removal(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """What leaving rows out does, the lowest first against random ones: whether the values mean anything."""
    curve = summary.get("removal") or {}
    points = zip(*(curve.get(key) or [] for key in ("share", "lowest", "random")), strict=False)
    points = [point for point in points if all(map(is_number, point))]
    if len(points) < 2:
        return None
    metric_name = str(curve.get("metric") or "log_loss")
    sinks = metric_name in story.LOSSES
    name = story.LOSSES.get(metric_name, metric_name.replace("_", " "))
    left_out = [point for point in points if point[0] > 0]
    share, low, chance = min(left_out, key=lambda point: point[1] if sinks else -point[1])
    places = decimals(low, chance)
    sentence = (
        f"Without the lowest {percent(share)} by value {name} is {metric(low, places)}; "
        f"without a random {percent(share)} it is {metric(chance, places)}."
    )
    worse = [at for at, one, two in left_out if ((one >= two) if sinks else (one <= two))]
    if share in worse:
        sentence += " Here the values find harmful rows no better than chance."
    elif worse and share < max(worse):
        turn = min(at for at in worse if at > share)
        sentence += (
            f" From {percent(turn)} on, leaving out the lowest does worse than leaving out random ones."
        )
    shares, lows, chances = (list(column) for column in zip(*points, strict=True))
    lines = {"lowest values first": lows, "random rows": chances}
    return {
        "chart": charts.curves(shares, lines, name, sentence),
        "sentence": sentence,
        "rows": [(percent(at), metric(one), metric(two)) for at, one, two in points],
        "metric": name,
    }


def _share_interval(low: Any, high: Any) -> str | None:
    return f"{percent(low)} to {percent(high)}" if is_number(low) and is_number(high) else None
