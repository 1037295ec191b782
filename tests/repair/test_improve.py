"""The loop as a whole: what it repairs, what it leaves alone, what it refuses, how it is carried on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import small
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits

from assay import AssayError, store
from assay._progress import Silent
from assay.repair import improve
from assay.repair.session import Session
from assay.store import Edit, Store
from assay.tables import Encoder, Table, split


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Waste no time on threads that wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> bytes:
    """Return a database file in which a run on the dirty table has ended."""
    path = tmp_path_factory.mktemp("ended") / "d.duckdb"
    with small.adopted(path, small.dirty(small.truth())) as held:
        improve(held, people(), **small.settings())
    return path.read_bytes()


@pytest.fixture
def finished(tmp_path, ended) -> Iterator[Store]:
    """Open a file of its own in which a run on the dirty table has ended."""
    path = tmp_path / "finished.duckdb"
    path.write_bytes(ended)
    with store.open(path) as held:
        yield held


@pytest.fixture
def fresh(tmp_path) -> Iterator[Store]:
    """Open a file of its own that holds the dirty table."""
    with small.adopted(tmp_path / "fresh.duckdb", small.dirty(small.truth())) as held:
        yield held


def cells(held: Store) -> pd.DataFrame:
    """Return the cells that were written, with their part of the table and their truth."""
    ledger, true = held.ledger(small.NAME), small.truth().set_index("id")
    edits = ledger[ledger["op"] == "set"].copy()
    edits["part"] = true.loc[edits["row"].astype(int), "part"].to_numpy()
    places = zip(edits["row"].astype(int), edits["column"], strict=True)
    edits["truth"] = [true.loc[row, column] for row, column in places]
    return edits


def people(frame: pd.DataFrame | None = None, **roles: Any) -> Table:
    """Return the dirty table, or another one like it."""
    return small.table(small.dirty(small.truth()) if frame is None else frame, **roles)


def people_now(held: Store) -> Table:
    """Return the dirty table as it stands, without the rows that are left out, in the roles that it had."""
    return replace(people(), frame=held.read(small.NAME))


# What it repairs, and what it leaves alone


def test_most_repaired_labels_and_all_repaired_cells_are_right(finished):
    """Of the labels written at least 80% are the true ones, of the heights all."""
    edits = cells(finished)
    right = (edits["new"] == edits["truth"]).groupby(edits["column"])
    assert right.sum()["sport"] >= 30
    assert right.mean()["sport"] >= 0.8
    assert right.sum()["height"] >= 60
    assert right.mean()["height"] == 1


def test_rows_that_judge_are_touched_last_and_never_their_labels(finished):
    """Before the last batch only training rows change; in it, only feature cells of the others."""
    edits, last = cells(finished), finished.batches(small.NAME)["id"].max()
    ledger = finished.ledger(small.NAME)
    dropped = ledger.loc[ledger["op"] == "drop", "row"].astype(int)
    parts = small.truth().set_index("id")["part"]
    assert set(edits.loc[edits["batch"] < last, "part"]) == {"train"}
    assert set(parts[dropped]) <= {"train"}
    assert set(edits.loc[edits["batch"] == last, "part"]) == {"value", "gate", "final"}
    assert set(edits.loc[edits["batch"] == last, "column"]) == {"height"}


def test_a_batch_of_repairs_is_what_the_gate_measured(finished):
    """After a repair, doing nothing is worth to the last bit what the repair was worth before it."""
    number, label = finished.runs()[0].summary["rounds"][:2]
    assert number["verdict"] == "repair"
    arms = [{arm["arm"]: arm["log_loss"] for arm in step["arms"]} for step in (number, label)]
    assert arms[1]["nothing"] == arms[0]["repair"]


def test_the_gain_on_the_final_rows_is_what_a_reader_of_the_table_finds(finished):
    """A model fitted on the dirty and on the repaired train rows has the losses of the summary."""
    final = finished.runs()[0].summary["final"]
    for shown, frame in (
        (final["before"], finished.read(small.NAME, raw=True)),
        (final["after"], finished.read(small.NAME)),
    ):
        train, held = (people(frame[frame["part"] == part]).frame for part in ("train", "final"))
        encoder = Encoder(people().roles).fit(train)
        model = clone(small.settings()["model"]).set_params(random_state=0)
        model.fit(encoder.transform(train), train["sport"])
        chance = model.predict_proba(encoder.transform(held))
        assert shown["log_loss"] == pytest.approx(log_loss(held["sport"], chance), abs=1e-6)
        assert shown["score"] == np.mean(model.classes_[chance.argmax(1)] == held["sport"])
    assert final["log_loss_gain"]["low"] > 0


def test_overlay_shows_the_repairs_in_a_view_and_leaves_the_table_alone(finished):
    """Any client sees the repaired rows under another name; the table is as it was brought in."""
    first = small.dirty(small.truth())
    pd.testing.assert_frame_equal(finished.read(small.NAME, raw=True), first)
    pd.testing.assert_frame_equal(finished.read(small.NAME, as_of=0), first)
    shown = finished._db.rows(f"SELECT id, height, sport FROM {small.NAME}__repaired ORDER BY id")
    ledger = finished.ledger(small.NAME)
    expected = first.set_index("id")
    for edit in ledger.itertuples():
        if edit.op == "set":
            expected.loc[int(str(edit.row)), edit.column] = edit.new
    expected = expected.drop(ledger.loc[ledger["op"] == "drop", "row"].astype(int))
    assert shown == list(expected.reset_index()[["id", "height", "sport"]].itertuples(index=False, name=None))


def test_reverting_the_run_restores_every_bit(finished):
    """After the revert the repaired table is the dirty one."""
    assert not finished.revert(small.NAME, run=1).conflicts
    pd.testing.assert_frame_equal(finished.read(small.NAME), small.dirty(small.truth()))
    finished.verify()


def test_a_clean_table_is_left_as_it_is(tmp_path):
    """Of the rows of the true table at most 1% change, and the run says that there is little to win."""
    true = small.truth()
    with small.adopted(tmp_path / "d.duckdb", true) as held:
        summary = improve(held, people(true), **small.settings())
        assert len(set(held.ledger(small.NAME)["row"])) <= 0.01 * len(true)
    assert "little to win" in summary["stop_reason"]


def test_a_target_of_numbers_is_repaired_by_its_cells(tmp_path):
    """With centimetres among the heights a linear model of the pace gains, in squared error."""
    rng, true = np.random.default_rng(0), small.truth()
    pace = 10 + (true["height"].astype(float) - 66) / 2 + rng.normal(0, 0.2, len(true))
    frame = small.dirty(true).assign(pace=pace.round(2)).drop(columns="sport")
    with small.adopted(tmp_path / "d.duckdb", frame) as held:
        asked = {"model": LinearRegression(), "rounds": 1}
        summary = improve(held, people(frame, target="pace"), truth=true.assign(pace=frame["pace"]), **asked)
        edits = cells(held)
    assert summary["score"] == "r2"
    assert summary["final"]["loss"] == "squared_error"
    assert summary["final"]["log_loss_gain"]["low"] > 0
    assert "pace" not in set(edits["column"])
    assert len(edits) > 90
    assert (edits["new"] == edits["truth"]).all()
    assert summary["truth"]["precision"] == 1


# Interrupts


class Interrupt:
    """A progress that is interrupted at the n-th advance of the stages of that name; 0 is as they begin."""

    def __init__(self, stage: str, advance: int = 1) -> None:
        self._where, self._left, self._inside = stage, advance, False

    @contextmanager
    def stage(self, text: str, total: float | None = None) -> Iterator[Interrupt]:
        """Open a stage."""
        del total
        self._inside = text.startswith(self._where)
        self._count(0)
        yield self

    def advance(self, steps: float = 1, /) -> None:
        """Count down, and interrupt."""
        del steps
        self._count(1)

    def _count(self, advances: int) -> None:
        self._left -= advances * self._inside
        if self._inside and not self._left:
            raise KeyboardInterrupt

    def note(self, text: str) -> None:
        """Drop a note."""
        del text


def interrupted(held: Store, table: Table, stage: str, advance: int = 1, **other: Any) -> None:
    """Run until the interrupt."""
    with pytest.raises(KeyboardInterrupt):
        small.eventful(held, table, Interrupt(stage, advance), **other)


def test_interrupted_in_every_stage_the_run_ends_the_same(fresh):
    """In place, on the table as it then stands: same values, proposals, cells and summary to the last bit."""
    alone, moments = small.uninterrupted()
    stages = list(dict.fromkeys(moment.split(" / ")[0] for moment in moments))[1:]
    for stage in stages:
        now = people_now(fresh)
        interrupted(fresh, now, stage, 4 if stage == stages[-1] else 1, mode="in_place", parts=split(now))
    now = people_now(fresh)
    small.eventful(fresh, now, Silent(), mode="in_place", parts=split(now))
    alone.check(small.traces(fresh))
    pd.testing.assert_frame_equal(fresh.read(small.NAME, raw=True), alone.frames["repaired table"])
    fresh.revert(small.NAME, run=1)
    pd.testing.assert_frame_equal(fresh.read(small.NAME, raw=True), small.dirty(small.truth()))


def test_an_eventful_run_writes_every_kind_of_edit():
    """What the interrupts are tried on repairs cells, leaves rows out, and repairs the rows that judged."""
    summary = small.uninterrupted()[0].summary
    first, second = summary["rounds"][:2]
    assert (first["verdict"], first["accepted"] > 0, first["dropped"]) == ("repair", True, 0)
    assert (second["verdict"], second["accepted"], second["dropped"] > 0) == ("drop", 0, True)
    assert summary["extended"] > 0


def test_other_settings_are_another_run(fresh):
    """An interrupted run is carried on by the same call alone."""
    table, parts = people(), split(people())
    parts[np.flatnonzero(parts == "train")[0]] = "gate"
    others: list[dict[str, Any]] = [
        {"seed": 1},
        {"rounds": 3},
        {"precision": 0.9},
        {"max_share": 0.2},
        {"mode": "in_place"},
        {"score": "balanced_accuracy"},
        {"parts": parts},
        {"model": small.settings()["model"].set_params(n_estimators=9)},
    ]
    for other in [{}, *others, {}, *others[-2:]]:
        interrupted(fresh, table, "Round 1", 0, **other)
    interrupted(fresh, people(ignore=["weight"]), "Round 1", 0)
    assert len(fresh.runs()) == 1 + len(others) + 1


def test_without_parts_a_row_keeps_its_part_when_it_is_repaired(tmp_path):
    """The split depends on the table as it was, so that the run is carried on after its first batch."""
    frame = small.dirty(small.truth()).drop(columns="part")
    with small.adopted(tmp_path / "d.duckdb", frame) as held:
        table = people(frame, part=None)
        held.begin_run(small.NAME, ["id"], {}, 0)
        interrupted(held, table, "Round 1", 0, mode="in_place")
        keys, hashes = table.keys[:150], held.row_hashes(small.NAME)
        edits = [
            Edit(key, "sport", old, small.TURNED[old], row_hash=hashes[key])
            for key, old in zip(keys, table.frame["sport"], strict=False)
        ]
        held.apply(1, edits, mode="in_place", gate={}, round=1)
        interrupted(held, replace(table, frame=held.read(small.NAME)), "Round 1", 0, mode="in_place")
        assert len(held.runs()) == 2


def test_rows_that_judge_have_their_labels_of_before_any_run(fresh):
    """A label that another run wrote judges nothing, a row that it left out does; its cells are kept."""
    table, hashes = people(), fresh.row_hashes(small.NAME)
    label, cell, gone = rows = table.keys[:3].tolist()
    turned, height = small.TURNED[table.frame["sport"].iat[0]], table.frame["height"].iat[1]
    edits = [
        Edit(label, "sport", table.frame["sport"].iat[0], turned, row_hash=hashes[label]),
        Edit(cell, "height", height, "60.5", row_hash=hashes[cell]),
        Edit(gone, None, None, None, "drop", row_hash=hashes[gone]),
    ]
    fresh.apply(fresh.begin_run(small.NAME, ["id"], {}, 0).id, edits, gate={}, round=1)
    other = fresh.begin_run(small.NAME, ["id"], {}, 1)
    session = Session(fresh, other, table, dict.fromkeys(rows, "gate"), "overlay")
    session.start_round(1)
    expected = table.frame.iloc[:3].assign(
        height=[table.frame["height"].iat[0], "60.5", *table.frame["height"].iloc[2:3]]
    )
    pd.testing.assert_frame_equal(session.held("gate").frame, expected)


# Bad input


def unusable() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return roles and settings that cannot be used, by what the error says of them."""
    given = people().frame["part"].to_numpy(dtype=object)
    one_class = np.where((given == "final") & (people().frame["sport"] == "row"), "train", given)
    return {
        "has no key": ({"key": None, "number_rows": True}, {}),
        "no target": ({"target": None}, {}),
        "hold one class only": ({}, {"parts": one_class}),
        "leaves 0 in the part 'gate'": ({}, {"parts": np.where(given == "gate", "final", given)}),
        "leaves 19 in the part": ({}, {"parts": np.where(np.cumsum(given == "value") > 19, "final", given)}),
        "699 parts were given for the 700 rows": ({}, {"parts": given[1:]}),
        "parts must say one of": ({}, {"parts": np.where(people().keys == "100", "test", given)}),
        "precision=0.4": ({}, {"precision": 0.4}),
        "precision=1": ({}, {"precision": 1}),
        "rounds=0": ({}, {"rounds": 0}),
        "max_share=0": ({}, {"max_share": 0}),
        "mode='sideways'": ({}, {"mode": "sideways"}),
        "nonsense": ({}, {"score": "nonsense"}),
        "accuracy": ({"target": "weight"}, {"score": "accuracy", "model": LinearRegression()}),
    }


