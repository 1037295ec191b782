"""Arms: what becomes of the model if a batch is written, if its rows are dropped, or if nothing is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tables import Table
from .choice import Choice, repaired
from .masking import same_value
from .workbench import Outcome, Workbench

NOTHING, DROP, REPAIR, BOTH, RANDOM = "nothing", "drop", "repair", "repair + drop", "random"


@dataclass(frozen=True)
class Arm:
    """One way to treat the batch, measured on the gate rows.

    Parameters
    ----------
    name : str
        nothing, drop, repair, repair + drop, or random.
    rows : int
        How many training rows it changes or leaves out.
    outcome : Outcome
        Of the model fitted that way.
    """

    name: str
    rows: int
    outcome: Outcome

    def against(self, nothing: Arm, bench: Workbench, y: NDArray[Any]) -> dict[str, Any]:
        """The arm beside doing nothing, for the summary: paired gains on rows of labels `y`."""
        g = bench.gain(nothing.outcome, self.outcome)
        s = bench.score_gain(nothing.outcome, self.outcome, y)
        return {
            "arm": self.name,
            "rows": self.rows,
            "log_loss": self.outcome.loss,
            "gain": g.gain,
            "low": g.low,
            "high": g.high,
            "score": self.outcome.score,
            "score_gain": s.gain,
            "score_low": s.low,
            "score_high": s.high,
        }


@dataclass(frozen=True)
class Judges:
    """The gate rows as the model would be served them.

    Parameters
    ----------
    now : Table
        With the cell repairs accepted so far.
    then : Table
        With those of the batch too: the rows that a model meets later pass through the same repairs.
    """

    now: Table
    then: Table


def measure(
    bench: Workbench,
    train: Table,
    judges: Judges,
    accepted: Sequence[Choice],
    unrepairable: Sequence[int],
    rng: np.random.Generator,
) -> dict[str, Arm]:
    """Fit and measure every arm on the gate rows.

    Parameters
    ----------
    bench : Workbench
        Fits the user's model.
    train : Table
        The training rows as they are now.
    judges : Judges
        The gate rows.
    accepted : sequence of Choice
        The batch.
    unrepairable : sequence of int
        Suspect rows for which no candidate was accepted: left out in the arm "repair + drop".
    rng : Generator
        Which rows the control arm gives the same edits to.
    """
    touched = sorted({choice.candidate.row for choice in accepted})
    beyond = sorted(set(unrepairable) - set(touched))
    after = repaired(train, accepted)
    scattered = repaired(train, accepted, _elsewhere(train, accepted, rng))
    versions: Mapping[str, tuple[Table, Table, list[int], int]] = {
        NOTHING: (train, judges.now, [], 0),
        DROP: (train, judges.now, touched, len(touched)),
        REPAIR: (after, judges.then, [], len(touched)),
        BOTH: (after, judges.then, beyond, len(touched) + len(beyond)),
        RANDOM: (scattered, judges.now, [], len(touched)),
    }
    return {
        name: Arm(name, count, bench.outcome(_without(table, left_out), held))
        for name, (table, held, left_out, count) in versions.items()
    }


def _without(table: Table, rows: Sequence[int]) -> Table:
    """The table as it will be: its encoder, too, knows nothing of rows that are left out."""
    return table.take(np.setdiff1d(np.arange(len(table)), list(rows))) if rows else table


def _elsewhere(train: Table, accepted: Sequence[Choice], rng: np.random.Generator) -> list[int]:
    """A random other row for each edit, one whose cell the edit would change too where there is any."""
    touched = {choice.candidate.row for choice in accepted}
    free = [row for row in rng.permutation(len(train)).tolist() if row not in touched]
    free = free or list(range(len(train)))
    rows = []
    for choice in accepted:
        cells = train.frame[choice.candidate.column]
        pick = next(
            (i for i, row in enumerate(free) if not same_value(cells.iat[row], choice.candidate.new)), 0
        )
        rows.append(free[pick])
        if len(free) > 1:
            del free[pick]
    return rows
