"""Facts: all that one page says, gathered before a word of it is written."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

CHANGED = ("applied", "reverted", "conflict")  # states of a proposal that was once accepted
PROPOSAL_COLUMNS = ("row", "column", "kind", "old", "new", "expert", "p_correct", "evidence", "state", "why")
LEDGER_COLUMNS = ("batch", "row", "column", "op", "undone", "at")


@dataclass(frozen=True)
class Facts:
    """What a run found and did, as the report shows it.

    Parameters
    ----------
    summary : mapping
        The run's own summary, as `Store.finish_run` keeps it. An entry that is absent or None was not
        measured, and the page is silent about it.
    values : DataFrame
        One row a training row: `row_key`, `value` and `stderr` in units of the score.
    lowest : DataFrame
        The cells of the lowest rows as they were before the run, lowest first, indexed by row key.
    proposals : DataFrame
        One row a proposed repair, with the columns of `PROPOSAL_COLUMNS`; `evidence` is a mapping whose
        `why` is a sentence for people.
    ledger : DataFrame
        One row an edit of this run in the order of the chain, with the columns of `LEDGER_COLUMNS`, and
        with `hash` where the seals of the entries are known.
    verified : int, optional
        How many entries of the ledger were proved to hang together, where that was tried.
    broken : str, optional
        The sentence that says where the ledger does not hang together, where it does not.
    several : bool
        Whether the database holds runs on several tables, so that a command must name the table.
    program : str
        How Assay is called from the folder where the user stands.
    """

    summary: Mapping[str, Any]
    values: pd.DataFrame
    lowest: pd.DataFrame
    proposals: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(PROPOSAL_COLUMNS)))
    ledger: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(LEDGER_COLUMNS)))
    verified: int | None = None
    broken: str | None = None
    several: bool = False
    program: str = "assay"

    def command(self, verb: str, *options: str) -> str:
        """A shell command on the run's database, quoted so that it can be pasted as it is."""
        table = ("--table", str(self.summary.get("table"))) if self.several else ()
        database = str(self.summary.get("database", ""))
        return f"{self.program} {shlex.join([verb, database, *table, *options])}"

    @property
    def undo(self) -> str:
        """The command that takes the whole run back."""
        return self.command("revert", "--run", str(self.summary.get("run")))
