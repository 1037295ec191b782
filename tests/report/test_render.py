"""The page: whole, self-contained, honest, safe, and the same each time."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import itertools
import re
from pathlib import Path
from typing import Any

import facts
import pandas as pd
import pytest
from markup import Reader
from pages import page

import assay.report
from assay.report import render

LOADERS = {"link", "img", "iframe", "object", "embed", "video", "audio", "base", "form", "image", "use"}
CASES = pytest.mark.parametrize("case", list(facts.ALL))
STYLE = (Path(assay.report.__file__).parent / "style.css").read_text(encoding="utf-8")


@functools.cache
def read(case: str) -> Reader:
    """The parsed page of a case."""
    return Reader(page(case))


def text_of(case: str) -> str:
    """All that a reader sees, blanks folded."""
    return " ".join(read(case).all("body")[0].text.split())


@CASES
def test_page_is_well_formed_and_its_ids_are_unique(case: str) -> None:
    """Every tag is closed in order; no id is there twice, and every reference finds its element."""
    elements = read(case).elements
    ids = [element.attributes["id"] for element in elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in elements:
        for name in ("aria-labelledby", "data-for", "data-copy", "for"):
            assert element.attributes.get(name, ids[0]) in ids
        if element.tag == "a":
            assert (element.attributes["href"] or "").removeprefix("#") in ids


@CASES
def test_page_asks_nothing_of_anyone(case: str) -> None:
    """No element loads anything, no style imports anything, and a policy forbids both."""
    for element in read(case).elements:
        assert element.tag not in LOADERS
        for name, value in element.attributes.items():
            if name in ("src", "srcset", "href", "xlink:href", "action", "data", "background", "poster"):
                assert name == "href"
                assert (value or "").startswith("#")
            if name not in ("aria-label", "title", "content") and value:
                assert "://" not in value or element.tag == "option"
    assert not re.search(r"url\(|@import|expression\(", STYLE)
    policy = read(case).all("meta")[1].attributes["content"] or ""
    assert policy.startswith("default-src 'none'; ")


@CASES
def test_only_own_script_can_run(case: str) -> None:
    """There is one script, the policy names its hash, and no attribute holds code."""
    (script,) = read(case).all("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in (read(case).all("meta")[1].attributes["content"] or "")
    assert "harmed" not in script.text
    for element in read(case).elements:
        assert not any(name.startswith("on") for name in element.attributes)


def test_hostile_texts_are_shown_as_text() -> None:
    """Markup in cells, column names, table names and reasons is read, not run."""
    shown = text_of("hostile")
    assert shown.count(facts.HOSTILE) > 50
    assert "<img src=x onerror=window.harmed=3>" in shown
    assert "{{ 7 * 7 }}" in shown
    assert "(20,000 characters)" in shown
    page("hostile").encode("utf-8")


@CASES
def test_headings_descend_one_level_at_a_time(case: str) -> None:
    """One h1; no level is skipped on the way down."""
    levels = [int(element.tag[1]) for element in read(case).elements if re.fullmatch("h[1-6]", element.tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


@CASES
def test_everything_has_a_name_for_who_cannot_see_it(case: str) -> None:
    """The language is told; tables have captions and headed rows; pictures have a label with figures."""
    assert read(case).all("html")[0].attributes["lang"] == "en"
    for table in read(case).all("table"):
        tags = [element.tag for element in table.inside]
        assert tags[0] == "caption"
        assert "thead" in tags
        assert all(head.attributes.get("scope") for head in table.inside if head.tag == "th")
    for element in read(case).elements:
        if element.attributes.get("role") == "img":
            assert re.search(r"\d", element.attributes["aria-label"] or "")
        if "scroll" in (element.attributes.get("class") or "").split():
            assert element.attributes["tabindex"] == "0"


@CASES
def test_no_text_holds_a_leftover_of_the_program(case: str) -> None:
    """No None, nan or repr of an object is shown as if it were a figure."""
    assert not re.search(r"\bNone\b|\bnan\b|\bNaN\b|<NA>|NaT|object at 0x|dtype", text_of(case))


def figures(summary: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], float]]:
    """Every number of a summary with the way to it."""
    if isinstance(summary, dict):
        return [found for key, value in summary.items() for found in figures(value, (*path, key))]
    if isinstance(summary, list):
        return [found for value in summary for found in figures(value, path)]
    return [(path, summary)] if isinstance(summary, int | float) and not isinstance(summary, bool) else []


def ways_to_write(path: tuple[str, ...], number: float) -> list[str]:
    """How a number of the summary may stand in the page."""
    size = abs(number)
    told = [f"{number:,}"] if isinstance(number, int) else []
    told += [f"{size:.{places}f}" for places in (2, 3, 4)]
    if path[0] in ("error_rates", "truth", "removal") or path[-1] in ("expected_precision", "rate"):
        told += [f"{100 * size:.0f}%", f"{100 * size:.1f}%"]
    return told


@pytest.mark.parametrize("case", ["census", "dropped"])
def test_every_measured_figure_is_in_the_page(case: str) -> None:
    """Each number of the summary can be read somewhere, rounded as announced."""
    shown = text_of(case)
    for path, number in figures(facts.ALL[case]().summary):
        ways = ["2 min 48 s"] if path[-1] == "seconds" else ways_to_write(path, number)
        assert not number or any(way in shown for way in ways), (path, number)


@pytest.mark.parametrize("case", ["census", "dropped", "nothing", "heights"])
def test_headline_holds_no_figure_that_was_not_measured(case: str) -> None:
    """Every number of the headline is one of the summary's."""
    summary = facts.ALL[case]().summary
    known = {way for path, number in figures(summary) for way in ways_to_write(path, number)} | {"95"}
    (title,) = read(case).all("title")
    assert set(re.findall(r"\d[\d,]*(?:\.\d+)?", title.text)) <= known


