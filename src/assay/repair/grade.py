"""Grade: how right the repairs were, where the truth is known. Nothing here feeds back into the loop."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ..tables import Table, target_values
from .masking import same_value
from .session import Session
from .workbench import Workbench


def graded(
    session: Session, bench: Workbench, truth: pd.DataFrame, before: Table, after: Table
) -> dict[str, Any]:
    """Precision of the run's repairs, and the share of what the errors cost that it won back.

    Parameters
    ----------
    session, bench : Session, Workbench
        The run.
    truth : DataFrame
        The true cells of every row, with the key columns.
    before, after : Table
        The training rows before and after the run.
    """
    true = _aligned(session.table, session.original, truth)
    cells = {key: i for i, key in enumerate(true.keys.tolist())}
    ledger = session.store.ledger(session.table.name)
    made: Any = ledger[(ledger["run"] == session.run.id) & (ledger["op"] == "set")]
    marks = [
        (str(column), same_value(new, true.frame[column].iat[cells[key]], tolerance=0.0))
        for key, column, new in zip(*(made[name].tolist() for name in ("row", "column", "new")), strict=True)
    ]
    total, by_column = len(marks), Counter(column for column, _ in marks)
    good = Counter(column for column, right in marks if right)
    right = good.total()
    interval = stats.binomtest(right, total).proportion_ci(method="wilson") if total else None
    return {
        "graded": total,
        "right": right,
        "precision": right / total if total else None,
        "low": float(interval.low) if interval else None,
        "high": float(interval.high) if interval else None,
        "by_column": [
            {"column": column, "graded": count, "right": good[column]}
            for column, count in sorted(by_column.items())
        ],
        **_won_back(session, bench, true, before, after),
    }


def _won_back(session: Session, bench: Workbench, true: Table, before: Table, after: Table) -> dict[str, Any]:
    """Losses on the true final rows after training on the rows as they were, repaired, and true."""
    parts = session.parts(true)
    held, best = true.take(parts == "final"), true.take(parts == "train")
    first, last, ideal = (bench.outcome(train, held) for train in (before, after, best))
    cost = first.loss - ideal.loss
    y = target_values(held)
    gain, score = bench.gain(first, last), bench.score_gain(first, last, y)
    return {
        "log_loss_before": first.loss,
        "log_loss_after": last.loss,
        "log_loss_true": ideal.loss,
        "recovered": (first.loss - last.loss) / cost if cost > 0 else None,
        "log_loss_gain": gain.as_dict(),
        "score_before": first.score,
        "score_after": last.score,
        "score_true": ideal.score,
        "score_gain": score.as_dict(),
    }


def _aligned(table: Table, original: Table, truth: pd.DataFrame) -> Table:
    """The truth in the shape and row order of the original table."""
    whole = truth.assign(**{c: original.frame[c].to_numpy() for c in original.frame if c not in truth})
    named = replace(table, frame=whole[list(original.frame.columns)].reset_index(drop=True))
    place = {key: i for i, key in enumerate(named.keys.tolist())}
    return named.take(np.array([place[key] for key in original.keys.tolist()]))
