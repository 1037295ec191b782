"""Charts: what is drawn is where the numbers say, in the page's colours, and no text in them is code."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from assay.report import charts
from assay.report.charts import Interval

SPANS = [
    Interval("good", 0.04, 0.02, 0.06),
    Interval("none", 0.01, -0.01, 0.03),
    Interval("bad", -0.02, -0.03, -0.01),
]


def place(element: ET.Element) -> tuple[float, float]:
    """Where an element is moved to."""
    found = re.match(r"translate\(([-\d.]+),([-\d.]+)\)", element.get("transform", ""))
    assert found
    return float(found[1]), float(found[2])


@pytest.fixture(scope="module")
def drawn() -> charts.Chart:
    """Three intervals: above, around and below zero."""
    return charts.intervals("arms", SPANS, "gain", "three arms")


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_dots_and_lines_lie_where_the_numbers_say(drawn: charts.Chart, width: str) -> None:
    """Positions are one affine map of the values; rows stand in their order, one step apart."""
    root = ET.fromstring(getattr(drawn, width))
    dots = [dot for dot in root.iter("path") if dot.get("stroke-width") == "2.5"]
    x, y = np.array([place(dot) for dot in dots]).T
    scale, start = np.polyfit([span.value for span in SPANS], x, 1)
    np.testing.assert_allclose(scale * np.array([span.value for span in SPANS]) + start, x, atol=0.02)
    np.testing.assert_allclose(np.diff(y), charts.STEP)
    lines = [line for line in root.iter("line") if line.get("stroke-linecap") == "round"]
    for line, span in zip(lines, SPANS, strict=True):
        at = place(line)[0]
        ends = sorted((at, at + float(line.get("x2", 0))))
        np.testing.assert_allclose(ends, scale * np.array([span.low, span.high]) + start, atol=0.02)


def test_look_follows_the_interval(drawn: charts.Chart) -> None:
    """Above zero, below zero and around it differ in colour, and around it is hollow besides."""
    dots = [dot for dot in ET.fromstring(drawn.wide).iter("path") if dot.get("stroke-width") == "2.5"]
    assert [dot.get("stroke") for dot in dots] == ["var(--good)", "var(--quiet)", "var(--bad)"]
    assert [dot.get("fill") for dot in dots] == ["var(--good)", "var(--page)", "var(--bad)"]


def test_every_colour_is_the_pages(drawn: charts.Chart) -> None:
    """No colour is fixed, so that one drawing serves both themes; no font is named."""
    counted, _ = charts.histogram(np.linspace(-1, 1, 50), np.arange(50) < 9, "fifty rows")
    curve = charts.curves([0, 0.1], {"one": [1, 2], "two": [2, 1]}, "loss", "two lines")
    for svg in (drawn.wide, drawn.narrow, counted.wide, curve.narrow):
        for element in ET.fromstring(svg).iter():
            assert "font-family" not in element.attrib
            for name in ("fill", "stroke"):
                assert element.get(name, "none").startswith(("var(--", "none", "transparent"))


def test_bars_hold_every_row() -> None:
    """Heights of the bars add up to the rows, those of the shaded ones to the suspects."""
    values = np.random.default_rng(0).normal(size=500)
    suspect = values < -0.5
    chart, beyond = charts.histogram(values, suspect, "rows")
    assert beyond == 0
    root = ET.fromstring(chart.wide)
    bars = [bar for bar in root.iter("path") if bar.get("fill") in ("var(--bad)", "var(--quiet)")]
    heights: dict[str, float] = {"var(--bad)": 0, "var(--quiet)": 0}
    for bar in bars:
        size = re.match(r"M[-\d.]+,[-\d.]+h[-\d.]+v([-\d.]+)h", bar.get("d", ""))
        assert size
        heights[bar.get("fill", "")] += abs(float(size[1]))
    assert heights["var(--bad)"] / sum(heights.values()) == pytest.approx(suspect.mean(), abs=1e-3)


def test_far_values_are_counted_at_the_ends() -> None:
    """A few values far out do not squeeze the rest; how many lie beyond is told."""
    values = np.r_[np.random.default_rng(0).normal(size=998), -1e6, 1e6]
    _, beyond = charts.histogram(values, np.zeros(1000, dtype=bool), "rows")
    assert 2 <= beyond <= 12


@pytest.mark.parametrize("values", [[0.0], [1.0, 1.0, 1.0]])
def test_values_that_are_all_the_same_are_drawn(values: list[float]) -> None:
    """One row, or one value, still has a bar."""
    chart, _ = charts.histogram(np.array(values), np.zeros(len(values), dtype=bool), "rows")
    assert "var(--quiet)" in chart.wide


@pytest.mark.parametrize("name", ['"]+alert(1)+["', "\\u0022]", "</svg><script>1</script>", "${1}", "a\nb"])
def test_name_of_an_interval_is_never_code(name: str) -> None:
    """A name is drawn letter by letter, whatever a Vega expression or a page would make of it."""
    chart = charts.intervals("odd", [Interval(name, 1, 0.5, 2)], "gain", "odd")
    (shown,) = [
        text.text for text in ET.fromstring(chart.wide).iter("text") if text.get("text-anchor") == "end"
    ]
    assert shown == name
    assert "<script" not in chart.wide
