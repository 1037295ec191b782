"""The page as a browser shows it: on a desk and a phone, light and dark, with and without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import chromium
import facts
import pytest
from pages import page

pytestmark = pytest.mark.skipif(chromium.COMMAND is None, reason="no Chromium on this machine")
SHOWN = "[...document.querySelectorAll('#repairs-done tbody tr')].filter((row) => !row.hidden)"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Page]:
    """One browser for all the tests of this file."""
    with chromium.page(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of each case."""
    folder = tmp_path_factory.mktemp("pages")
    for case in facts.ALL:
        (folder / f"{case}.html").write_text(page(case), encoding="utf-8")
    return {case: folder / f"{case}.html" for case in facts.ALL}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("case", list(facts.ALL))
def test_page_fits_and_is_quiet(
    tab: chromium.Page, pages: dict[str, Path], case: str, width: int, dark: bool
) -> None:
    """No scrolling sideways, no complaint, no request but for the file, no foreign script, its theme."""
    tab.open(pages[case], width=width, dark=dark)
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.requests == [pages[case].as_uri()]
    assert tab.complaints == []
    assert tab.run("typeof window.harmed") == "undefined"
    assert tab.run("getComputedStyle(document.body).backgroundColor") == (
        "rgb(20, 23, 26)" if dark else "rgb(252, 252, 251)"
    )
    look = "[...document.querySelectorAll('.chart')].filter((c) => c.offsetWidth).map((c) => c.className)"
    assert set(tab.run(look)) <= {"chart wide" if width > 600 else "chart narrow"}


def test_text_of_charts_stays_in_the_picture(tab: chromium.Page, pages: dict[str, Path]) -> None:
    """No label of a chart is cut off at the edge of a phone."""
    for case in ("census", "hostile"):
        tab.open(pages[case], width=390)
        out = """[...document.querySelectorAll('.narrow text')].map((t) => t.getBoundingClientRect())
            .filter((box) => box.width && (box.left < 0 || box.right > innerWidth)).length"""
        assert tab.run(out) == 0


def test_finding_and_sorting(tab: chromium.Page, pages: dict[str, Path]) -> None:
    """Words and a column narrow the list, a click on a heading sorts it, a second one turns it round."""
    tab.open(pages["census"])
    assert tab.run(f"{SHOWN}.length") == 200
    tab.run(
        """(() => { const tools = document.querySelector('[data-for=repairs-done]');
        const find = tools.querySelector('input'); find.value = 'BACHELORS 487';
        find.dispatchEvent(new Event('input')); })()"""
    )
    found = tab.run(f"{SHOWN}.map((row) => row.cells[1].textContent)")
    assert set(found) == {"education"}
    assert 0 < len(found) < 200
    told = tab.run("document.querySelector('[data-for=repairs-done] output').value")
    assert told == f"{len(found)} of 200 shown"
    order = f"{SHOWN}.map((row) => Number(row.cells[4].dataset.value))"
    head = "document.querySelectorAll('#repairs-done th[data-sort] button')[4]"
    tab.run(f"{head}.click()")
    rising = tab.run(order)
    assert rising == sorted(rising)
    tab.run(f"{head}.click()")
    assert tab.run(order) == rising[::-1]
    assert tab.run(f"{head}.parentNode.getAttribute('aria-sort')") == "descending"
    assert tab.complaints == []


def test_page_works_without_scripts(tab: chromium.Page, pages: dict[str, Path]) -> None:
    """With scripts off all rows are there and no control that would do nothing."""
    tab.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(pages["census"])
        assert tab.run(f"{SHOWN}.length") == 200
        dead = (
            "[...document.querySelectorAll('button, input, select')].filter((one) => one.offsetWidth).length"
        )
        assert tab.run(dead) == 0
    finally:
        tab.ask("Emulation.setScriptExecutionDisabled", value=False)


def test_keyboard_reaches_all_and_shows_where_it_is(tab: chromium.Page, pages: dict[str, Path]) -> None:
    """The first stop is the way past the header; every stop has an outline."""
    tab.open(pages["census"])
    stops = []
    for _ in range(30):
        for kind in ("keyDown", "keyUp"):
            tab.ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        stops.append(tab.run("document.activeElement.className || document.activeElement.tagName"))
        assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid", stops
    assert stops[0] == "skip"
    assert {"A", "BUTTON", "INPUT", "SELECT", "SUMMARY"} <= {stop for stop in stops if stop.isupper()}
    assert any(stop.startswith("scroll") for stop in stops)


def test_printed_page_is_light_and_whole(tab: chromium.Page, pages: dict[str, Path]) -> None:
    """On paper the theme is light, lists are not cut, and what cannot be pressed is gone."""
    tab.open(pages["census"], dark=True)
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    tab.ask("Emulation.setEmulatedMedia", media="print", features=[dark])
    assert (
        tab.run("getComputedStyle(document.documentElement).getPropertyValue('--page').trim()") == "#fcfcfb"
    )
    assert tab.run("getComputedStyle(document.querySelector('.tall')).maxHeight") == "none"
    assert tab.run("document.querySelector('.tools').offsetWidth") == 0
    tab.ask("Emulation.setEmulatedMedia", media="")
