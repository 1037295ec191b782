"""What the store's tests share: a small table, and edits of it in one call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from assay import store
from assay.store import Batch, Edit, Run, Store

MODES = ("overlay", "in_place")


class Desk:
    """A store with one table `t`, keyed by `id`, and a run under way."""

    def __init__(
        self, path: Path, frame: pd.DataFrame | None = None, table: str = "t", key: str = "id"
    ) -> None:
        self.frame = people() if frame is None else frame
        self.table = table
        self.store: Store = store.open(path)
        self.store.adopt(table, self.frame, [key])
        self.run: Run = self.store.begin_run(table, [key], {"seed": 1}, 1)

    def edit(self, row: str, column: str | None, old: Any, new: Any, **more: Any) -> Edit:
        """One edit of a row as it reads now."""
        hashes = self.store.row_hashes(self.table, [row])
        return Edit(row, column, old, new, row_hash=hashes.get(row, ""), **more)

    def set(self, row: str, column: str, new: Any, mode: str = "overlay") -> Batch:
        """Apply one edit of one cell as it reads now."""
        return self.apply([self.edit(row, column, self.cell(row, column), new)], mode)

    def drop(self, row: str, mode: str = "overlay") -> Batch:
        """Apply the quarantine of one row."""
        return self.apply([self.edit(row, None, None, None, op="drop")], mode)

    def apply(self, edits: list[Edit], mode: str = "overlay", **more: Any) -> Batch:
        """Apply edits as one batch."""
        assert mode in MODES
        return self.store.apply(self.run.id, edits, mode=mode, gate={"gain": 0.5}, round=1, **more)

    def read(self, **how: Any) -> pd.DataFrame:
        """The table now."""
        return self.store.read(self.table, **how)

    def cell(self, row: str, column: str, **how: Any) -> Any:
        """One cell now."""
        frame = self.read(**how)
        return frame.loc[frame["id"].astype(str) == row, column].item()

    def sql(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What another client would run."""
        return self.store._db.rows(query, *parameters)


def people() -> pd.DataFrame:
    """Four rows in no order of their keys."""
    return pd.DataFrame(
        {
            "id": [30, 10, 40, 20],
            "name": ["ann", None, "cid", "dee"],
            "height": [1.5, float("nan"), 3.25, 4.0],
            "n": pd.array([1, 2, None, 2**60 + 1], dtype="Int64"),
        }
    )


def stripped(edit: Edit) -> Edit:
    """An edit without its reason."""
    return replace(edit, why="")
