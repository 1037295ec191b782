"""A step: what becomes of a batch of an expert's choices, right and wrong ones, judged and carried out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import small
from threadpoolctl import threadpool_limits

from assay.repair import step
from assay.repair.arms import BOTH, DROP, NOTHING, REPAIR
from assay.repair.choice import Choice
from assay.repair.experts import Candidate
from assay.repair.gate import Verdict
from assay.repair.session import SLOTS, Session
from assay.repair.suspects import Suspicion
from assay.repair.workbench import Workbench
from assay.store import Store


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Waste no time on threads that wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def fresh(tmp_path) -> Iterator[Store]:
    """Open a file of its own that holds the dirty table."""
    with small.adopted(tmp_path / "fresh.duckdb", small.dirty(small.truth())) as held:
        yield held


class Bench:
    """A run on the dirty table in which a step's choices are made by the test."""

    def __init__(self, held: Store) -> None:
        table = small.table(small.dirty(small.truth()))
        parts = dict(zip(table.keys, table.frame["part"], strict=True))
        run = held.begin_run(small.NAME, ["id"], {}, 0)
        self.session = Session(held, run, table, parts, "overlay")
        self.session.start_round(1)
        self.train = self.session.train()
        self.true = small.truth().set_index("id").loc[self.train.keys.astype(int)].reset_index()
        self.wrong = np.flatnonzero(self.train.frame["sport"] != self.true["sport"])
        self.right = np.flatnonzero(self.train.frame["sport"] == self.true["sport"])

    def step(self, choices: Sequence[Choice], decoys: Sequence[int] = (), number: int = SLOTS + 1) -> Any:
        """Have the choices judged and carried out; return the step's record."""
        bench = Workbench(self.session.original, small.settings()["model"], "accuracy")
        is_decoy = np.zeros(len(self.train), dtype=bool)
        is_decoy[list(decoys)] = True
        nothing = np.zeros(len(self.train))
        suspects = Suspicion(nothing, nothing, ~is_decoy, is_decoy, "none", "")
        now = step.Step(self.session, bench, "fake", self.train, [], 0.85, 0.3, (0, number), {})
        now.run(number, 1, choices, suspects, 0)
        return self.session.records[number]

    def turned(self, rows: Sequence[int] | np.ndarray, p: float = 0.95) -> list[Choice]:
        """Choices that turn the labels of these rows."""
        return self.written(
            "sport", rows, [small.TURNED[self.train.frame["sport"].iat[row]] for row in rows], p
        )

    def written(self, column: str, rows: Any, new: Sequence[Any], p: float = 0.95) -> list[Choice]:
        """Choices that write cells."""
        return [
            Choice(Candidate(int(row), column, self.train.frame[column].iat[row], cell, "fake", "k", 0.9), p)
            for row, cell in zip(rows, new, strict=True)
        ]


def test_the_gate_refuses_wrong_repairs_and_takes_right_ones(fresh):
    """Eighty labels turned to the wrong side are refused, whole and in parts; the true ones are written."""
    bench = Bench(fresh)
    refused = bench.step(bench.turned(bench.right[:80]))
    assert refused["verdict"] == "refused"
    assert "no measurable gain" in refused["why"]
    assert refused["queries"] == 7
    assert set(fresh.proposals()["state"]) == {"refused"}
    assert fresh.proposals()["why"].str.contains("no measurable gain").all()
    assert not len(fresh.ledger())
    taken = bench.step(bench.turned(bench.wrong), number=SLOTS + 2)
    assert taken["verdict"] == "repair"
    assert set(fresh.ledger()["row"]) == set(bench.train.keys[bench.wrong])


def test_a_refused_batch_is_halved_twice_surer_half_first(fresh, monkeypatch):
    """Of eighty repairs only the twenty least sure ones please the gate, and only those are written."""
    bench, asked, errors = Bench(fresh), [], []
    good = {int(row) for row in bench.wrong[-20:]}

    def measure(_bench: Any, _train: Any, _judges: Any, batch: Sequence[Choice], *_: Any) -> dict[str, Any]:
        asked.append({choice.candidate.row for choice in batch})
        return {}

    def decide(_arms: Any, *, error: float) -> Verdict:
        errors.append(error)
        return Verdict(REPAIR, "took it") if asked[-1] <= good else Verdict(NOTHING, "left it")

    monkeypatch.setattr(step, "measure", measure)
    monkeypatch.setattr(step, "decide", decide)
    wrong = bench.turned(bench.right[:57], 0.97) + bench.turned(bench.wrong[:3], 0.97)
    record = bench.step(bench.turned(sorted(good), 0.9) + wrong)
    assert [len(rows) for rows in asked] == [80, 40, 20, 20, 40, 20, 20]
    assert errors == [0.05 / 2**query for query in range(7)]
    assert record["queries"] == 7
    assert record["verdict"] == "repair"
    assert "the whole batch was refused (left it)" in record["why"]
    assert record["why"].endswith("took it")
    assert set(fresh.ledger()["row"]) == set(bench.train.keys[sorted(good)])
    assert len(fresh.proposals(state="applied")) == 20


