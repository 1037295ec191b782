"""improve: the table that repairs itself, from a dirty table to a better model, a proof, and a way back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_regressor

from .._errors import AssayError
from .._keys import model_key, score_key
from .._numbers import check_seed
from .._progress import Progress, Silent
from ..store import Store
from ..tables import PARTS, Table, split, target_values, to_problem
from .extend import EXTENSION, extend
from .finish import final_rows, leave_one_batch_out, removal_curve
from .grade import graded
from .rounds import Rounds
from .session import START, Session
from .summary import summarise
from .workbench import Workbench

FEWEST = 20  # rows in each part that judges


def improve(
    store: Store,
    table: Table,
    *,
    parts: NDArray[Any] | None = None,
    model: Any = None,
    score: str | Callable[..., float] | None = None,
    seed: int = 0,
    mode: Literal["overlay", "in_place"] = "overlay",
    rounds: int = 3,
    precision: float = 0.85,
    max_share: float = 0.3,
    progress: Progress | None = None,
    truth: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Repair a table and prove on untouched rows that the model gained, or leave it as it was.

    Parameters
    ----------
    store : Store
        Holds the table, and will hold values, proposals and the ledger.
    table : Table
        The table and its roles; its name is that in the store.
    parts : (n,) of str, optional
        train, value, gate or final for each row; split by `seed` if not given. Only training rows are
        repaired while anything is judged.
    model : estimator, optional
        Whose training rows these are; logistic regression or ridge by default.
    score : str or (y_true, y_pred) -> float, optional
        Accuracy for classes and r2 for numbers by default.
    seed : int
        The same seed gives the same run.
    mode : {"overlay", "in_place"}
        Show repairs in a view, or edit the table.
    rounds : int
        The most rounds.
    precision : float
        Share of the writes of a batch that has to be right, 0..1, as far as the accept models can tell.
    max_share : float
        The largest share of the training rows that the run may change, 0..1.
    progress : Progress, optional
        Who watches.
    truth : DataFrame, optional
        True cells, to grade with after everything is done; nothing else reads them.

    Returns
    -------
    dict
        The run's summary, as the store keeps it.

    Raises
    ------
    AssayError
        If the table, its parts or the settings cannot be used; nothing is written then.

    Notes
    -----
    An interrupted run is carried on by the same call: finished steps are not done again, and the result is
    the same as without the interrupt.
    """
    check_seed(seed)
    started = time.perf_counter()
    watch = progress or Silent()
    # As no run has changed it: what a run does must change neither its parts nor which run it is.
    first = replace(table, frame=store.read(table.name, as_of=0), numbers=None)
    part_of = _parts(table, first, parts, seed)
    named = np.array([part_of.get(key, "train") for key in table.keys.tolist()], dtype=object)
    problem = to_problem(table, named, model=model, score=score)
    check(table, named, rounds=rounds, precision=precision, max_share=max_share, mode=mode)
    chosen: Any = problem.model
    _check_model(chosen, table)
    _check_overlay(store, table, mode)
    config = _config(first, part_of, chosen, problem.score, seed, mode, rounds, precision, max_share)
    run = store.find_run(table.name, config) or store.begin_run(table.name, table.roles.key, config, seed)
    session = Session(store, run, table, part_of, mode)
    session.start_round(1)
    bench = Workbench(session.original, chosen, problem.score, seed)
    loop = Rounds(session, bench, precision, max_share, seed, watch)
    reason = loop.run(rounds)
    summary = _concluded(loop, watch, truth) | {"stop_reason": reason}
    summary["seconds"] = time.perf_counter() - started
    store.finish_run(run.id, status="finished", stop_reason=reason, summary=summary)
    return summary


def _parts(table: Table, first: Table, parts: NDArray[Any] | None, seed: int) -> dict[str, str]:
    """Row key -> part: as given for the rows of `table`, else split by the rows as they were at `first`."""
    if parts is None:
        return dict(zip(first.keys.tolist(), split(first, seed=seed).tolist(), strict=True))
    if len(parts) != len(table):
        raise AssayError(f"{len(parts)} parts were given for the {len(table)} rows of table {table.name!r}")
    return dict(zip(table.keys.tolist(), np.asarray(parts, dtype=object).tolist(), strict=True))


