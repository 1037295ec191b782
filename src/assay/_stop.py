"""Stop: when a valuation has been refined enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._errors import AssayError
from ._types import Floats
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
    lowest : int, optional
        Good enough: the rows of the `lowest` values are told apart from all others, as a set. Looking after
        every estimate is paid for: the intervals hold at all looks at once (a confidence sequence by the
        normal mixture of Robbins 1970, for all rows together). Not before 30 draws. Rows that are worth the
        same are never told apart, so give another limit too.
    confidence : float
        About the least probability that `lowest` ends a run with the right rows; in 0..1.

    Raises
    ------
    AssayError
        If no limit is given, or one of them is not above 0.
    """

    evals: int | None = None
    seconds: float | None = None
    stderr: float | None = None
    lowest: int | None = None
    confidence: float = 0.95

    def __post_init__(self) -> None:
        limits: dict[str, Any] = {
            name: getattr(self, name) for name in ("evals", "seconds", "stderr", "lowest")
        }
        given = {name: limit for name, limit in limits.items() if limit is not None}
        if not given:
            raise AssayError("Stop has no limit; give at least one of evals=, seconds=, stderr=, lowest=.")
        for name, limit in given.items():
            number = isinstance(limit, int | float | np.number) and not isinstance(limit, bool)
            if not number or not limit > 0:
                raise AssayError(f"Stop.{name} is {limit!r}; it needs to be a number above 0.")
        for name in ("evals", "lowest"):
            if name in given and (np.isinf(given[name]) or given[name] != int(given[name])):
                raise AssayError(f"Stop.{name} is {given[name]!r}; it needs to be a whole number.")
            if name in given:
                object.__setattr__(self, name, int(given[name]))
        if not 0 < self.confidence < 1:
            raise AssayError(f"Stop.confidence is {self.confidence!r}; it needs to be between 0 and 1.")

    def status(self, now: Valuation, *, last_evals: int, elapsed: float) -> Status:
        """What to make of the estimate `now`, whose predecessor had cost `last_evals`."""
        if now.status is Status.exact:
            return Status.exact
        if now.stderr is not None and now.draws >= FLOOR:
            if self.stderr is not None and now.stderr.max() <= self.stderr:
                return Status.converged
            if self.lowest is not None and self._told_apart(now.values, now.stderr, now.draws):
                return Status.ranked
        step = now.next_evals or now.evals - last_evals
        if self.evals is not None and now.evals + step > self.evals:
            return Status.budget
        if self.seconds is not None and elapsed >= self.seconds:
            return Status.budget
        return Status.running

    def _told_apart(self, values: Floats, stderr: Floats, draws: int) -> bool:
        assert self.lowest is not None
        if self.lowest >= len(values):
            return True
        half = radius(draws, (1 - self.confidence) / len(values)) * stderr
        ranking = np.argsort(values, kind="stable")
        low, rest = ranking[: self.lowest], ranking[self.lowest :]
        return bool((values + half)[low].max() < (values - half)[rest].min())


def radius(draws: int, alpha: float) -> float:
    """How many standard errors around a mean hold its truth at all numbers of draws at once.

    The two-sided boundary of Robbins (1970): for partial sums S_t of t draws of variance 1 and any r > 0,
    P(|S_t|**2 >= (t + r) log((t + r) / (r alpha**2)) for some t) <= alpha; r = 30 is tightest at some hundred
    draws.
    """
    return float(np.sqrt((draws + FLOOR) / draws * np.log((draws + FLOOR) / (FLOOR * alpha**2))))
