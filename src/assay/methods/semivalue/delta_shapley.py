"""Delta-Shapley values."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..._errors import AssayError
from ..._game import BLOCK, Game
from ..._problem import Problem
from ..._spread import Range, variance
from ..._types import Floats, Positions, Worths
from ..._valuation import Status, Valuation
from ._family import Semivalue, check_design, sample

BATCH_EVALS = 500  # a batch of rounds costs about this, so that estimates come often
MOST_ROUNDS = 16


@final
@dataclass(eq=False, kw_only=True)
class DeltaShapley(Semivalue):
    """What a row adds on average to `lower` to `upper` others, every size weighing the same.

    Shapley values without the large coalitions, which are dear to refit and where a row changes little: the
    source argues and measures that small ones tell the rows apart. The bounds 0 and n - 1 give Shapley. With
    others, values are what a row adds to so few, and do not share out the whole.

    Rows sit on a circle in random order. A coalition of neighbours that grows along it from `lower` to
    `upper` + 1 rows tells what each of the rows that join adds, and such chains tile the circle. So a round
    tells one contribution of every row, to a number of others that is drawn evenly; it costs n (1 + 1 / s)
    evaluations, where s = `upper` - `lower` + 1 is the number of sizes. Values are unbiased. Standard errors
    come from the spread over rounds, together with a prior that vanishes as they grow (see `_spread`). Where
    a row joins nobody only, or all others only, values are exact after one round.

    Parameters
    ----------
    lower : int
        The fewest others that a row joins; at least 0.
    upper : int, optional
        The most others that a row joins; n - 1 where there are no more. If not given, a quarter of the rows
        (or `lower`, if that is more): the source proves bounds for kinds of training, and has no default.
    design : str
        "auto" are these chains; or how to sample otherwise, as in `Shapley`.

    Source: Watson, Kujawa, Andreeva, Yang, Elahi and Sarkar (2023), "Accelerated Shapley Value Approximation
    for Data Evaluation".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, DeltaShapley, Problem, Stop, TableGame, value
    >>> pairs = TableGame(np.array([0.0, 0.0, 0.0, 2.0, 0.0, 2.0, 2.0, 6.0]))  # k rows are worth k (k - 1)
    >>> problem = Problem(Data([[0.0], [1.0], [2.0]]), game=pairs)
    >>> value(problem, DeltaShapley(lower=1, upper=1), stop=Stop(evals=300)).values
    array([2., 2., 2.])
    """

    lower: int = 0
    upper: int | None = None
    design: str = "auto"

    def __post_init__(self) -> None:
        check_design(self)
        for name in ("lower", "upper"):
            if not isinstance(getattr(self, name), Integral | None):
                raise AssayError(
                    f"DeltaShapley.{name} is {getattr(self, name)!r}; it needs to be a whole number."
                )
        if not self.lower >= 0:
            raise AssayError(f"DeltaShapley.lower is {self.lower!r}; it needs to be at least 0.")
        if self.upper is not None and not self.upper >= self.lower:
            raise AssayError(
                f"DeltaShapley.upper is {self.upper!r}; it needs to be at least lower, {self.lower!r}."
            )

    def log_mass(self, n: int) -> Floats:
        """Log mass (n,): the log probability that a row joins a coalition of s = 0 .. n - 1 others."""
        lower, upper = self._bounds(n)
        mass = np.full(n, -np.inf)
        mass[lower : upper + 1] = -np.log(upper - lower + 1)
        return mass

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every batch of evaluations."""
        if self.design != "auto":
            return sample([self], self.design, problem, rng)
        return self._chains(problem, rng)

    def _chains(self, problem: Problem, rng: np.random.Generator) -> Generator[Valuation, int | None, None]:
        game = problem.game
        assert game is not None
        n, (lower, upper) = game.n, self._bounds(game.n)
        ends = _Ends.of(game, lower, upper)
        if lower == upper and lower in (0, n - 1):  # a row joins nobody, or all others: nothing is drawn
            added, _, paid = _round(game, ends, lower, upper, rng)
            yield Valuation(added, evals=ends.evals + paid, status=Status.exact)
            return
        cost = n + -(-n // (upper - lower + 1))
        usual = max(2, min(MOST_ROUNDS, BATCH_EVALS // cost))
        span, width, evals, draws, batch = Range(), 1.0, ends.evals, 0, 1
        mean, spread = np.zeros(n), np.zeros(n)
        while True:
            for _ in range(batch):
                added, worths, paid = _round(game, ends, lower, upper, rng)
                width, evals, draws = span.see(worths), evals + paid, draws + 1
                change = added - mean
                mean = mean + change / draws
                spread = spread + change * (added - mean)
            # knowing nothing of a row, it varies as all rows and draws together do
            overall = spread.mean() / draws + mean.var()
            each = variance(spread, draws, max(float(overall), (width / n) ** 2))
            stderr = np.sqrt(each / draws)
            room = yield Valuation(mean, stderr, evals=evals, draws=draws, next_evals=cost)
            batch = usual if room is None else int(np.clip(room // cost, 1, usual))

    def _bounds(self, n: int) -> tuple[int, int]:
        """The fewest and the most others that a row of `n` joins."""
        if self.lower > n - 1:
            raise AssayError(f"DeltaShapley.lower is {self.lower}, but of {n} rows each has {n - 1} others.")
        upper = max(n // 4, self.lower) if self.upper is None else self.upper
        return self.lower, min(upper, n - 1)


@dataclass(frozen=True)
class _Ends:
    """What none and all are worth, where chains get there: every chain would ask the same; else nan."""

    none: float
    all: float
    evals: int

    @classmethod
    def of(cls, game: Game, lower: int, upper: int) -> _Ends:
        wanted = np.array([lower == 0, upper == game.n - 1])
        worths = np.full(2, np.nan)
        worths[wanted] = game(np.array([[False], [True]]).repeat(game.n, axis=1)[wanted])
        return cls(float(worths[0]), float(worths[1]), int(wanted.sum()))


def _round(
    game: Game, ends: _Ends, lower: int, upper: int, rng: np.random.Generator
) -> tuple[Floats, Worths, int]:
    """What each row adds (n,), the worths that say so, and the evaluations they cost.

    The row at place p of the circle joins the `before[p]` rows in front of it. Chains of all sizes tile the
    circle; the last tile may be short, and then its sizes start anywhere and wrap around, so that a row at a
    random place meets every size alike.
    """
    n, sizes = game.n, upper - lower + 1
    circle, whole = rng.permutation(n), n - n % sizes
    before = lower + np.arange(n) % sizes
    before[whole:] = lower + (np.arange(n - whole) + rng.integers(sizes)) % sizes
    start = np.arange(n) - before
    first = np.diff(before, prepend=n) != 1  # the rows that begin a chain: their coalition is asked for too
    worths, paid = _ask(
        game, ends, circle, np.append(start, start[first]), np.append(before + 1, before[first])
    )
    without = np.append(np.nan, worths[: n - 1])
    without[first] = worths[n:]
    added = np.empty(n)
    added[circle] = worths[:n] - without
    return added, worths, paid


def _ask(
    game: Game, ends: _Ends, circle: Positions, start: NDArray[np.intp], size: NDArray[np.intp]
) -> tuple[Worths, int]:
    """Worths of the coalitions of `size[k]` neighbours from place `start[k]` on, and the evaluations paid."""
    n = len(circle)
    place = np.empty(n, np.intp)
    place[circle] = np.arange(n)
    worths = np.where(size == 0, ends.none, ends.all)
    todo = np.flatnonzero((size > 0) & (size < n))
    for some in (todo[i : i + BLOCK] for i in range(0, len(todo), BLOCK)):
        worths[some] = game((place - start[some, None]) % n < size[some, None])
    return worths, len(todo)
