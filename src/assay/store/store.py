"""Store: one database file with the user's tables, and beside them all that was found and done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
from numpy.typing import ArrayLike, NDArray

from . import _json, ledger, log, proposals, read, runs, values, worths
from ._edits import Batch, Edit, Mode
from ._shape import shape_of, user_tables
from .adopt import adopt_frame
from .apply import apply_edits
from .duckdb import Database
from .migrations import migrate
from .proposals import Proposal
from .revert import Selection, revert_edits
from .runs import Run


def open(path: str | Path) -> Store:
    """Open a DuckDB file, made where there is none; its ledger tables are brought up to date.

    Parameters
    ----------
    path : str or Path
        The user's own database file, or one to be made.

    Raises
    ------
    StoreLocked
        Where another process has it open.
    AssayError
        Where it is no DuckDB database, is of a newer DuckDB or Assay, or cannot be written.
    """
    return Store(path)


class Store:
    """An open database file; a context manager, for one thread.

    Every method that writes does so in one transaction. `row` is always the canonical row key as text:
    `str(value)`, or a JSON array where the key has several columns.

    Parameters
    ----------
    path : str or Path
        The file; see `open`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._db = Database(self.path)
        try:
            migrate(self._db)
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def close(self) -> None:
        """Let the file go, so that others can open it."""
        self._db.close()

    # Tables

    def adopt(self, name: str, frame: Any, key: Sequence[str]) -> None:
        """Bring a frame in as a table, types kept; once: the same frame again changes nothing.

        With no key the rows are numbered from 0 in a new column `assay_row`, which is the key from then on.

        Raises
        ------
        AssayError
            Where another table has that name, or the key has missing or double values: nothing is written.
        """
        with self._db.transaction():
            adopt_frame(self._db, name, frame, tuple(key))

    def tables(self) -> list[str]:
        """Return the names of the user's tables."""
        return user_tables(self._db)

    def key(self, table: str) -> tuple[str, ...]:
        """Return the key columns of a table that was adopted or worked on."""
        return tuple(column.name for column in shape_of(self._db, table).key)

    def read(self, table: str, *, raw: bool = False, as_of: int | None = None) -> pd.DataFrame:
        """Return a table, its rows always in the same order.

        Parameters
        ----------
        table : str
            Its name.
        raw : bool
            The base table as it is, without the overlay.
        as_of : int, optional
            As it was after that batch; 0 is before any repair.
        """
        return read.frame(self._db, table, raw=raw, as_of=as_of)

    def row_hashes(self, table: str, rows: Sequence[str] | None = None) -> dict[str, str]:
        """Return row key -> hash of the row as it reads now, for all rows or for those given."""
        return read.row_hashes(self._db, shape_of(self._db, table), rows)

    def stale(self, table: str) -> pd.DataFrame:
        """Return the edits in force that the table no longer shows, since someone else changed the row.

        Columns: row, column, now (the cell; None for a row), new (what the edit wrote), batch.
        """
        return read.stale(self._db, shape_of(self._db, table))

    # Runs

    def begin_run(self, table: str, key: Sequence[str], config: Mapping[str, Any], seed: int) -> Run:
        """Record a new run; an empty `key` means the recorded one.

        Raises
        ------
        AssayError
            Where the key is missing somewhere or not unique, or a config has no JSON form.
        """
        with self._db.transaction():
            return runs.begin(self._db, shape_of(self._db, table, tuple(key) or None), config, seed)

    def find_run(self, table: str, config: Mapping[str, Any]) -> Run | None:
        """Return the newest unfinished run of the table with the same config, to resume it."""
        return runs.find(self._db, table, config)

    def runs(self, table: str | None = None) -> list[Run]:
        """Return all runs, oldest first."""
        return runs.listed(self._db, *(("WHERE table_name = ?", table) if table is not None else ("",)))

    def finish_run(self, run_id: int, *, status: str, stop_reason: str, summary: Mapping[str, Any]) -> None:
        """Record how a run ended, and its summary."""
        with self._db.transaction():
            runs.finish(self._db, runs.get(self._db, run_id).id, status, stop_reason, summary)

    def save_round(self, run_id: int, round: int, state: Mapping[str, Any]) -> None:
        """Record the state of a round; the last one saved stays."""
        with self._db.transaction():
            runs.save_round(self._db, run_id, round, state)

    def rounds(self, run_id: int) -> list[dict[str, Any]]:
        """Return the states of a run's rounds, in order."""
        return runs.rounds(self._db, run_id)

    # Values and proposals

    def save_values(
        self,
        run_id: int,
        round: int,
        keys: Sequence[str],
        values_: ArrayLike,
        stderr: ArrayLike | None,
        method: str,
    ) -> None:
        """Record the (n,) values of the rows with these keys, `stderr` (n,) or None."""
        with self._db.transaction():
            values.save(self._db, run_id, round, keys, values_, stderr, method)

    def values(self, run_id: int, round: int | None = None) -> pd.DataFrame:
        """Return row_key, value, stderr, rank (1 is the lowest) and method; of the last round by default."""
        return values.listed(self._db, run_id, round)

    def save_proposals(self, run_id: int, round: int, proposals_: Sequence[Proposal]) -> list[int]:
        """Record proposals; return their numbers, in order."""
        with self._db.transaction():
            return proposals.save(self._db, run_id, round, proposals_)

    def set_proposals(self, ids: Sequence[int], state: str, why: str, *, actor: str = "assay") -> None:
        """Record one decision on several proposals: proposed queued refused applied reverted or conflict."""
        with self._db.transaction():
            proposals.decide(self._db, [(int(number), state, why) for number in ids], actor)

    def proposals(
        self, run_id: int | None = None, row: str | None = None, state: str | None = None
    ) -> pd.DataFrame:
        """Return the proposals that fit all that is given, in the order in which they were made.

        Columns: id run round row column kind old new expert confidence p_correct evidence state why.
        """
        return proposals.listed(self._db, run_id, row, state)

    # Edits

    def apply(
        self,
        run_id: int,
        edits: Sequence[Edit],
        *,
        mode: Mode = "overlay",
        gate: Mapping[str, Any],
        round: int,
        state: Mapping[str, Any] | None = None,
        actor: str = "assay",
    ) -> Batch:
        """Write a batch of edits, its ledger entries, the proposals' states and the round's, or nothing.

        An edit whose row or cell is no longer as it was read is a conflict: skipped, returned, and its
        proposal's state "conflict".

        Parameters
        ----------
        run_id, round : int
            The run and its round.
        edits : sequence of Edit
            In order; `row_hash` from `row_hashes` at the time of reading.
        mode : {"overlay", "in_place"}
            Leave the table alone and show the repairs in the view `<table>__repaired`; or change the table,
            and move dropped rows to `<table>__quarantine`.
        gate : Mapping
            What the gate measured; kept with the batch.
        state : Mapping, optional
            The round's state, recorded in the same transaction.
        actor : str
            Who does it.

        Raises
        ------
        AssayError
            Where an edit names no column, touches the key, or holds a value that its column cannot.
        """
        about = {
            "run": run_id,
            "round": round,
            "kind": "apply",
            "mode": mode,
            "about_json": _json.dumps(gate),
            "actor": actor,
        }
        with self._db.transaction():
            run = runs.get(self._db, run_id)
            shape = shape_of(self._db, run.table, run.key)
            batch, made = apply_edits(self._db, shape, edits, mode, about)
            decisions = [(edit.proposal, "applied", edit.why) for edit in made if edit.proposal is not None]
            decisions += [
                (edit.proposal, "conflict", edit.why) for edit in batch.conflicts if edit.proposal is not None
            ]
            proposals.decide(self._db, decisions, actor)
            if state is not None:
                runs.save_round(self._db, run_id, round, state)
        return batch

    def revert(
        self,
        table: str,
        *,
        batch: int | None = None,
        run: int | None = None,
        row: str | None = None,
        column: str | None = None,
        actor: str = "assay",
    ) -> Batch:
        """Undo the edits that fit all that is given, newest first, as a new batch; all where nothing is.

        A batch that is itself a revert is undone by its number: that redoes the edits.

        Raises
        ------
        AssayError
            Where nothing fits, or it is undone already.
        """
        chosen = Selection(batch, run, row, column)
        with self._db.transaction():
            done, states = revert_edits(self._db, shape_of(self._db, table), chosen, actor)
            proposals.decide(
                self._db, [(number, state, f"Batch {done.id}.") for number, state in states], actor
            )
        return done

    # The ledger

    def history(self, table: str, row: str) -> pd.DataFrame:
        """Return the ledger's entries of one row, oldest first; columns as in `ledger`."""
        return log.entries(self._db, table, row)

    def ledger(self, table: str | None = None) -> pd.DataFrame:
        """Return the ledger, oldest first: id batch run table row column op mode old new and the rest."""
        return log.entries(self._db, table, None)

    def batches(self, table: str | None = None) -> pd.DataFrame:
        """Return the batches: id run round table kind mode edits undone (how many of them) about actor at."""
        return log.batches(self._db, table)

    def verify(self) -> int:
        """Re-prove the hash of every entry and batch; return the number of entries.

        Raises
        ------
        AssayError
            Naming the first that is not as it was written.
        """
        return ledger.verify(self._db)

    # Memory

    def recall(self, keys: Sequence[bytes], width: int) -> NDArray[Any]:
        """Return the (len(keys), width) worths that are remembered under these keys, nan where none are."""
        return worths.recall(self._db, keys, width)

    def remember(self, keys: Sequence[bytes], worths_: ArrayLike) -> None:
        """Keep the (len(keys), width) worths under these keys."""
        with self._db.transaction():
            worths.remember(self._db, keys, worths_)
