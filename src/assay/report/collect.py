"""Collect: the facts of a run, read from the store that it was written to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from .._errors import AssayError
from ..store import Run, Store
from ..tables import Roles, Table
from .facts import Facts
from .found import LOWEST
from .render import render


def write(store: Store, path: str | Path, run: int | None = None, *, program: str = "assay") -> Path:
    """Write the report of a run as one HTML file.

    The file appears whole or not at all. Takes a few seconds, most of them for the charts.

    Parameters
    ----------
    store : Store
        The open store that the run was written to; it is only read.
    path : str or Path
        The file to write; an older one is replaced.
    run : int, optional
        The run; by default the newest finished one.
    program : str
        How the commands on the page call Assay.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    AssayError
        Where there is no such finished run, or the file cannot be written.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise AssayError(f"No report at {target}: {target.parent} is no folder; make it first.")
    page = render(collect(store, run, program=program))
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.write_text(page, encoding="utf-8", newline="\n")
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise AssayError(f"No report at {target}: {error.strerror}; give another path.") from error
    return target


def collect(store: Store, run: int | None = None, *, program: str = "assay") -> Facts:
    """Read all that the report says about a run.

    Raises
    ------
    AssayError
        Where there is no such finished run.
    """
    chosen = _chosen(store, run)
    told = chosen.summary or {}
    known = {
        "run": chosen.id,
        "table": chosen.table,
        "key": list(chosen.key),
        "seed": chosen.seed,
        "started": chosen.started,
        "finished": chosen.finished,
        "stop_reason": chosen.stop_reason,
    }
    ledger: Any = store.ledger(chosen.table)
    ours = ledger[ledger["run"] == chosen.id]
    values = _values(store, chosen)
    verified, broken = _verified(store)
    return Facts(
        summary={**known, **told, "database": str(store.path)},
        values=values,
        lowest=_lowest(store, chosen, values, ours),
        proposals=store.proposals(chosen.id),
        ledger=ours,
        verified=verified,
        broken=broken,
        several=len({each.table for each in store.runs()}) > 1,
        program=program,
    )


def _chosen(store: Store, run: int | None) -> Run:
    runs = store.runs()
    finished = [each for each in runs if each.finished is not None and each.summary is not None]
    if run is None:
        if not finished:
            raise AssayError(
                f"{store.path} holds no finished run to report; run `assay improve` on it first."
            )
        return finished[-1]
    for each in finished:
        if each.id == run:
            return each
    if any(each.id == run for each in runs):
        raise AssayError(f"Run {run} of {store.path} is not finished; run its command again to carry on.")
    listed = ", ".join(str(each.id) for each in finished) or "none"
    raise AssayError(f"{store.path} has no run {run}; its finished runs are: {listed}.")


def _values(store: Store, run: Run) -> pd.DataFrame:
    """The values of the first round, which saw the table as it came."""
    values: Any = store.values(run.id, 1)
    values = values if len(values) else store.values(run.id)
    values = values[values["method"] == values["method"].iloc[0]] if len(values) else values
    return values


def _lowest(store: Store, run: Run, values: pd.DataFrame, edits: Any) -> pd.DataFrame:
    """The cells of the rows worth least, as they were before the run's first batch."""
    before = int(edits["batch"].min()) - 1 if len(edits) else None
    frame = store.read(run.table, as_of=before)
    keys = pd.Index(Table(run.table, frame, Roles(run.key, None, ())).keys, dtype=object)
    worst = values.sort_values("value", kind="stable")["row_key"].head(LOWEST)
    at = keys.get_indexer(pd.Index(worst, dtype=object))
    found = at[at >= 0]
    cells = frame.iloc[found].set_axis(keys[found])
    return cells.drop(columns=list(run.key)) if len(run.key) == 1 else cells


def _verified(store: Store) -> tuple[int | None, str | None]:
    """How many entries of the ledger hold, or the sentence that says which does not."""
    try:
        return store.verify(), None
    except AssayError as error:
        return None, str(error)
