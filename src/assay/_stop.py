"""Stop: when a valuation has been refined enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._errors import AssayError
from ._valuation import Status, Valuation

FLOOR = 30  # draws before a standard error, itself an estimate, may end a run


@dataclass(frozen=True)
class Stop:
    """When to stop refining: whichever comes first. Exact methods end by themselves.

    Parameters
    ----------
    evals : int, optional
        The most evaluations to pay for. A run stops before the batch that would exceed it; only the first
        estimate may cost more, where a method needs more to say anything.
    seconds : float, optional
        The most time to take, looked at after each estimate. The only rule by which the same seed may end in
        other values.
    stderr : float, optional
        Good enough: the largest standard error, in units of the score. It never ends a run before 30 draws:
        a rare event that was not seen yet has a sample variance of 0.

    Raises
    ------
    AssayError
        If no limit is given, or one of them is not above 0.
    """

    evals: int | None = None
    seconds: float | None = None
    stderr: float | None = None

    def __post_init__(self) -> None:
        limits = {name: getattr(self, name) for name in ("evals", "seconds", "stderr")}
        given = {name: limit for name, limit in limits.items() if limit is not None}
        if not given:
            raise AssayError("Stop has no limit; give at least one of evals=, seconds=, stderr=.")
        for name, limit in given.items():
            if not limit > 0:
                raise AssayError(f"Stop.{name} is {limit!r}; it needs to be above 0.")

    def status(self, now: Valuation, *, last_evals: int, elapsed: float) -> Status:
        """What to make of the estimate `now`, whose predecessor had cost `last_evals`."""
        if now.status is Status.exact:
            return Status.exact
        largest = np.inf if now.stderr is None or now.draws < FLOOR else now.stderr.max()
        if self.stderr is not None and largest <= self.stderr:
            return Status.converged
        if self.evals is not None and 2 * now.evals - last_evals > self.evals:
            return Status.budget
        if self.seconds is not None and elapsed >= self.seconds:
            return Status.budget
        return Status.running
