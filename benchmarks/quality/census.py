"""The whole loop on the census demo: one row a seed, none picked; the true table is the control.

Beside it the plain way: the same cross-fitted ensemble, and a label is turned over where the given one has a
chance below a fixed threshold. Whatever the truth touches here is grading.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from assay import tables
from assay.data import Demo, census, census_true
from assay.repair.experts import LabelExpert
from assay.repair.workbench import Workbench

from ._run import interval, markdown, run

PLAIN = (0.25, 0.3)  # chances of the given label below which the plain way turns it over
HEADER = (
    "seed",
    "repairs kept",
    "right (95%)",
    "log-loss won back",
    "gain on the true final rows (95%)",
    "gain on the final rows as they stand (95%)",
    "accuracy on the true final rows: gain (95%)",
    *(f"plain, below {threshold}: right, won back" for threshold in PLAIN),
    "rows changed on the true table",
)


def table(seeds: int) -> str:
    """Return the table in Markdown; a seed takes about a minute.

    Parameters
    ----------
    seeds : int
        Seeds 0 to `seeds` - 1 are run.
    """
    return markdown(HEADER, (_row(seed) for seed in range(seeds)))


def _row(seed: int) -> list[str]:
    demo = census(seed)
    (found, _), (control, _) = run(demo, "census", seed), run(census_true(seed), "census", seed)
    truth = found["truth"]
    return [
        str(seed),
        str(found["accepted"]),
        f"{truth['precision']:.1%} ({truth['low']:.1%} to {truth['high']:.1%})",
        f"{truth['recovered']:.0%}",
        interval(truth["log_loss_gain"]),
        interval(found["final"]["log_loss_gain"]),
        interval(truth["score_gain"]),
        *_plain(demo, seed, truth["log_loss_before"], truth["log_loss_true"]),
        f"{(control['accepted'] + control['dropped_rows']) / control['valued']:.2%}",
    ]


def _plain(demo: Demo, seed: int, before: float, ideal: float) -> list[str]:
    """Share of right repairs and of the loss won back, by each fixed threshold."""
    loaded = tables.load(demo.frame, key=demo.key, target=demo.target, part="part")
    train, held = loaded.take(demo.parts == "train"), loaded.take(demo.parts == "final")
    assert demo.truth is not None
    true: Any = demo.truth.assign(part=demo.parts)[list(loaded.frame.columns)]
    held = held.with_frame(true[demo.parts == "final"])
    truth = true.loc[demo.parts == "train", demo.target].to_numpy(object)
    given = train.frame[demo.target].to_numpy(object)
    labels, codes = np.unique(given.astype(str), return_inverse=True)
    model = LogisticRegression(max_iter=1000)
    chance = LabelExpert(model).probabilities(train, codes, np.random.default_rng(seed))
    own, bench, cells = chance[np.arange(len(codes)), codes], Workbench(loaded, model, "accuracy", seed), []
    for threshold in PLAIN:
        flipped = np.where(own < threshold, labels[1 - codes], given)
        changed = flipped != given
        after = bench.outcome(train.with_frame(train.frame.assign(**{demo.target: flipped})), held).loss
        right = (flipped == truth)[changed].mean()
        cells.append(f"{changed.sum()}: {right:.1%}, {(before - after) / (before - ideal):.0%}")
    return cells
