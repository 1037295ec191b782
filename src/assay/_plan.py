"""plan: what a valuation would cost, before it is run."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ._errors import AssayError
from ._numbers import check_seed
from ._problem import Problem
from ._stop import Stop
from ._valuation import Status, Valuation
from ._valuer import DEFAULT_STOP, Valuer, check_needs, resolve, value

FIRST_ROWS = 64  # an exact method is tried on this many rows, then on twice as many, and so on


@dataclass(frozen=True)
class Forecast:
    """What a valuation is expected to cost.

    Parameters
    ----------
    method : str
        The method.
    evals : int
        Evaluations.
    seconds : float
        Time, on this machine.
    bytes : int
        Memory of this process beyond the problem itself, at its peak; workers are not counted.
    stderr : float
        The largest standard error then; 0 where values are exact.
    why : str
        What the forecast rests on.
    """

    method: str
    evals: int
    seconds: float
    bytes: int
    stderr: float
    why: str

    def __str__(self) -> str:
        sure = f"standard errors up to {self.stderr:.2g}" if self.stderr else "exact values"
        return (
            f"{self.method}: about {self.evals:,} evaluations, {_time(self.seconds)}, "
            f"{self.bytes / 2**20:,.1f} MiB, {sure} ({self.why})."
        )


def plan(
    problem: Problem,
    method: Valuer | str = "auto",
    *,
    stop: Stop = DEFAULT_STOP,
    seed: int = 0,
    n_jobs: int | None = None,
    seconds: float = 5.0,
    players: Literal["rows", "groups"] = "rows",
) -> Forecast:
    """What `value(problem, method, stop=stop)` would cost, from a short pilot run.

    A method that samples is run for `seconds`: evaluations for a standard error grow with its inverse
    square. A method that is exact at once is run on more and more of the rows, and the growth carried on.
    Where the pilot gets through, the forecast is what was measured.

    Parameters
    ----------
    problem, method, stop, seed, n_jobs, players : see `value`
        Of `stop`, `evals`, `seconds` and `stderr` count; when `lowest` would end a run cannot be foreseen.
    seconds : float
        About how long the pilot may take; its first estimate may take longer.

    Returns
    -------
    Forecast
        It prints as a sentence.

    Raises
    ------
    AssayError
        If the problem lacks what the method needs, or `stop` has no limit but `lowest`.

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, Problem, Shapley, Stop, TableGame
    >>> game = TableGame(np.random.default_rng(0).normal(size=2**10))
    >>> problem = Problem(Data(np.zeros((10, 1))), game=game)
    >>> forecast = plan(problem, Shapley(design="permutations"), stop=Stop(evals=50_000), seconds=0.2)
    >>> 0 < forecast.stderr < 1, 49_000 < forecast.evals <= 50_000
    (True, True)
    """
    check_seed(seed)
    if not seconds > 0:
        raise AssayError(f"plan.seconds is {seconds!r}; it needs to be above 0.")
    if stop.evals is stop.seconds is stop.stderr is None:
        raise AssayError(
            "plan cannot foresee when Stop.lowest ends a run; give stderr=, evals= or seconds= too."
        )
    chosen, _ = resolve(problem, method, players)
    check_needs(problem, chosen)

    def run(problem: Problem, stop: Stop, keep: Callable[[Valuation], None] | None = None) -> Valuation:
        how = {"seed": seed, "n_jobs": n_jobs, "progress": False, "players": players}
        return value(problem, chosen, stop=stop, on_estimate=keep, **how)

    sizes = _sizes(problem) if players == "rows" else [problem.n]
    start, seen = time.perf_counter(), []
    for rows in sizes:
        part = _part(problem, rows, seed)
        try:
            valuation = run(part, Stop(evals=1))
        except AssayError:  # too few rows for this method or model
            if rows == problem.n:
                raise
            continue
        if valuation.status is not Status.exact:
            return _sampled(run, problem, stop, seconds)
        if not seen:
            valuation = run(part, Stop(evals=1))  # the first run compiled what it needed
        seen.append(_Seen(rows, valuation, _peak(run, part, 1)))
        if time.perf_counter() - start > seconds / 4:  # the next one takes up to four times as long
            break
    return _grown(problem.n, seen)


Run = Callable[..., Valuation]


@dataclass(frozen=True)
class _Seen:
    """An exact method's run on some of the rows, and its peak of memory."""

    rows: int
    valuation: Valuation
    bytes: int


