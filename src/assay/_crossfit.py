"""Cross-fitting: without validation rows, each row is valued by the folds that it is not in."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from ._errors import AssayError
from ._problem import Problem
from ._types import Positions
from ._valuation import Status, Valuation

FOLDS = 5


@dataclass(frozen=True)
class Fold:
    """One way of parting the rows: those that are valued, and those that judge them."""

    rows: Positions
    judges: Positions


def folds(problem: Problem, seed: int) -> list[Fold]:
    """Part the rows `FOLDS` ways (fewer if rows are few), by class and by group where there are any.

    Raises
    ------
    AssayError
        If there are too few rows, groups or rows of a class to part.
    """
    train = problem.train
    stratified = train.y is not None and train.y.ndim == 1 and problem.target_kind == "class"
    labels = train.y if stratified else None
    units = len(train) if train.groups is None else len(np.unique(train.groups))
    if labels is not None:
        units = min(units, int(np.unique(labels, return_counts=True)[1].max()))
    if units < 2:
        raise AssayError(
            "There are no validation rows, and too few rows, groups or rows of a class to cross-fit without; "
            "pass Problem(valid=assay.Data(X, y))."
        )
    count = min(FOLDS, units)
    if train.groups is not None:
        grouped = GroupKFold if labels is None else StratifiedGroupKFold
        splitter = grouped(count, shuffle=True, random_state=seed)
    else:
        splitter = (KFold if labels is None else StratifiedKFold)(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class of fewer rows than folds is missing in some, which is fine
        parts = list(splitter.split(train.X, labels, train.groups))
    return [Fold(rows, judges) for rows, judges in parts if len(judges) and len(rows)]


def crossfitted(
    problem: Problem, parts: Sequence[Fold], run: Callable[[Problem, int], Iterator[Valuation]]
) -> Generator[Valuation, int | None, None]:
    """Yield the folds' estimates, put together, as they are refined in step; `run` values one fold's rows."""
    runs = []
    for number, part in enumerate(parts):
        train, valid = problem.train.take(part.rows), problem.train.take(part.judges)
        runs.append(run(replace(problem, train=train, valid=valid), number))
    latest: list[Valuation | None] = [None] * len(runs)
    room = None
    while going := [k for k, now in enumerate(latest) if now is None or now.status is not Status.exact]:
        shares = _shares([latest[k] for k in going], room)
        for k, share in zip(going, shares, strict=True):
            latest[k] = advance(runs[k], share)
        room = yield _together(problem.n, parts, [now for now in latest if now is not None])


def _shares(latest: Sequence[Valuation | None], room: int | None) -> list[int | None]:
    """What each fold may ask for: what its next estimate costs at least, and an even part of the rest."""
    if room is None:
        return [None] * len(latest)
    least = [now.next_evals if now else 0 for now in latest]
    return [one + max(room - sum(least), 0) // len(least) for one in least]


def advance(estimates: Iterator[Valuation], room: int | None) -> Valuation:
    """The next estimate; a generator is told how many evaluations there is room for, None where no matter."""
    return estimates.send(room) if isinstance(estimates, Generator) else next(estimates)


def _together(n: int, parts: Sequence[Fold], estimates: Sequence[Valuation]) -> Valuation:
    total, variance, judges = np.zeros(n), np.zeros(n), np.zeros(n)
    per_valid = np.full((n, n), np.nan) if estimates[0].per_valid is not None else None
    for part, estimate in zip(parts, estimates, strict=True):
        weight = len(part.judges)  # every judge counts the same, whatever its fold
        total[part.rows] += weight * estimate.values
        judges[part.rows] += weight
        if estimate.stderr is not None:
            variance[part.rows] += (weight * estimate.stderr) ** 2  # folds draw independently
        if per_valid is not None and estimate.per_valid is not None:
            per_valid[np.ix_(part.rows, part.judges)] = estimate.per_valid
    sampling = [estimate for estimate in estimates if estimate.status is not Status.exact]
    sampled = any(estimate.stderr is not None for estimate in estimates)
    return Valuation(
        total / judges,
        np.sqrt(variance) / judges if sampled else None,
        per_valid,
        evals=sum(estimate.evals for estimate in estimates),
        draws=min((estimate.draws for estimate in sampling), default=0),
        next_evals=sum(estimate.next_evals for estimate in sampling),
        status=Status.running if sampling else Status.exact,
        share=_share(parts, estimates),
    )


def _share(parts: Sequence[Fold], estimates: Sequence[Valuation]) -> float | None:
    """How much of all folds is done, where they can tell; a fold that has ended is done."""
    shares = [1.0 if e.status is Status.exact else e.share for e in estimates]
    known = [share for share in shares if share is not None]
    return sum(known) / len(parts) if len(known) == len(shares) else None