@pytest.mark.parametrize("said", unusable())
def test_what_cannot_be_used_is_refused_and_nothing_is_written(fresh, said):
    """One clear error; the file holds the same bytes as before."""
    roles, asked = unusable()[said]
    fresh._db.run("CHECKPOINT")
    before = fresh.path.read_bytes()
    with pytest.raises(AssayError, match=said.replace("(", r"\(")):
        improve(fresh, people(**roles), **small.settings(**asked))
    fresh._db.run("CHECKPOINT")
    assert fresh.path.read_bytes() == before
    assert not fresh.runs()


def test_a_table_of_another_database_is_refused(tmp_path):
    """The store must hold the table; nothing is written where it does not."""
    with store.open(tmp_path / "empty.duckdb") as held:
        with pytest.raises(AssayError, match=small.NAME):
            improve(held, people(), **small.settings())
        assert not held.runs()
        assert not held.tables()


def test_a_model_of_the_wrong_kind_is_refused_and_nothing_is_written(fresh):
    """A regression model of classes, and something that is no model at all."""
    for model in (LinearRegression(), "forest"):
        with pytest.raises(AssayError):
            improve(fresh, people(), **small.settings(model=model))
        assert not fresh.runs()


def test_in_place_over_live_overlay_repairs_is_refused_and_nothing_is_written(finished):
    """They would fall off: the person is told before anything is computed."""
    with pytest.raises(AssayError, match="live overlay repairs"):
        improve(finished, people(), **small.settings(mode="in_place"))
    assert len(finished.runs()) == 1
