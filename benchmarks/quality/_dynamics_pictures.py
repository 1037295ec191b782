"""The pictures of the guide to training dynamics, from the results of the benchmark.

Run: `python -m benchmarks.quality._dynamics_pictures` after `python -m benchmarks.quality.dynamics`.
"""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import vl_convert
from scipy.stats import t as student

from assay import training_map

from ._detect_tables import ROOT
from ._dynamics_nets import trace_of
from ._dynamics_run import CONTROL, OWN
from ._dynamics_tasks import task
from .dynamics import Found, results

DOCS = ROOT / "docs"
NAMES = {"DVRL": "DVRL, 300 fits"}
KINDS = {"watches the training": "#1f5fa8", "does not watch it": "#b0b7bf"}


def bars(found: Found) -> alt.LayerChart:
    """Mean average precision over data and noises, with its 95% t interval where seeds are several."""
    seeds, lines = min(map(len, found.values())), []
    for method in found["digits", "uniform"][0]["ap"]:
        by_seed = np.mean([[line["ap"][method] for line in some[:seeds]] for some in found.values()], axis=0)
        half = 0.0
        if seeds > 1:
            half = student.ppf(0.975, seeds - 1) * by_seed.std(ddof=1) / np.sqrt(seeds)
        kind = "watches the training" if method in (*OWN, CONTROL, "LossVal") else "does not watch it"
        lines.append(
            [NAMES.get(method, method), by_seed.mean(), by_seed.mean() - half, by_seed.mean() + half, kind]
        )
    frame = pd.DataFrame(lines, columns=["method", "ap", "low", "high", "kind"]).sort_values("ap")
    y = alt.Y("method:N", sort=frame["method"].tolist()[::-1], title=None, axis=alt.Axis(labelLimit=200))
    scale = alt.Scale(domain=list(KINDS), range=list(KINDS.values()))
    x = alt.X("ap:Q", title="average precision of finding 20% wrong labels", scale=alt.Scale(domain=[0, 1]))
    base = alt.Chart(frame, width=460)
    drawn = base.mark_bar().encode(x=x, y=y, color=alt.Color("kind:N", title=None, scale=scale))
    return drawn + base.mark_rule().encode(x=alt.X("low:Q"), x2="high:Q", y=y)


def main(seeds: int = 5) -> None:
    """Draw both."""
    made = task("fashion", "uniform", 0)
    drawn = training_map(trace_of("fashion", made.images, made.y, 0))
    for name, chart in (("map", drawn.plot()), ("precision", bars(results(seeds)))):
        picture = vl_convert.vegalite_to_png(chart.to_dict(), scale=1)
        (DOCS / f"dynamics-{name}.png").write_bytes(picture)


if __name__ == "__main__":
    main()
