"""Judged: how the gate decided, what the untouched rows say, and how known truth grades the repairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import charts, story
from .words import (
    DASH,
    WIDEST,
    cell,
    count,
    decimals,
    direction,
    interval,
    is_number,
    metric,
    percent,
    plural,
    sentence,
    signed,
)


def rounds(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each round: its verdict in words, and its arms as rows and as a chart."""
    return [_round(entry, summary, place) for place, entry in enumerate(summary.get("rounds") or [], 1)]


def _round(entry: Mapping[str, Any], summary: Mapping[str, Any], place: int) -> dict[str, Any]:
    arms = entry.get("arms") or []
    number, expert = entry.get("round"), entry.get("expert")
    figures = (
        ("rows suspected", count, entry.get("suspected")),
        ("repairs proposed", count, entry.get("proposed")),
        ("accepted", count, entry.get("accepted")),
        ("rows set aside", count, entry.get("dropped") or None),
        ("accepted from probability", metric, entry.get("threshold")),
        ("expected to be right", percent, entry.get("expected_precision")),
    )
    verdict = str(entry.get("verdict"))
    return {
        "title": f"Round {number}" + (f", {cell(expert, WIDEST)} expert" if expert else ""),
        "verdict": story.VERDICTS.get(verdict, cell(verdict, WIDEST)),
        "kept": verdict in ("repair", "drop"),
        "why": sentence(entry.get("why")),
        "figures": [(name, form(value)) for name, form, value in figures if is_number(value)],
        "arms": [_arm(arm, _places(arms, ""), _places(arms, "score_")) for arm in arms],
        "chart": _arms_chart(arms, place, story.loss_name(summary)),
        "scored": any(is_number(arm.get("score")) for arm in arms),
    }


def _arm(arm: Mapping[str, Any], places: int, score_places: int) -> dict[str, Any]:
    reference = arm.get("arm") == "nothing"
    verdict = direction(arm.get("low"), arm.get("high"))
    return {
        "name": cell(arm.get("arm"), WIDEST),
        "rows": count(arm.get("rows")),
        "loss": metric(arm.get("log_loss")),
        "gain": DASH if reference else gain_text(arm.get("gain"), arm.get("low"), arm.get("high"), places),
        "score": metric(arm.get("score")),
        "score_gain": DASH
        if reference
        else gain_text(arm.get("score_gain"), arm.get("score_low"), arm.get("score_high"), score_places),
        "reading": "the reference" if reference else verdict or "not measured",
        "tone": "" if reference else {"better": "good", "worse": "bad"}.get(verdict or "", ""),
    }


def _places(arms: Iterable[Mapping[str, Any]], prefix: str) -> int:
    """Decimals that do for a column of gains: as many as the one that needs most, but no more than 4."""
    ends = ("gain", "low", "high") if not prefix else ("score_gain", "score_low", "score_high")
    return min(4, max(decimals(*(arm.get(end) for end in ends)) for arm in arms))


def _arms_chart(arms: Iterable[Mapping[str, Any]], place: int, loss: str) -> charts.Chart | None:
    spans = [
        charts.Interval(str(arm["arm"]), arm["gain"], arm["low"], arm["high"])
        for arm in arms
        if arm.get("arm") != "nothing" and all(is_number(arm.get(key)) for key in ("gain", "low", "high"))
    ]
    if not spans:
        return None
    label = f"Gain in {loss} over doing nothing: " + "; ".join(
        f"{span.name} {gain_text(span.value, span.low, span.high)}" for span in spans
    )
    title = f"gain in {loss} over doing nothing (right is better)"
    return charts.intervals(f"arms-{place}", spans, title, label)


def gain_text(gain: Any, low: Any, high: Any, places: int | None = None) -> str:
    """`+0.041 (0.029 to 0.053)`; without the bracket where no interval was measured."""
    places = decimals(gain, low, high) if places is None else places
    if direction(low, high) in ("better", "worse"):
        places = max(places, decimals(low, high))  # an end beside zero must not read as zero
    span = interval(low, high, places)
    return signed(gain, places) + (f" ({span})" if span else "")


def final(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """The untouched rows before and after, and what each batch is worth when it alone is left out."""
    effects = story.effects(summary)
    if not effects:
        return None
    return {
        "rows": count((summary.get("final") or {}).get("rows")),
        "effects": effects,
        "changed": story.changed(summary),
        "measured": any(effect.interval for effect in effects),
        "batches": _leave_one_out(summary),
    }


def _leave_one_out(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    batches = [batch for batch in summary.get("leave_one_batch_out") or [] if is_number(batch.get("gain"))]
    if not batches:
        return None
    rows = [
        (
            str(batch["batch"]),
            count(batch.get("edits")),
            gain_text(batch["gain"], batch.get("low"), batch.get("high")),
            direction(batch.get("low"), batch.get("high")) or "not measured",
        )
        for batch in batches
    ]
    spans = [
        charts.Interval(f"batch {batch['batch']}", batch["gain"], batch["low"], batch["high"])
        for batch in batches
        if is_number(batch.get("low")) and is_number(batch.get("high"))
    ]
    loss = story.loss_name(summary)
    label = f"{loss.capitalize()} that each batch saves: " + "; ".join(
        f"batch {row[0]} {row[2]}" for row in rows
    )
    title = f"{loss} that the batch saves"
    return {"rows": rows, "chart": charts.intervals("batches", spans, title, label) if spans else None}


def truth(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """How the known truth grades the accepted repairs; None where no truth is known."""
    known = summary.get("truth")
    if not known:
        return None
    columns = [
        (cell(entry["column"], WIDEST), count(entry["graded"]), count(entry["right"]), _share(entry))
        for entry in known.get("by_column") or []
    ]
    return {"sentences": _grades(known, story.loss_name(summary)), "columns": columns}


def _grades(known: Mapping[str, Any], loss: str) -> list[str]:
    told = []
    if is_number(known.get("precision")):
        span = ""
        if is_number(known.get("low")) and is_number(known.get("high")):
            span = f" (95% interval {percent(known['low'])} to {percent(known['high'])})"
        graded = f"Of {plural(known.get('graded'), 'repaired cell')} that the truth can grade"
        told.append(f"{graded}, {count(known.get('right'))} are right: {percent(known['precision'])}{span}.")
    arms = (("before", "as it came"), ("after", "as it was repaired"), ("true", "as it truly is"))
    losses = [(known.get(f"log_loss_{name}"), what) for name, what in arms]
    figures = [f"{metric(figure)} from the table {what}" for figure, what in losses if is_number(figure)]
    if figures:
        told.append(f"On the true cells of the final rows the model's {loss} is {', '.join(figures)}.")
    share = known.get("recovered")
    if is_number(share):
        won = percent(share) if share > 0 else "None"
        told.append(f"{won} of the {loss} that the errors cost was won back.")
    return told


def _share(entry: Mapping[str, Any]) -> str:
    return percent(entry["right"] / entry["graded"]) if entry.get("graded") else DASH
