"""Finish: what the whole run was worth, on rows that nothing looked at before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..tables import Table, target_values
from .frames import retyped
from .session import Session
from .workbench import Outcome, Workbench

SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)  # of the rows removed
RANDOM_DRAWS = 3


def final_rows(session: Session, bench: Workbench, before: Table, after: Table) -> dict[str, Any]:
    """The final rows before and after, with paired intervals."""
    raw = session.original.take(session.parts(session.original) == "final")
    first, last = bench.outcome(before, raw), bench.outcome(after, session.held("final"))
    y = target_values(raw)
    return {
        "rows": len(y),
        "loss": bench.loss_name,
        "before": _figures(first),
        "after": _figures(last),
        "log_loss_gain": bench.gain(first, last).as_dict(),
        "score_gain": bench.score_gain(first, last, y).as_dict(),
    }


def leave_one_batch_out(
    session: Session, bench: Workbench, before: Table, after: Table, steps: Sequence[int]
) -> list[dict[str, Any]]:
    """What the batch of each step adds to the others, on the final rows: all against all but that one."""
    batches = [int(session.records[step]["batch"]) for step in steps]
    ledger = session.store.ledger(session.table.name)
    edits: Any = ledger[ledger["batch"].isin(batches)]
    whole = bench.outcome(after, session.held("final"))
    found = []
    for step, batch in zip(steps, batches, strict=True):
        left = _replayed(before, edits[edits["batch"] != batch])
        gain = bench.gain(bench.outcome(left, session.held("final", without=step)), whole).as_dict()
        found.append({"batch": batch, "edits": edits["batch"].tolist().count(batch), **gain})
    return found


def removal_curve(
    bench: Workbench, train: Table, gate: Table, values: NDArray[np.float64], seed: int
) -> dict[str, Any]:
    """Loss on the gate rows without the rows of lowest value, and without as many random ones."""
    rng = np.random.default_rng([seed, len(values)])
    lowest = np.argsort(values, kind="stable")
    orders = [rng.permutation(len(values)) for _ in range(RANDOM_DRAWS)]
    curves: dict[str, list[float]] = {"lowest": [], "random": []}
    for share in SHARES:
        count = int(share * len(values))
        curves["lowest"].append(_without(bench, train, gate, lowest[:count]))
        drawn = [_without(bench, train, gate, order[:count]) for order in (orders if count else orders[:1])]
        curves["random"].append(float(np.mean(drawn)))
    return {"share": list(SHARES), **curves, "metric": bench.loss_name}


def _without(bench: Workbench, train: Table, gate: Table, rows: NDArray[np.intp]) -> float:
    keep = np.ones(len(train), dtype=bool)
    keep[rows] = False
    return bench.outcome(train, gate, keep=keep).loss


def _replayed(before: Table, edits: pd.DataFrame) -> Table:
    """The training rows with the edits made, in the order of the ledger."""
    place = {key: i for i, key in enumerate(before.keys.tolist())}
    frame = before.frame.astype(object)
    gone = set()
    for row, column, op, new in zip(edits["row"], edits["column"], edits["op"], edits["new"], strict=True):
        if row not in place:
            continue
        if op == "set":
            frame.iat[place[row], frame.columns.get_loc(column)] = new
        else:
            gone.add(place[row])
    typed = {column: retyped(frame[column].to_numpy(), before.frame[column]) for column in frame}
    left = np.setdiff1d(np.arange(len(frame)), sorted(gone))
    return replace(before, frame=pd.DataFrame(typed)).take(left)


def _figures(outcome: Outcome) -> dict[str, float]:
    return {"log_loss": outcome.loss, "score": outcome.score}