def test_headlines_say_what_happened() -> None:
    """Won, nothing measurable, and nothing to do read as such."""
    titles = {case: read(case).all("title")[0].text for case in ("census", "dropped", "nothing", "bare")}
    assert titles["census"] == (
        "412 cells repaired; log-loss on 750 untouched rows fell from 0.412 to 0.371, "
        "by 0.041 (95% interval 0.029 to 0.053)."
    )
    assert titles["dropped"].startswith("62 rows set aside; no measurable change in log-loss on 750")
    assert titles["nothing"] == "Nothing to repair: 3,000 rows valued, none suspected."
    assert titles["bare"] == "Nothing was changed."


def test_worse_is_called_worse() -> None:
    """A run that did harm on the final rows says so in its first sentence."""
    told = facts.bare()
    final = {
        "rows": 750,
        "before": {"log_loss": 0.4, "score": 0.82},
        "after": {"log_loss": 0.43, "score": 0.8},
        "log_loss_gain": {"gain": -0.03, "low": -0.05, "high": -0.01},
        "score_gain": {"gain": -0.02, "low": -0.03, "high": -0.01},
    }
    harm = render(
        dataclasses.replace(
            told, summary={**told.summary, "score": "accuracy", "accepted": 9, "final": final}
        )
    )
    title = Reader(harm).all("title")[0].text
    assert "rose from 0.400 to 0.430, by 0.030 (95% interval 0.010 to 0.050)" in title
    assert "Accuracy fell from 0.820 to 0.800, by 0.020 (95% interval 0.010 to 0.030)." in harm


def test_what_was_not_measured_has_no_section() -> None:
    """Without truth, final rows or edits there is no section that pretends to them."""
    sections = {case: {one.attributes["id"] for one in read(case).all("section")} for case in facts.ALL}
    assert "truth" in sections["census"]
    assert "truth" not in sections["heights"]
    assert sections["nothing"].isdisjoint({"truth", "final", "repairs"})
    assert sections["bare"] == {"found", "settings", "ledger"}
    assert "nothing to undo" in text_of("bare")


def test_long_lists_are_cut_and_say_so() -> None:
    """Of 412 repairs 200 are listed, the most probable first, with the rest counted and the command."""
    rows = [element for element in read("census").one("repairs-done").inside if element.tag == "tr"]
    assert len(rows) == 1 + 200
    assert "The first 200 of 412. 212 more" in text_of("census")
    assert read("census").one("log-command").text == "assay log demo/census.duckdb --edits"
    cells = [cell for row in rows[1:] for cell in row.inside if "data-value" in cell.attributes]
    known = facts.census().proposals.query("state == 'applied'")["p_correct"]
    likely = sorted(known, reverse=True)[:200]
    assert [cell.text for cell in cells] == [">0.99" if p > 0.99 else f"{p:.2f}" for p in likely]


