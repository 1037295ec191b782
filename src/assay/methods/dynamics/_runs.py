"""The traces of one or several trainings, read a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._errors import AssayError
from ..._numbers import is_whole
from ..._problem import Problem
from ..._trace.source import traces_of
from ..._trace.trace import Trace
from ..._types import Floats

NUMBERS = 2**20  # of a block: arrays on disk are never copied whole, least of all as float64
EARLY = 10  # epochs


@dataclass(frozen=True, eq=False)
class Runs:
    """What one or several trainings showed of the same rows, in the same order.

    Parameters
    ----------
    name : str
        Who asks, for errors.
    traces : list of Trace
        At least one.
    """

    name: str
    traces: list[Trace]

    @classmethod
    def of(cls, name: str, problem: Problem, rng: np.random.Generator) -> Runs:
        """The runs of a problem whose labels are classes.

        Raises
        ------
        AssayError
            If labels are numbers, or there is neither a trace nor a model to follow.
        """
        if problem.target_kind == "number":
            raise AssayError(
                f"{name} is for classes, and labels are numbers; take GraNd, whose gradients any loss has."
            )
        return cls(name, traces_of(problem, name, rng))

    def mean(self, measure: str, score: Callable[[Floats], Floats], *, epochs: int | None = None) -> Floats:
        """The mean over the runs of the score of each row, (n,).

        Parameters
        ----------
        measure : str
            Which array of the traces is read.
        score : callable
            From (epochs, rows), nan where a row was not seen, to (rows,), nan for rows that it cannot tell.
        epochs : int, optional
            Only the first ones are read.

        Raises
        ------
        AssayError
            If no run tells of some row; it names them.
        """
        total, told = np.zeros((2, len(self.traces[0])))
        for trace in self.traces:
            kept = getattr(trace, measure)[:epochs]
            for part in blocks(len(total), len(kept)):
                found = score(np.asarray(kept[:, part], float))
                known = ~np.isnan(found)
                total[part] += np.where(known, found, 0)
                told[part] += known
        return total / check_told(self.name, self.traces[0].ids, told, epochs)


def check_told(name: str, ids: NDArray[Any], told: Floats, epochs: int | None = None) -> Floats:
    """How often each row was told of: at least once.

    Raises
    ------
    AssayError
        Naming rows of which that is not so.
    """
    if not told.all():
        unknown = ids[told == 0]
        names = ", ".join(repr(key.item()) for key in unknown[:3])
        when = "training" if epochs is None else f"the first {epochs} epochs of training"
        raise AssayError(
            f"{name}: {len(unknown)} row(s) were not seen in {when}, such as {names}; leave them out of the "
            "problem, or record a run that sees them."
        )
    return told


def blocks(n: int, each: int) -> Iterator[slice]:
    """Slices of `n` rows, of `each` numbers a row."""
    step = max(1, NUMBERS // max(each, 1))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def mean_seen(part: Floats) -> Floats:
    """The mean over the epochs in which a row was seen, nan for rows never seen."""
    seen = ~np.isnan(part)
    with np.errstate(invalid="ignore"):
        return np.where(seen, part, 0).sum(axis=0) / seen.sum(axis=0)


def spread_seen(part: Floats) -> Floats:
    """The population's standard deviation over the epochs in which a row was seen."""
    return np.sqrt(mean_seen((part - mean_seen(part)) ** 2))


def right(margins: Floats) -> NDArray[Any]:
    """1 where a row is predicted right, 0 where it is not (or ties with another class), nan if not seen."""
    return np.where(np.isnan(margins), np.nan, margins > 0)


def check_epochs(name: str, epochs: Any) -> None:
    """Refuse what is no number of epochs."""
    if not is_whole(epochs) or epochs < 1:
        raise AssayError(f"{name}.epochs is {epochs!r}; it needs a whole number of at least 1.")
