"""Choice: a candidate, how likely it is right, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .._types import Floats
from ..store import Proposal
from ..tables import Table, is_missing
from .accept import Recovered
from .experts import Candidate, Expert
from .frames import retyped
from .masking import best_of_each_cell, masked_recovery

LEAST = 0.25  # probability below which a candidate is not worth a proposal: keeping the cell is far likelier
FLOOR = 0.5  # no repair is accepted that is likelier wrong than right


@dataclass(frozen=True)
class Choice:
    """One cell, the best candidate for it, and the probability that it is right.

    Parameters
    ----------
    candidate : Candidate
        What would be written.
    p : float
        Probability that it is right, by the accept model; keeping the cell has the rest.
    """

    candidate: Candidate
    p: float

    @property
    def cell(self) -> tuple[int, str]:
        """Position of the row, and the column."""
        return self.candidate.row, self.candidate.column

    def proposal(self, key: str, state: str, why: str) -> Proposal:
        """The proposal as the store keeps it."""
        made = self.candidate
        plainly = {
            name: v if isinstance(v, str | int | float | bool) else str(v)
            for name, v in made.evidence.items()
        }
        evidence = {**plainly, "keep": round(1 - self.p, 4)}
        return Proposal(
            row=key,
            column=made.column,
            kind=made.kind,
            old=made.old,
            new=made.new,
            expert=made.expert,
            confidence=made.confidence,
            p_correct=self.p,
            evidence=evidence,
            state=state,
            why=why,
        )


def label_choices(candidates: Sequence[Candidate]) -> list[Choice]:
    """Choices of the label expert, which brings its own accept model."""
    return [Choice(candidate, float(candidate.evidence["p"])) for candidate in candidates]


@dataclass(frozen=True)
class Calibrated:
    """An expert for cells, and what its confidence is worth.

    Parameters
    ----------
    expert : Expert
        Who proposes.
    models : Mapping of kind to accept model
        Learnt by masked recovery of planted errors, kind by kind; a kind that was not met is never accepted.
    """

    expert: Expert
    models: Mapping[str, Recovered]

    @classmethod
    def fit(cls, expert: Expert, table: Table, rng: np.random.Generator) -> Calibrated:
        """Plant errors in rows on which the expert abstains, in the columns in which it does not."""
        candidates = best_of_each_cell(expert.propose(table, rng))
        undisputed = np.ones(len(table), dtype=bool)
        undisputed[[candidate.row for candidate in candidates]] = False
        columns = list(dict.fromkeys(candidate.column for candidate in candidates))
        recovery = masked_recovery(expert, table, undisputed, columns, rng)
        models = {}
        for kind in sorted({candidate.kind for candidate in candidates}):
            mine = recovery.kinds == kind
            models[kind] = Recovered.fit(recovery.scores[mine], recovery.right[mine])
        return cls(expert, models)

    def choices(self, table: Table, rng: np.random.Generator) -> list[Choice]:
        """The best candidate for each cell of `table`, with the probability that it is right."""
        found = []
        for candidate in best_of_each_cell(self.expert.propose(table, rng)):
            model = self.models.get(candidate.kind)
            p = 0.0 if model is None else float(model(np.array([candidate.confidence]))[0])
            found.append(Choice(candidate, p))
        return found


def threshold(chances: Floats, precision: float) -> float:
    """Smallest probability from which on choices are right at the rate `precision` on average, at least
    `FLOOR`.

    Parameters
    ----------
    chances : (k,) floats
        Probabilities of the choices.
    precision : float
        Share of writes that has to be right, 0..1.

    Returns
    -------
    float
        Infinite where no choice qualifies.

    Examples
    --------
    >>> threshold(np.array([0.95, 0.9, 0.7, 0.2]), 0.85)
    0.7
    """
    ordered = np.sort(chances[chances >= FLOOR])[::-1]
    means = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    last_of_tie = np.append(ordered[1:] < ordered[:-1], True)[: len(ordered)]
    enough = np.flatnonzero((means >= precision) & last_of_tie)
    return float(ordered[enough[-1]]) if len(enough) else float("inf")


def repaired(train: Table, choices: Sequence[Choice], rows: Sequence[int] | None = None) -> Table:
    """The training rows with the choices written; on other rows, one a choice, where `rows` are given."""
    frame = train.frame.copy()
    where = [choice.candidate.row for choice in choices] if rows is None else rows
    for column in dict.fromkeys(choice.candidate.column for choice in choices):
        cells = frame[column].astype(object).to_numpy(copy=True)
        for choice, row in zip(choices, where, strict=True):
            if choice.candidate.column == column:
                cells[row] = choice.candidate.new
        frame[column] = retyped(cells, frame[column])
    return train.with_frame(frame)


def fitting(new: Any, column: Any) -> Any:
    """The value as its column can hold it: text in a text column, a whole number in one of whole numbers.

    Examples
    --------
    >>> fitting(64.96, pd.Series(["65", "165cm"]))
    '64.96'
    >>> fitting(64.96, pd.Series([65, 64]))
    65
    """
    if new is None:
        return None
    numeric = isinstance(new, int | float | np.number) and not isinstance(new, bool)
    if numeric and not pd.api.types.is_numeric_dtype(column.dtype):
        return f"{float(new):.10g}"
    if numeric and pd.api.types.is_integer_dtype(column.dtype):
        return round(float(new))
    return new.item() if isinstance(new, np.generic) else new


def plain(cell: Any) -> Any:
    """The cell as a plain Python value; None where it is missing."""
    if isinstance(cell, np.generic):
        cell = cell.item()
    return None if is_missing(cell) else cell
