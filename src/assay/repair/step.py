"""Step: one expert's batch, from choices to a verdict that is carried out and recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..store import Edit, to_json
from ..tables import Table, target_values
from .arms import BOTH, DROP, NOTHING, REPAIR, Arm, Judges, measure
from .choice import LEAST, Choice, repaired, threshold
from .frames import served
from .gate import Verdict, decide, error_of_query
from .guards import is_typical, objections
from .session import Session
from .suspects import Suspicion
from .workbench import Workbench

LEVELS = 2  # how often a refused batch is halved
SMALLEST = 20  # repairs below which halves are too small to judge


@dataclass(frozen=True)
class Judged:
    """A batch, or the part of it that is left, and what the gate says.

    Parameters
    ----------
    kept : tuple of Choice
        The repairs to which the verdict applies.
    verdict : Verdict
        What to do with them.
    arms : dict of str to Arm
        What was measured; empty where a guard objected first.
    queries : int
        Questions to the gate rows.
    beyond : list of int
        Suspect rows for which no candidate is sure enough: left out where the verdict is to do both.
    """

    kept: tuple[Choice, ...]
    verdict: Verdict
    arms: dict[str, Arm]
    queries: int
    beyond: list[int] = field(default_factory=list)


@dataclass
class Step:
    """Everything that one step needs.

    Parameters
    ----------
    session, bench : Session, Workbench
        Where to read and write, and what measures.
    name : str
        The expert.
    train : Table
        The training rows as they are now.
    others : sequence of (row key, Choice)
        What the expert would change in the features of the rows that judge.
    precision, most : float
        Share of writes that has to be right; budget of changed rows as a share.
    seed : tuple of int
        Of the control arm.
    rates : Mapping of column to share
        What the expert's accept model holds for wrong; only recorded.
    """

    session: Session
    bench: Workbench
    name: str
    train: Table
    others: Sequence[tuple[str, Choice]]
    precision: float
    most: float
    seed: tuple[int, ...]
    rates: Mapping[str, float]

    def run(
        self, number: int, round: int, choices: Sequence[Choice], suspects: Suspicion, asked: int
    ) -> None:
        """Judge the choices, carry the verdict out, and record the step under `number`.

        Parameters
        ----------
        number, round : int
            Of the step and of its round.
        choices : sequence of Choice
            For cells that may be changed and for decoys.
        suspects : Suspicion
            Which rows are decoys.
        asked : int
            Questions that the gate rows have answered before.
        """
        decoys = suspects.decoy
        spared = {choice.cell for choice in choices if self._is_decoy(choice, decoys)}
        real = [choice for choice in choices if choice.cell not in spared and choice.p >= LEAST]
        limit = threshold(np.array([choice.p for choice in real]), self.precision)
        accepted = [choice for choice in real if choice.p >= limit]
        fooled = {c.candidate.row for c in choices if c.cell in spared and c.p >= limit}
        judged = self.judge(accepted, real, int(decoys.sum()), len(fooled), asked)
        about = {
            "round": round,
            "expert": self.name,
            "suspected": len(
                set(np.flatnonzero(suspects.suspect).tolist()) | {c.candidate.row for c in real}
            ),
            "decoys": int(decoys.sum()),
            "rates": dict(self.rates),
        }
        self._carry_out(number, about, real, accepted, judged, limit)

    def _is_decoy(self, choice: Choice, decoys: NDArray[np.bool_]) -> bool:
        """Whether a cell had better be left alone: an ordinary cell of a row of high value."""
        row, column = choice.cell
        if not decoys[row]:
            return False
        return is_typical(self.train.frame[column], row, self.train.roles.kinds.get(column, ""))

    def judge(
        self, accepted: list[Choice], real: Sequence[Choice], decoys: int, fooled: int, asked: int
    ) -> Judged:
        """Pass the batch through guards and gate; where it is refused, try its halves, the surer first."""
        if not accepted:
            why = f"no candidate is sure enough to be right in {self.precision:.0%} of the cases"
            return Judged((), Verdict(NOTHING, why if real else "the expert found nothing to change"), {}, 0)
        changed = self._changed_before()
        reasons = objections(
            self.train, accepted, repaired(self.train, accepted), decoys, fooled, changed, self.most
        )
        if reasons:
            return Judged((), Verdict(NOTHING, "refused before the gate: " + "; ".join(reasons)), {}, 0)
        touched = {choice.candidate.row for choice in accepted}
        beyond = sorted({choice.candidate.row for choice in real} - touched)
        if changed + len(touched) + len(beyond) > self.most * len(self.train):
            beyond = []  # leaving them out too would be over the budget
        return self._halving(sorted(accepted, key=lambda choice: -choice.p), beyond, asked, 0)

    def _halving(self, batch: list[Choice], beyond: list[int], asked: int, level: int) -> Judged:
        rng = np.random.default_rng([*self.seed, asked])
        now = self.session.held("gate")
        judges = Judges(now, served(now, self._served(batch)))
        arms = measure(self.bench, self.train, judges, batch, beyond, rng)
        verdict = decide(arms, error=error_of_query(asked))
        whole = Judged(tuple(batch) if verdict.arm != NOTHING else (), verdict, arms, 1, beyond)
        if verdict.arm != NOTHING or level == LEVELS or len(batch) < 2 * SMALLEST:
            return whole
        queries = 1
        for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
            part = self._halving(half, beyond, asked + queries, level + 1)
            queries += part.queries
            if part.kept:
                why = f"the whole batch was refused ({verdict.why}), a part of it is {part.verdict.why}"
                return Judged(part.kept, Verdict(part.verdict.arm, why), part.arms, queries, beyond)
        return Judged((), verdict, arms, queries)

    def _served(self, batch: Sequence[Choice]) -> list[tuple[str, str, Any]]:
        """Edits of the rows that judge that go with a batch: in its columns, and no less sure than it is."""
        columns = {choice.candidate.column for choice in batch}
        limit = min((choice.p for choice in batch), default=np.inf)
        return [
            (key, choice.candidate.column, choice.candidate.new)
            for key, choice in self.others
            if choice.p >= limit and choice.candidate.column in columns
        ]

    def _changed_before(self) -> int:
        return sum(int(record.get("rows", 0)) for record in self.session.records.values())

    def _carry_out(
        self,
        number: int,
        about: Mapping[str, Any],
        real: Sequence[Choice],
        accepted: Sequence[Choice],
        judged: Judged,
        limit: float,
    ) -> None:
        fates = _fates(real, accepted, judged, limit)
        keys = self.train.keys
        made = [c.proposal(str(keys[c.candidate.row]), *fate) for c, fate in zip(real, fates, strict=True)]
        ids = self.session.propose(number, made)
        cells = [choice.cell for choice in real]
        edits = self._edits(judged, dict(zip(cells, ids, strict=True)), _rows_left_out(judged))
        y = target_values(self.session.held("gate"))
        arms = [arm.against(judged.arms[NOTHING], self.bench, y) for arm in judged.arms.values()]
        state = {**about, **_record(real, accepted, edits, judged, limit), "arms": arms}
        if judged.verdict.arm in (REPAIR, BOTH):
            state["served"] = [(key, column, to_json(new)) for key, column, new in self._served(judged.kept)]
        if edits:
            self.session.write(number, edits, state)
        else:
            self.session.record(number, state)

    def _edits(
        self, judged: Judged, proposal: Mapping[tuple[int, str], int], left_out: Sequence[int]
    ) -> list[Edit]:
        keys, edits = self.train.keys, []
        if judged.verdict.arm in (REPAIR, BOTH):
            for choice in judged.kept:
                made = choice.candidate
                why = str(made.evidence.get("why", made.kind))
                key = str(keys[made.row])
                edits.append(
                    Edit(key, made.column, made.old, made.new, "set", proposal[choice.cell], why=why)
                )
        why = judged.verdict.why
        return edits + [Edit(str(keys[row]), None, None, None, "drop", why=why) for row in left_out]


def _rows_left_out(judged: Judged) -> list[int]:
    """Rows that the verdict takes out of training."""
    touched = {choice.candidate.row for choice in judged.kept}
    if judged.verdict.arm == DROP:
        return sorted(touched)
    return judged.beyond if judged.verdict.arm == BOTH else []


def _fates(
    real: Sequence[Choice], accepted: Sequence[Choice], judged: Judged, limit: float
) -> list[tuple[str, str]]:
    """State of each proposal before anything is written, and why."""
    kept, sure = ({c.cell for c in choices} for choices in (judged.kept, accepted))
    dropped = set(_rows_left_out(judged))
    needed = f"{limit:.2f} is needed" if np.isfinite(limit) else "no candidate of this batch is sure enough"
    fates = []
    for choice in real:
        if choice.candidate.row in dropped:
            fates.append(("refused", f"the row was left out instead: {judged.verdict.why}"))
        elif choice.cell in kept:
            fates.append(("proposed", "accepted by the gate"))
        elif choice.cell in sure and judged.kept:
            fates.append(
                ("queued", "not in the part of the batch that the gate accepted: for people to decide")
            )
        elif choice.cell in sure:
            fates.append(("refused", judged.verdict.why))
        else:
            fates.append(("queued", f"right with probability {choice.p:.2f}; {needed}: for people to decide"))
    return fates


def _record(
    real: Sequence[Choice], accepted: Sequence[Choice], edits: Sequence[Edit], judged: Judged, limit: float
) -> dict[str, Any]:
    """What a step found and did, for the run's summary and for carrying on after an interrupt."""
    dropped = sum(edit.op == "drop" for edit in edits)
    arm = judged.verdict.arm
    idle = "refused" if accepted else NOTHING
    return {
        "verdict": {REPAIR: "repair", BOTH: "repair", DROP: "drop"}.get(arm, idle),
        "why": judged.verdict.why,
        "proposed": len(real),
        "sure": len(accepted),
        "accepted": len(edits) - dropped,
        "dropped": dropped,
        "rows": len({edit.row for edit in edits}),
        "columns": sorted({str(edit.column) for edit in edits if edit.op == "set"}),
        "threshold": limit if np.isfinite(limit) else None,
        "expected_precision": float(np.mean([choice.p for choice in accepted])) if accepted else None,
        "queries": judged.queries,
    }