def test_undo_is_a_command_that_can_be_pasted() -> None:
    """The way back stands at the top, quoted for a shell, with the table where several could be meant."""
    assert read("census").one("undo-command").text == "assay revert demo/census.duckdb --run 1"
    hostile = f"assay revert '{facts.HOSTILE}' --table '{facts.HOSTILE}' --run 1"
    assert read("hostile").one("undo-command").text == hostile
    assert "undo-command" not in page("nothing").replace("data-copy", "")


def test_edits_taken_back_are_told() -> None:
    """A run that was undone in part or whole says so above everything else."""
    edits = facts.census().ledger
    some = edits.assign(undone=[place < 3 for place in range(412)])
    shown = render(dataclasses.replace(facts.bare(), ledger=some))
    assert "3 of the 412 edits of this run have been taken back" in shown
    whole = dataclasses.replace(facts.bare(), ledger=edits.assign(undone=True))
    assert "All of this run has been taken back since." in render(whole)


def test_broken_ledger_is_told() -> None:
    """A ledger that does not hang together is not said to."""
    edits = facts.census().ledger
    broken = "Entry 7 is not as it was written."
    shown = render(dataclasses.replace(facts.bare(), ledger=edits, broken=broken))
    assert broken in shown
    assert "unbroken" not in shown


def test_same_facts_give_the_same_page() -> None:
    """Rendering is pure: no clock, no chance, and the facts stay as they were."""
    told = facts.heights()
    before = told.proposals.copy(deep=True)
    assert render(told) == page("heights")
    pd.testing.assert_frame_equal(told.proposals, before)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, two: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_have_contrast_in_both_themes(theme: int) -> None:
    """Text reaches 4.5 to 1 on every ground that it stands on, marks and outlines 3 to 1 (WCAG AA)."""
    block = re.findall(r":root\s*{(.*?)}", STYLE, re.S)[theme]
    colours = dict(re.findall(r"--(\w+):\s*(#[0-9a-f]{6})", block))
    for text in ("ink", "soft", "good", "bad"):
        for ground in ("page", "raised"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for ground in ("old", "new"):
        assert contrast(colours["ink"], colours[ground]) >= 4.5
        assert contrast(colours["soft"], colours[ground]) >= 4.5
    for mark in ("quiet", "focus", "good", "bad"):
        assert contrast(colours[mark], colours["page"]) >= 3, mark


def test_end_of_an_interval_beside_zero_is_no_zero() -> None:
    """An arm that is worse by a hair shows both ends below zero."""
    told = facts.bare()
    hair = facts.arm("drop", 3, 0.4, (-0.0003, -0.0005, -0.00002), 0.8, (0, 0, 0))
    arms = [facts.arm("nothing", 0, 0.4, (0, 0, 0), 0.8, (0, 0, 0)), hair]
    entry = {"round": 1, "verdict": "refused", "why": "no gain", "arms": arms}
    shown = Reader(render(dataclasses.replace(told, summary={**told.summary, "rounds": [entry]})))
    minus = "\N{MINUS SIGN}"
    assert f"{minus}0.00030 ({minus}0.00050 to {minus}0.00002)" in shown.one("arms-1").text
    assert "worse" in shown.one("arms-1").text


@pytest.mark.parametrize(
    ("lowest", "said"),
    [
        ([0.44, 0.43, 0.5], "From 10% on, leaving out the lowest does worse than leaving out random ones."),
        ([0.44, 0.46, 0.5], "Here the values find harmful rows no better than chance."),
        (
            [0.44, 0.43, 0.42],
            "Without the lowest 10% by value log-loss is 0.420; without a random 10% it is 0.450.",
        ),
    ],
)
def test_removal_is_told_as_it_went(lowest: list[float], said: str) -> None:
    """Where values help, where they stop to, and where they never did is said in words."""
    curve = {"share": [0, 0.05, 0.1], "lowest": lowest, "random": [0.44, 0.445, 0.45], "metric": "log_loss"}
    told = facts.bare()
    shown = Reader(render(dataclasses.replace(told, summary={**told.summary, "removal": curve})))
    assert said in shown.one("removal").text
