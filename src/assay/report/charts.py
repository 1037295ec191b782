"""Charts: small pictures as inline SVG, one wide and one for phones, coloured by the page's CSS variables.

altair describes a chart, vl-convert draws it in this process; nothing is fetched. Colours are `var(--name)`,
so that one drawing serves the light, the dark and the printed page.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import vl_convert
from markupsafe import Markup

from .._types import Floats
from .words import clean, direction

WIDE, NARROW = 720, 340
STEP = 28
_LOOKS = {"better": "var(--good)", "worse": "var(--bad)", "no measurable change": "var(--quiet)"}
_AXIS = {
    "labelColor": "var(--soft)",
    "titleColor": "var(--soft)",
    "gridColor": "var(--line)",
    "domainColor": "var(--line)",
    "tickColor": "var(--line)",
    "labelFontSize": 12,
    "titleFontSize": 12,
    "titleFontWeight": "normal",
    "labelPadding": 6,
    "titlePadding": 10,
}
_CONFIG = {
    "font": "system-ui, sans-serif",
    "background": None,
    "view": {"stroke": None},
    "axis": _AXIS,
}
_FAR = 25.0  # a range this many times the middle half is cut at the ends, and said so


@dataclass(frozen=True)
class Chart:
    """One chart in two widths.

    Parameters
    ----------
    wide, narrow : Markup
        The SVG for a desktop and for a phone.
    label : str
        The chart's data in one or two sentences, for who cannot see it.
    """

    wide: Markup
    narrow: Markup
    label: str


@dataclass(frozen=True)
class Interval:
    """One line of an interval chart: a name, an estimate and where it may lie."""

    name: str
    value: float
    low: float
    high: float


def intervals(
    name: str, rows: Sequence[Interval], title: str, label: str, *, zero: bool = True, form: str | None = None
) -> Chart:
    """Dots with their intervals, one a line, against zero; hollow where the interval holds zero.

    Parameters
    ----------
    name : str
        Short name of the chart, used for ids.
    rows : sequence of Interval
        Top to bottom.
    title : str
        What the horizontal axis measures.
    label : str
        The data in words.
    zero : bool
        Whether zero means "no change": draws its line and colours by side.
    form : str, optional
        The format of the axis, such as `%`.
    """
    records = [_record(place, row, zero=zero) for place, row in enumerate(rows)]
    names = [clean(row.name) for row in rows]

    def build(width: int) -> Any:
        y = alt.Y(
            "place:O",
            sort=None,
            title=None,
            axis=_names_axis(names, width),
            scale=alt.Scale(paddingOuter=0.3),
        )
        look, stroke = alt.Color("look:N", scale=None), alt.Stroke("look:N", scale=None)
        x = alt.X("low:Q", title=title, axis=_ticks(width, form), scale=alt.Scale(zero=True))
        base = alt.Chart(alt.InlineData(values=records)).encode(y=y)
        line = base.mark_rule(strokeWidth=2.5, strokeCap="round").encode(x=x, x2="high:Q", color=look)
        dot = base.mark_point(size=80, strokeWidth=2.5, opacity=1)
        dots = dot.encode(x="value:Q", stroke=stroke, fill=alt.Fill("fill:N", scale=None))
        layers = [_zero(), line, dots] if zero else [line, dots]
        return alt.layer(*layers).properties(height=alt.Step(STEP))

    return _chart(name, build, label)


def _record(place: int, row: Interval, *, zero: bool) -> dict[str, Any]:
    """What is drawn for one interval: coloured by side and hollow around zero, where zero means anything."""
    look = _LOOKS[direction(row.low, row.high) or "no measurable change"] if zero else "var(--good)"
    hollow = zero and row.low <= 0 <= row.high
    ends = {"value": row.value, "low": row.low, "high": row.high}
    return {"place": place, **ends, "look": look, "fill": "var(--page)" if hollow else look}


def _zero() -> alt.Chart:
    """A dashed line at zero."""
    at = alt.Chart(alt.InlineData(values=[{"at": 0}])).mark_rule(color="var(--soft)", strokeDash=[3, 3])
    return at.encode(x="at:Q")


def histogram(values: Floats, suspect: Any, label: str) -> tuple[Chart, int]:
    """The distribution of the values, suspects on top of the others.

    Parameters
    ----------
    values : (n,) floats
        Finite values, in units of the score.
    suspect : (n,) bool
        Which rows were suspected.
    label : str
        The data in words.

    Returns
    -------
    chart, beyond
        The chart, and how many rows lie beyond the drawn ends (counted in the outermost bars).
    """
    low, high = float(values.min()), float(values.max())
    first, third = np.quantile(values, [0.25, 0.75])
    if high - low > _FAR * (third - first) > 0:
        low, high = (float(end) for end in np.quantile(values, [0.005, 0.995]))
    beyond = int(((values < low) | (values > high)).sum())
    inside = np.clip(values, low, high)
    edges = np.histogram_bin_edges(inside, bins=min(48, max(8, len(values) // 20)))
    under, _ = np.histogram(inside[suspect], bins=edges)
    over, _ = np.histogram(inside[~suspect], bins=edges)
    records = []
    for start, end, shaded, plain in zip(edges[:-1], edges[1:], under, over, strict=True):
        spans = ((0, shaded, "var(--bad)"), (shaded, shaded + plain, "var(--quiet)"))
        records += [
            {"from": float(start), "to": float(end), "bottom": int(bottom), "top": int(top), "look": look}
            for bottom, top, look in spans
            if top > bottom
        ]

    def build(width: int) -> Any:
        bars = alt.Chart(alt.InlineData(values=records)).mark_bar(binSpacing=1)
        x = alt.X("from:Q", bin="binned", title="value of a row", axis=_ticks(width))
        y = alt.Y("bottom:Q", title="rows", axis=alt.Axis(tickCount=4, domain=False, ticks=False))
        drawn = bars.encode(x=x, x2="to:Q", y=y, y2="top:Q", color=alt.Color("look:N", scale=None))
        layers = [drawn, _zero()] if low <= 0 <= high else [drawn]
        return alt.layer(*layers).properties(height=200)

    return _chart("values", build, label), beyond


def curves(share: Sequence[float], lines: Mapping[str, Sequence[float]], title: str, label: str) -> Chart:
    """One line per entry of `lines` over the share of rows removed; the first is the one that matters.

    Parameters
    ----------
    share : (k,) floats
        Share of the training rows left out, 0..1.
    lines : mapping of str to (k,) floats
        Name of the line and its metric at each share.
    title : str
        What the vertical axis measures.
    label : str
        The data in words.
    """
    records = [
        {"share": float(at), "height": float(height), "line": name}
        for name, heights in lines.items()
        for at, height in zip(share, heights, strict=True)
    ]
    names = list(lines)

    def build(width: int) -> Any:
        look = alt.Scale(domain=names, range=["var(--good)", "var(--soft)"])
        dash = alt.Scale(domain=names, range=[[1, 0], [5, 4]])
        base = alt.Chart(alt.InlineData(values=records)).mark_line(
            strokeWidth=2.5, point=alt.OverlayMarkDef(size=36)
        )
        return base.encode(
            x=alt.X("share:Q", title="share of training rows left out", axis=_ticks(width, "%")),
            y=alt.Y(
                "height:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5, domain=False)
            ),
            color=alt.Color("line:N", scale=look, legend=None),
            strokeDash=alt.StrokeDash("line:N", scale=dash, legend=None),
        ).properties(height=230)

    return _chart("removal", build, label)


def _ticks(width: int, form: str | None = None) -> alt.Axis:
    kept: dict[str, Any] = {} if form is None else {"format": form}
    if width == NARROW:
        kept["titleAnchor"] = "end"  # a long title grows over the names on the left, not out of the picture
    return alt.Axis(tickCount=7 if width == WIDE else 4, domain=False, ticks=False, labelFlush=False, **kept)


def _names_axis(names: Sequence[str], width: int) -> alt.Axis:
    longest, letter = (30, 7.8) if width == WIDE else (14, 7.2)
    short = [name if len(name) <= longest else f"{name[: longest - 1].rstrip()}…" for name in names]
    room = round(
        letter * max(map(len, short)) + 12
    )  # the reader's font may be wider than the one measured here
    return alt.Axis(
        labelExpr=f"{_expression(short)}[datum.value]",
        labelLimit=0,
        labelColor="var(--ink)",
        labelFontSize=13 if width == WIDE else 12,
        minExtent=room,
        maxExtent=room,
        domain=False,
        ticks=False,
    )


def _expression(names: Sequence[str]) -> str:
    """A Vega array literal: every character as an escape, so that none of them is code."""

    def quote(text: str) -> str:
        units = text.encode("utf-16-be", "replace")
        return '"' + "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)) + '"'

    return f"[{','.join(map(quote, names))}]"


def _chart(name: str, build: Callable[[int], Any], label: str) -> Chart:
    return Chart(_draw(f"{name}-wide", build, WIDE), _draw(f"{name}-narrow", build, NARROW), label)


def _draw(name: str, build: Callable[[int], Any], width: int) -> Markup:
    spec = (
        build(width)
        .properties(width=width, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
        .to_dict()
    )
    spec["config"] = _CONFIG
    root = ET.fromstring(vl_convert.vegalite_to_svg(spec))
    _trim(root, name)
    root.attrib.pop("version", None)
    root.set("aria-hidden", "true")  # the figure around it carries the label
    root.set("focusable", "false")
    return Markup(ET.tostring(root, encoding="unicode"))


def _trim(node: ET.Element, name: str) -> None:
    """Drop what draws nothing, make ids unique on the page, leave fonts to the page, shorten figures."""
    node.tag = node.tag.rpartition("}")[2]
    for key in list(node.attrib):
        if key.startswith("aria-") or key in ("role", "pointer-events", "font-family", "class"):
            del node.attrib[key]
        elif key == "id":
            node.set(key, f"{name}-{node.attrib[key]}")
        else:
            text = re.sub(r"\burl\(#", f"url(#{name}-", node.attrib[key])
            node.set(key, re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found.group()):.2f}", text))
    for child in list(node):
        _trim(child, name)
        empty = child.tag == "g" and not len(child) and not child.text
        if empty or child.get("opacity") == "0" or child.get("d") in ("", "M0,0h0v0h0Z"):
            node.remove(child)
