"""Story: what a run's summary lets one say, in sentences. Nothing is said that was not measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .words import decimals, direction, interval, is_number, metric, plural, signed

Summary = Mapping[str, Any]
LOSSES = {"log_loss": "log-loss", "squared_error": "squared error"}
VERDICTS = {
    "repair": "Repairs kept",
    "drop": "Rows dropped",
    "refused": "Batch refused",
    "nothing": "Nothing to change",
}


@dataclass(frozen=True)
class Effect:
    """One metric before and after, on rows that no repair could touch.

    Parameters
    ----------
    name : str
        The metric as people call it.
    before, after, gain, interval : str or None
        Formatted figures; the interval is `low to high` of the gain, None where it was not measured.
    verdict : str or None
        `better`, `worse` or `no measurable change`; None where there is no interval.
    sentence : str
        All of it in words, without a full stop.
    """

    name: str
    before: str
    after: str
    gain: str
    interval: str | None
    verdict: str | None
    sentence: str


def score_name(summary: Summary) -> str:
    """The user's score as words: `balanced_accuracy` is `balanced accuracy`."""
    return str(summary.get("score") or "score").replace("_", " ")


def loss_name(summary: Summary) -> str:
    """What the model's loss is called: log-loss of classes, squared error of numbers."""
    name = (summary.get("final") or {}).get("loss") or (summary.get("removal") or {}).get("metric")
    return LOSSES.get(str(name), "log-loss")


def effects(summary: Summary) -> list[Effect]:
    """The final rows before and after: the loss, then the user's score; those that were measured."""
    final = summary.get("final") or {}
    found = [
        _effect(final, "log_loss", loss_name(summary), final.get("log_loss_gain") or {}, sinks=True),
        _effect(final, "score", score_name(summary), final.get("score_gain") or {}, sinks=False),
    ]
    return [effect for effect in found if effect is not None]


def _effect(final: Mapping, key: str, name: str, gain: Mapping, *, sinks: bool) -> Effect | None:
    before, after = (final.get("before") or {}).get(key), (final.get("after") or {}).get(key)
    if not (is_number(before) and is_number(after)):
        return None
    places = decimals(before, after)
    told = name, metric(before, places), metric(after, places)
    figures = f"from {told[1]} to {told[2]}"
    size, low, high = gain.get("gain"), gain.get("low"), gain.get("high")
    if not (is_number(size) and is_number(low) and is_number(high)):
        return Effect(*told, signed(size), None, None, f"{name} went {figures}")
    fine = max(places, decimals(size, low, high))
    span, verdict = interval(low, high, fine), direction(low, high)
    if verdict == "no measurable change":
        sentence = (
            f"no measurable change in {name}: {figures}, gain {signed(size, fine)} (95% interval {span})"
        )
    else:
        near, far = sorted((abs(low), abs(high)))
        verb = "fell" if (size > 0) == sinks else "rose"
        by = f"{metric(abs(size), fine)} (95% interval {interval(near, far, fine)})"
        sentence = f"{name} {verb} {figures}, by {by}"
    return Effect(*told, signed(size, fine), span, verdict, sentence)


def what_happened(summary: Summary) -> str:
    """What the run changed, in one clause without a full stop."""
    cells, rows = summary.get("accepted") or 0, summary.get("dropped_rows") or 0
    done = [f"{plural(cells, 'cell')} repaired"] if cells else []
    done += [f"{plural(rows, 'row')} set aside"] if rows else []
    if done:
        return " and ".join(done)
    valued, suspected, proposed = (summary.get(key) for key in ("valued", "suspected", "proposed"))
    if proposed:
        return f"Nothing was changed: {plural(proposed, 'repair')} proposed, none kept"
    if suspected:
        return f"Nothing was changed: {plural(suspected, 'row')} suspected, no repair proposed"
    if is_number(valued):
        return f"Nothing to repair: {plural(valued, 'row')} valued, none suspected"
    return "Nothing was changed"


def changed(summary: Summary) -> bool:
    """Whether the run changed the table at all."""
    return bool(summary.get("accepted") or summary.get("dropped_rows"))


def headline(summary: Summary) -> str:
    """The whole run in one sentence with its numbers."""
    first = what_happened(summary)
    measured = effects(summary)
    if not changed(summary) or not measured:
        return first + "."
    rows = (summary.get("final") or {}).get("rows")
    where = f" on {plural(rows, 'untouched row')}" if is_number(rows) else " on the untouched rows"
    effect = measured[0]
    sentence = effect.sentence.replace(effect.name, effect.name + where, 1)
    return f"{first}; {sentence}."


def second_line(summary: Summary) -> str | None:
    """What the user's own score did, as a sentence; None where nothing changed or it was not measured."""
    measured = [effect for effect in effects(summary) if effect.name == score_name(summary)]
    if not changed(summary) or not measured:
        return None
    text = measured[0].sentence
    return f"{text[0].upper()}{text[1:]}."
