"""Rounds: value the rows, ask the experts, judge their batches, until nothing is left to win."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._progress import Progress
from .._types import Floats
from ..tables import Table, to_problem
from .choice import LEAST, Calibrated, Choice, fitting, label_choices, plain
from .experts import CategoryExpert, Expert, LabelExpert, NumberExpert
from .foretold import foretold
from .frames import stacked
from .session import SLOTS, Session
from .step import Step
from .suspects import Suspicion, suspicion
from .workbench import Workbench

DECOYS = 0.1  # clean rows slipped in among the suspects
MOST_SUSPECTS = 0.4  # of the training rows


@dataclass(frozen=True)
class Answer:
    """What an expert said.

    Parameters
    ----------
    choices : list of Choice
        For cells of the training rows that no earlier round decided on, decoys included.
    others : list of (row key, Choice)
        For feature cells of the rows that judge.
    rates : dict of column to share
        Share of the training cells that are wrong by its accept model, 0..1.
    """

    choices: list[Choice]
    others: list[tuple[str, Choice]]
    rates: dict[str, float]


@dataclass
class Rounds:
    """The loop.

    Parameters
    ----------
    session, bench : Session, Workbench
        Where to read and write, and what measures.
    precision, most : float
        Share of writes that has to be right; budget of changed rows as a share of the training rows.
    seed : int
        Of everything that draws.
    progress : Progress
        Who watches.
    """

    session: Session
    bench: Workbench
    precision: float
    most: float
    seed: int
    progress: Progress

    @property
    def experts(self) -> Sequence[Expert]:
        """The experts, in the order in which the gate hears them."""
        return (NumberExpert(), LabelExpert(self.bench.model), CategoryExpert())

    def run(self, rounds: int) -> str:
        """Run at most `rounds` rounds and say in one sentence why they ended."""
        for number in range(1, rounds + 1):
            if not self._round(number):
                if number == 1:
                    return "nothing was found that the gate would accept: there is little to win here"
                return f"round {number} found nothing more that the gate would accept"
        return f"the {rounds} rounds that were asked for are done"

    def _round(self, number: int) -> int:
        """One round; the number of edits that it made."""
        start = self.session.start_round(number)
        steps = [number * SLOTS + place + 1 for place in range(len(self.experts))]
        if not all(step in self.session.records for step in steps):
            train = self.session.train(as_of=start)
            suspects = self._suspects(number, train)
            for place, expert in enumerate(self.experts):
                if steps[place] not in self.session.records:
                    self._step(steps[place], number, expert, train, suspects)
        done = [self.session.records[step] for step in steps]
        return sum(int(record["rows"]) for record in done)

    def _suspects(self, number: int, train: Table) -> Suspicion:
        # As at the start of the round, wherever in it the run is carried on.
        judges = self.session.held("value", before=number * SLOTS)
        parts = np.repeat(np.array(["train", "value"], dtype=object), [len(train), len(judges)])
        run, store = self.session.run.id, self.session.store
        with self.progress.stage(f"Round {number}: valuing {len(train):,} rows", 1) as bar:
            problem = to_problem(stacked(train, judges), parts, model=self.bench.model)
            found = suspicion(problem, most=MOST_SUSPECTS, decoys=DECOYS, seed=self.seed)
            if not len(store.values(run, number)):
                store.save_values(run, number, train.keys.tolist(), found.values, found.stderr, found.method)
            bar.advance()
        return found

    def _step(self, step: int, number: int, expert: Expert, before: Table, suspects: Suspicion) -> None:
        rng = np.random.default_rng([self.seed, step])
        with self.progress.stage(f"Round {number}: asking the {expert.name} expert", 2) as bar:
            answer = self._ask(expert, before, rng)
            bar.advance()
            now = self.session.train()
            asked = sum(int(record.get("queries", 0)) for record in self.session.records.values())
            Step(
                self.session,
                self.bench,
                expert.name,
                now,
                answer.others,
                self.precision,
                self.most,
                (self.seed, step),
                answer.rates,
            ).run(step, number, _moved(answer.choices, before, now), _kept(suspects, before, now), asked)
            bar.advance()
        self.progress.note(_told(self.session.records[step]))

    def _ask(self, expert: Expert, train: Table, rng: np.random.Generator) -> Answer:
        """What an expert would change; labels are never changed in a row that judges."""
        others: list[tuple[str, Choice]] = []
        if isinstance(expert, LabelExpert):
            found = label_choices(expert.propose(train, rng))
        else:
            calibrated = Calibrated.fit(expert, train, rng)
            found = calibrated.choices(train, rng)
            if any(choice.p >= LEAST for choice in found):
                others = self._others(calibrated, train, rng)
        fitted = [_fitted(choice, train) for choice in found if choice.p >= LEAST]
        decided, keys = self._decided(), train.keys
        open_ = [c for c in fitted if (str(keys[c.candidate.row]), c.candidate.column) not in decided]
        if isinstance(expert, LabelExpert):
            open_ = foretold(open_, train, self.session.held("value"), self.bench.model)
        wrong: dict[str, float] = {}
        for choice in found:
            column = choice.candidate.column
            wrong[column] = wrong.get(column, 0.0) + choice.p
        return Answer(open_, others, {column: share / len(train) for column, share in wrong.items()})

    def _others(
        self, calibrated: Calibrated, train: Table, rng: np.random.Generator
    ) -> list[tuple[str, Choice]]:
        found, features = [], set(train.roles.features)
        for part in ("value", "gate", "final"):  # each by itself: no part has a say in another
            whole = stacked(train, self.session.held(part))
            keys = whole.keys
            found += [
                (str(keys[choice.candidate.row]), _fitted(choice, whole))
                for choice in calibrated.choices(whole, rng)
                if choice.candidate.row >= len(train) and choice.candidate.column in features
            ]
        return found

    def _decided(self) -> set[tuple[str, str]]:
        """Cells that an earlier round of this run decided on: they are not asked about again."""
        first = max((step for step in self.session.records if step % SLOTS == 0), default=0)
        known = self.session.store.proposals(self.session.run.id)
        known = known[(known["round"] < first) & (known["state"] != "conflict")]
        return set(zip(known["row"].tolist(), known["column"].tolist(), strict=True))


def _fitted(choice: Choice, train: Table) -> Choice:
    made = choice.candidate
    column = train.frame[made.column]
    return replace(choice, candidate=replace(made, old=plain(made.old), new=fitting(made.new, column)))


def _moved(choices: Sequence[Choice], before: Table, now: Table) -> list[Choice]:
    """The choices with the positions that their rows have now; those of rows that are gone are left out."""
    place = {key: i for i, key in enumerate(now.keys.tolist())}
    old = before.keys
    kept = [choice for choice in choices if old[choice.candidate.row] in place]
    return [replace(c, candidate=replace(c.candidate, row=place[old[c.candidate.row]])) for c in kept]


def _kept(suspects: Suspicion, before: Table, now: Table) -> Suspicion:
    there = np.isin(before.keys.astype(str), now.keys.astype(str))
    parts: dict[str, Floats | NDArray[np.bool_]] = {
        name: getattr(suspects, name)[there] for name in ("values", "stderr", "suspect", "decoy")
    }
    return replace(suspects, **parts)  # pyright: ignore[reportArgumentType]


def _told(record: dict[str, Any]) -> str:
    head = f"round {record['round']}, {record['expert']} expert: {record['proposed']} proposed"
    if record["accepted"]:
        head += f", {record['accepted']} accepted"
    if record["dropped"]:
        head += f", {record['dropped']} rows left out"
    return f"{head}; {record['why']}"