def _sizes(problem: Problem) -> list[int]:
    """How many rows to try an exact method on; a game of the user's own cannot be cut."""
    if problem.game is not None:
        return [problem.n]
    return [*(FIRST_ROWS * 2**k for k in range(64) if FIRST_ROWS * 2**k < problem.n), problem.n]


def _part(problem: Problem, rows: int, seed: int) -> Problem:
    """A problem of about `rows` of the rows, drawn evenly, with every class among them."""
    if rows == problem.n:
        return problem
    drawn = np.random.default_rng(seed).permutation(problem.n)[:rows]
    if problem.classes is not None:
        drawn = np.union1d(drawn, np.unique(problem.train.y, return_index=True)[1])
    return replace(problem, train=problem.train.take(drawn))


def _grown(n: int, seen: list[_Seen]) -> Forecast:
    """From runs on some rows to all `n`, as a power of the number of rows."""
    last, before = seen[-1], seen[-2:][0]
    times = last.rows / max(before.rows, 1)

    def carry_on(now: float, then: float) -> float:
        power = np.clip(np.log(now / then) / np.log(times), 0, 3) if times > 1 and then > 0 else 1.0
        return now * (n / last.rows) ** power

    valuation = last.valuation
    return Forecast(
        valuation.method,
        round(carry_on(valuation.evals, before.valuation.evals)) if valuation.evals else 0,
        carry_on(valuation.seconds, before.valuation.seconds),
        round(carry_on(last.bytes, before.bytes)),
        0.0,
        "measured" if last.rows == n else f"carried on from {last.rows:,} of {n:,} rows",
    )


def _sampled(run: Run, problem: Problem, stop: Stop, seconds: float) -> Forecast:
    """From the estimates of a run that is cut short."""
    limits = Stop(evals=stop.evals, seconds=min(seconds, stop.seconds or seconds), stderr=stop.stderr)
    trail: list[Valuation] = []
    now = run(problem, limits, trail.append)
    error = 0.0 if now.stderr is None else float(now.stderr.max())
    first = trail[0]
    rate = (now.seconds - first.seconds) / max(now.evals - first.evals, 1) or now.seconds / now.evals
    evals = now.evals
    if now.status is Status.budget:
        wanted = [now.evals * (error / stop.stderr) ** 2] if stop.stderr else []
        wanted += [stop.evals] if stop.evals else []
        wanted += [now.evals + (stop.seconds - now.seconds) / rate] if stop.seconds else []
        evals = max(evals, int(min(wanted, default=evals)))
    return Forecast(
        now.method,
        evals,
        now.seconds + (evals - now.evals) * rate,
        _memory(run, problem, trail, evals),
        error * float(np.sqrt(now.evals / evals)),
        f"from {now.evals:,} evaluations in {_time(now.seconds)}",
    )


def _memory(run: Run, problem: Problem, trail: list[Valuation], evals: int) -> int:
    """Peak bytes at `evals` evaluations: those of the first estimate, and what each further one adds."""
    few, many = trail[0].evals, trail[min(2, len(trail) - 1)].evals
    low, high = _peak(run, problem, few), _peak(run, problem, many)
    return low + round(max(high - low, 0) / max(many - few, 1) * max(evals - few, 0))


def _peak(run: Run, problem: Problem, evals: int) -> int:
    """Peak bytes of a run in this process; who traces memory already keeps on tracing."""
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    try:
        run(problem, Stop(evals=evals))
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not tracing:
            tracemalloc.stop()


def _time(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.2g} s"
