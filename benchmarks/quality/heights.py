"""The loop on the heights that students typed: what became of strange entries, and of the classifier."""

from __future__ import annotations

import pandas as pd

from assay import tables
from assay.data import heights

from ._run import interval, markdown, run

HEADER = (
    "seed",
    "entries that are no number: read as inches",
    "made missing",
    "numbers out of 50-84: converted",
    "made missing",
    "entries in 50-84 changed",
    "final log-loss gain (95%)",
    "final accuracy gain (95%)",
)


def table(seeds: int) -> str:
    """Return the table in Markdown; a seed takes about 15 seconds.

    Parameters
    ----------
    seeds : int
        Seeds 0 to `seeds` - 1 are run.
    """
    return markdown(HEADER, (_row(seed) for seed in range(seeds)))


def _row(seed: int) -> list[str]:
    demo = heights(seed)
    summary, after = run(demo, "heights", seed)
    cells = demo.frame.set_index("id")["height"].to_frame("old").join(after.set_index("id")["height"])
    old, new = (tables.as_number(pd.Series(cells[name])) for name in ("old", "height"))
    lost, ordinary = cells["height"].isna(), old.between(50, 84)
    text, wild = old.isna(), old.notna() & ~ordinary
    changed = cells["old"].astype(str) != cells["height"].astype(str)
    return [
        str(seed),
        f"{(text & new.between(50, 84)).sum()} of {text.sum()}",
        str((text & lost).sum()),
        f"{(wild & new.between(50, 84)).sum()} of {wild.sum()}",
        str((wild & lost).sum()),
        str((ordinary & changed).sum()),
        interval(summary["final"]["log_loss_gain"]),
        interval(summary["final"]["score_gain"]),
    ]
