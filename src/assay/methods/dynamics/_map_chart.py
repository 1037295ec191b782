"""The map of a training drawn: a chart to point at and drag over, and the page that carries it."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import vl_convert

if TYPE_CHECKING:
    import pandas as pd

    from .training_map import TrainingMap

DRAWN, LISTED = 5000, 25
WIDTH, HEIGHT = 620, 440
REGIONS = ["easy", "ambiguous", "hard"]
COLOURS = ["#c0392b", "#8e6bb0", "#1f5fa8"]  # of 0, a half and 1; none of them pale
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'">
<title>Map of a training</title>
<script>{library}</script>
</head>
<body>
<div id="map"></div>
<script>vegaEmbed("#map", {spec}, {{actions: false}});</script>
</body>
</html>
"""


def chart(drawn: TrainingMap) -> alt.HConcatChart:
    """Rows by variability and confidence, and beside them a list of those that were dragged over."""
    frame, title = _frame(drawn)
    dragged = alt.selection_interval(name="dragged")
    shown = alt.selection_point(name="shown", fields=["region"], bind="legend")
    listed = "drag over rows to list them"
    below = alt.Legend(orient="bottom")
    hint = "drag to list rows, click a region in the legend to see it alone"
    rows = alt.Chart(title=alt.Title(title, subtitle=hint, anchor="start"), width=WIDTH, height=HEIGHT)
    rows = rows.mark_point(filled=True, size=36).encode(
        x=alt.X("variability:Q", title="variability: standard deviation over the epochs of p(label)"),
        y=alt.Y("confidence:Q", title="confidence: mean over the epochs of p(label)", scale=_unit()),
        color=alt.Color("correctness:Q", title="correctness", scale=_unit(range=COLOURS), legend=below),
        shape=alt.Shape("region:N", title="region", scale=alt.Scale(domain=REGIONS), legend=below),
        opacity=alt.when(dragged & shown).then(alt.value(0.9)).otherwise(alt.value(0.08)),
        tooltip=[
            alt.Tooltip("id:N"),
            *(
                alt.Tooltip(f"{name}:Q", format=".3f")
                for name in ("confidence", "variability", "correctness")
            ),
            alt.Tooltip("region:N"),
        ],
    )
    table = alt.Chart(title=alt.Title("least confident", subtitle=listed, anchor="start"), height=HEIGHT)
    table = table.mark_text(align="left", limit=180).encode(
        x=alt.value(0), y=alt.Y("place:O", axis=None), text="id:N", tooltip=alt.Tooltip("id:N")
    )
    first: list[Any] = [alt.SortField("confidence"), alt.SortField("order")]
    table = table.transform_filter(dragged & shown).transform_window(place="row_number()", sort=first)
    table = table.transform_filter(alt.datum.place <= LISTED).properties(width=190)
    both = alt.hconcat(rows.add_params(dragged, shown), table, data=frame)
    return both.configure_view(stroke=None)


def _unit(**look: Any) -> alt.Scale:
    return alt.Scale(domain=[0, 1], **look)


def _frame(drawn: TrainingMap) -> tuple[pd.DataFrame, str]:
    n, frame = len(drawn), drawn.to_frame().reset_index()
    title = f"{n:,} rows"
    if n > DRAWN:
        some = np.sort(np.random.default_rng(0).choice(n, DRAWN, replace=False))
        frame, title = frame.iloc[some], f"{DRAWN:,} of {n:,} rows, drawn at random"
    return frame.assign(id=frame["id"].astype(str), order=np.arange(len(frame))).round(4), title


def page(drawn: TrainingMap) -> str:
    """A document that asks for nothing outside itself; no row's key can end the script that it stands in."""
    spec = json.dumps(chart(drawn).to_dict()).replace("<", "\\u003c")
    return PAGE.format(library=_library(), spec=spec)


@cache  # it takes seconds to make
def _library() -> str:
    return vl_convert.javascript_bundle("window.vegaEmbed=vegaEmbed;")
