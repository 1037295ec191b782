"""Render: a run's facts become one page that needs nothing but itself.

The page carries a policy that forbids every request and every script but its own, so that no cell of a
user's table can ever run, whatever stands in it.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from . import changes, found, judged, settings, story
from .facts import Facts
from .words import clean

_HERE = Path(__file__).parent


def render(facts: Facts) -> str:
    """The whole page as HTML text.

    Pure: the same facts give the same page. Takes about two seconds, most of it for the charts.

    Parameters
    ----------
    facts : Facts
        What the run found and did.

    Returns
    -------
    str
        A document without a reference to anything outside it.
    """
    sections = _sections(facts)
    loader = jinja2.FileSystemLoader(_HERE)
    pages = jinja2.Environment(
        loader=loader,
        autoescape=True,
        finalize=_visible,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    return pages.get_template("page.html.jinja").render(
        style=Markup((_HERE / "style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        contents=_contents(sections),
        **sections,
    )


def _visible(value: Any) -> Any:
    """Every text on its way to the page passes here, so that no invisible or half character reaches it."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _contents(sections: dict[str, Any]) -> list[tuple[str, str]]:
    """The id and title of each section that the page has, in its order."""
    some_repairs = any(sections[name].total for name in ("done", "queued", "refused"))
    held = (
        ("found", "What was found", True),
        ("values", "Values", sections["distribution"]),
        ("gate", "Judgement", sections["rounds"]),
        ("repairs", "Repairs", some_repairs),
        ("lowest", "Lowest rows", sections["lowest"]),
        ("removal", "Removal", sections["removal"]),
        ("final", "Untouched rows", sections["final"]),
        ("truth", "Known truth", sections["truth"]),
        ("settings", "Setup", True),
        ("ledger", "Ledger and undo", True),
    )
    return [(id, title) for id, title, there in held if there]


def _sections(facts: Facts) -> dict[str, Any]:
    summary = facts.summary
    return {
        "masthead": settings.masthead(summary),
        "headline": story.headline(summary),
        "second_line": story.second_line(summary),
        "funnel": found.funnel(summary),
        "refusals": found.refusals(summary),
        "error_rates": found.error_rates(summary),
        "distribution": found.distribution(facts),
        "rounds": judged.rounds(summary),
        "done": changes.repairs(facts),
        "queued": changes.repairs(facts, ("queued",), changes.ASIDE),
        "refused": changes.repairs(facts, ("refused",), changes.ASIDE),
        "lowest": found.lowest(facts),
        "removal": found.removal(summary),
        "final": judged.final(summary),
        "truth": judged.truth(summary),
        "settings": settings.settings(summary),
        "ledger": changes.ledger(facts),
        "loss": story.loss_name(summary),
        "score": story.score_name(summary),
        "judged": any(entry.get("arms") for entry in summary.get("rounds") or []),
    }