def _concluded(loop: Rounds, watch: Progress, truth: pd.DataFrame | None) -> dict[str, Any]:
    """Everything that is measured after the last round, in the order in which it may be looked at."""
    session, bench = loop.session, loop.bench
    before = session.train(as_of=session.start)
    steps = [step for step, record in sorted(session.records.items()) if _wrote(step, record)]
    last = max((int(session.records[step]["batch"]) for step in steps), default=session.start)
    with watch.stage("Judging the run on the final rows", 4) as bar:
        after = session.train(as_of=last)
        final = final_rows(session, bench, before, after)
        bar.advance()
        batches = leave_one_batch_out(session, bench, before, after, steps)
        bar.advance()
        values = session.store.values(session.run.id, 1).set_index("row_key")["value"]
        ordered = values.reindex(before.keys.tolist()).to_numpy(float)
        gate = session.original.take(session.parts(session.original) == "gate")
        removal = removal_curve(bench, before, gate, ordered, loop.seed)
        bar.advance()
        extended = extend(session)
        marks = None if truth is None else graded(session, bench, truth, before, after)
        bar.advance()
    measured = {"final": final, "leave_one_batch_out": batches, "removal": removal, "truth": marks}
    return summarise(loop, extended) | measured


def _wrote(step: int, record: Mapping[str, Any]) -> bool:
    return record["expert"] != START and step != EXTENSION and bool(record.get("rows"))


def check(
    table: Table,
    parts: NDArray[Any],
    *,
    rounds: int = 3,
    precision: float = 0.85,
    max_share: float = 0.3,
    mode: str = "overlay",
) -> None:
    """Refuse what `improve` cannot work with, before any database is opened.

    Parameters
    ----------
    table, parts, rounds, precision, max_share, mode : see `improve`

    Raises
    ------
    AssayError
        If there is no key, a part is too small or of one class, or a setting is out of range.
    """
    if not table.roles.key:
        raise AssayError(
            f"table {table.name!r} has no key: name the column that tells its rows apart, so that a "
            "repair can always be found again"
        )
    in_range = rounds >= 1 and 0.5 <= precision < 1 and 0 < max_share <= 1
    if not in_range or mode not in ("overlay", "in_place"):
        raise AssayError(
            f"rounds={rounds}, precision={precision}, max_share={max_share}, mode={mode!r}: rounds is at "
            "least 1, precision from 0.5 to below 1, max_share above 0 and at most 1, mode overlay or "
            "in_place"
        )
    counts = Counter(parts.tolist())
    short = [part for part in PARTS if counts[part] < FEWEST]
    if short:
        raise AssayError(
            f"table {table.name!r} has {len(table)} rows, which leaves {counts[short[0]]} in the part "
            f"{short[0]!r}; each of {', '.join(PARTS)} needs at least {FEWEST} to tell a gain from chance"
        )
    if table.target_kind == "class":
        for part in ("train", "gate", "final"):
            classes = set(target_values(table.take(parts == part)).tolist())
            if len(classes) < 2:
                raise AssayError(f"the {part} rows of table {table.name!r} hold one class only: {classes}")


def _check_model(model: Any, table: Table) -> None:
    """Refuse a model of the other kind of target, as far as it says what it is for."""
    other, kinds = (is_regressor, "classes") if table.target_kind == "class" else (is_classifier, "numbers")
    if hasattr(model, "__sklearn_tags__") and other(model):
        raise AssayError(f"{table.roles.target!r} holds {kinds}, and {model!r} does not predict {kinds}")


def _check_overlay(store: Store, table: Table, mode: str) -> None:
    """Refuse now what the first batch in place would be refused for: live repairs of the overlay."""
    done = store.batches(table.name)
    live = done[(done["kind"] == "apply") & (done["mode"] == "overlay") & (done["edits"] > done["undone"])]
    if mode == "in_place" and len(live):
        raise AssayError(
            f"table {table.name!r} has live overlay repairs, of {len(live)} batches: revert them before "
            "repairing in place"
        )


def _config(
    table: Table,
    part_of: Mapping[str, str],
    model: Any,
    score: Any,
    seed: int,
    mode: str,
    rounds: int,
    *shares: float,
) -> dict[str, Any]:
    """What makes a run the same run: only such a one is carried on."""
    roles = table.roles
    rows = "\n".join(f"{key}\t{part_of.get(key, 'train')}" for key in sorted(table.keys.tolist()))
    return {
        "target": roles.target,
        "features": list(roles.features),
        "kinds": {column: roles.kinds[column] for column in (*roles.features, str(roles.target))},
        "group": roles.group,
        "parts": blake2b(rows.encode(), digest_size=16).hexdigest(),
        "model": model_key(model).decode(),
        "score": score_key(score).decode(),
        "seed": seed,
        "mode": mode,
        "rounds": rounds,
        "shares": list(shares),
    }