def test_a_batch_whose_rows_are_better_left_out_leaves_them_out(fresh, monkeypatch):
    """They leave the repaired table and no other, and their proposals say why they were not carried out."""
    bench = Bench(fresh)
    monkeypatch.setattr(step, "decide", lambda _arms, error: Verdict(DROP, f"better out, {error}"))
    record = bench.step(bench.turned(bench.wrong[:30]))
    gone = set(bench.train.keys[bench.wrong[:30]])
    assert (record["verdict"], record["accepted"], record["dropped"]) == ("drop", 0, 30)
    assert set(bench.train.keys) - set(bench.session.train().keys) == gone
    assert (
        set(small.dirty(small.truth())["id"].astype(str)) - set(fresh.read(small.NAME)["id"].astype(str))
        == gone
    )
    assert set(fresh.proposals()["why"]) == {"the row was left out instead: better out, 0.05"}


@pytest.mark.parametrize("arm", [REPAIR, DROP, BOTH])
def test_doing_nothing_after_a_batch_is_worth_what_the_gate_measured(fresh, monkeypatch, arm):
    """To the last bit: the model is measured as it will be fitted, on the rows that will be there."""
    bench = Bench(fresh)
    monkeypatch.setattr(step, "decide", lambda _arms, error: Verdict(arm, f"{error}"))
    sure, unsure = bench.wrong[:30], bench.wrong[30:60]
    metric = np.flatnonzero(bench.train.frame["height"].str.endswith("cm"))
    inches = [f"{float(bench.true['height'].iat[row]):g}" for row in metric]
    first = bench.step(
        [*bench.turned(sure), *bench.turned(unsure, 0.4), *bench.written("height", metric, inches)]
    )
    bench.train = bench.session.train()
    then = bench.step(bench.turned(np.arange(5)), number=SLOTS + 2)
    before, after = ({found["arm"]: found for found in record["arms"]} for record in (first, then))
    assert after["nothing"]["log_loss"] == before[arm]["log_loss"]
    assert after["nothing"]["score"] == before[arm]["score"]


def test_a_batch_that_changes_decoys_never_reaches_the_gate(fresh):
    """Two of twenty clean rows are enough to distrust it, and the record says so."""
    bench = Bench(fresh)
    decoys = bench.right[:20]
    record = bench.step([*bench.turned(bench.wrong), *bench.turned(decoys[:2])], decoys)
    assert record["verdict"] == "refused"
    assert "2 of 20 decoys" in record["why"]
    assert record["queries"] == 0
    assert record["proposed"] == len(bench.wrong)


def test_a_batch_over_the_budget_never_reaches_the_gate(fresh):
    """More than 30% of the rows are not changed, in one batch or in several."""
    bench = Bench(fresh)
    record = bench.step(bench.turned(np.arange(round(0.31 * len(bench.train)))))
    assert record["verdict"] == "refused"
    assert "over the budget of 30%" in record["why"]
    assert bench.step(bench.turned(bench.wrong), number=SLOTS + 2)["verdict"] == "repair"
    more = bench.turned(bench.right[: round(0.15 * len(bench.train))])
    assert "over the budget of 30%" in bench.step(more, number=SLOTS + 3)["why"]


def test_a_batch_that_makes_a_column_drift_never_reaches_the_gate(fresh):
    """One town written over a quarter of the rows is refused."""
    bench = Bench(fresh)
    rows = np.arange(len(bench.train) // 4)
    record = bench.step(bench.written("town", rows, ["Elsewhere"] * len(rows)))
    assert record["verdict"] == "refused"
    assert "town would drift" in record["why"]


def test_a_row_that_someone_else_changed_is_a_conflict(fresh):
    """It is not written over, and its proposal says so; the rest of the batch is written."""
    bench = Bench(fresh)
    key = bench.train.keys[bench.wrong[0]]
    fresh._db.run(f"UPDATE {small.NAME} SET weight = 1 WHERE id = ?", int(key))
    bench.step(bench.turned(bench.wrong))
    assert set(fresh.ledger()["row"]) == set(bench.train.keys[bench.wrong[1:]])
    assert fresh.proposals(state="conflict")["row"].tolist() == [key]


def test_a_step_done_again_proposes_once(fresh):
    """An interrupt between the proposals and the batch does not double the proposals."""
    bench = Bench(fresh)
    choices = bench.turned(bench.wrong)
    bench.session.propose(SLOTS + 1, [choice.proposal("x", "proposed", "") for choice in choices])
    assert bench.step(choices)["verdict"] == "repair"
    assert len(fresh.proposals()) == len(choices)
