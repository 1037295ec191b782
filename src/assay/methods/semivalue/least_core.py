"""The least core."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._problem import Problem
from ..._spread import Range, variance
from ..._types import Coalitions, Floats
from ..._valuation import Status, Valuation
from ..._valuer import Axioms, Needs, Valuer
from ._least_core_lp import least_core
from ._sized import of_sizes

PAIRS = 32  # a batch is this many coalitions and their complements, or
GROWTH = 4  # one of this many parts of what was seen, so that all programmes together stay cheap
FEW = 14  # up to this many rows no coalition is asked twice, and in the end all were
SPLITS = 4  # random ways to halve what was seen, for standard errors
CAUTION = 1.3  # times what halves show, chosen by measured coverage: extremes err by more than means do


@final
@dataclass(eq=False, kw_only=True)
class LeastCore(Valuer):
    """Shares of the whole that leave no group of rows with much less than it is worth by itself.

    Values x sum to worth(all) - worth(none), and every coalition S gets x(S) + e >= worth(S) - worth(none)
    with the least deficit e for which that is possible; of all such x it is the one nearest to equal shares
    (the egalitarian point). e is told in `Valuation.why`. It is below 0 where the core has room: no coalition
    would leave, and the one most tempted gets -e more than it is worth.

    With up to 14 rows the coalitions are visited in random order, and the values are exact once all 2^n were.
    With more, and until then, they hold for the coalitions seen: sizes are drawn uniformly, the rows
    uniformly given the size, and each comes with its complement, without which e has no bound. Unseen
    coalitions can only raise e. Standard errors are the root mean square of what the values change when a
    random half of the coalitions is left out, times 1.3, so that they include the bias from coalitions not
    yet seen. Measured, 95% intervals cover the values of all coalitions in 90% to 100% of cases.

    Each estimate costs 64 evaluations or a quarter of those made, a quadratic programme over the coalitions
    seen, a linear one, and eight programmes over halves of them. With T coalitions seen memory is O(T n).

    Source: Yan and Procaccia (2021), "If You Like Shapley Then You'll Love the Core".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, LeastCore, Problem, Stop, TableGame, value
    >>> game = TableGame(np.array([0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]))  # row 0 and any other
    >>> valuation = value(Problem(Data([[0.0], [1.0], [2.0]]), game=game), LeastCore())
    >>> valuation.values.round(6) + 0.0, valuation.status.name
    (array([1., 0., 0.]), 'exact')
    """

    needs: ClassVar[Needs] = Needs.GAME
    axioms: ClassVar[Axioms] = Axioms.EFFICIENCY | Axioms.SYMMETRY

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Generator[Valuation, int | None, None]:
        """Yield an estimate after every batch of coalitions; once all were seen, the exact values."""
        game, span = problem.game, Range()
        assert game is not None
        n = game.n
        ends = game(np.array([[False], [True]]).repeat(n, axis=1))  # what none and all are worth
        width, whole = span.see(ends), float(ends[1] - ends[0])
        waiting = _every(n, rng) if n <= FEW else None
        seen, gains = np.zeros((2, 0, n), bool), np.zeros((2, 0))  # coalitions, and their complements
        room = None
        while waiting is None or gains.shape[1] < len(waiting):
            pairs, count = gains.shape[1], max(PAIRS, gains.shape[1] // GROWTH)
            count = count if room is None else min(count, max(room // 2, 1))
            half = _sizes_alike(n, count, rng) if waiting is None else waiting[pairs : pairs + count]
            asked = np.stack([half, ~half])
            worths = game(asked.reshape(-1, n)).reshape(2, -1)
            seen, gains = np.hstack([seen, asked]), np.hstack([gains, worths - ends[0]])
            width, pairs = span.see(worths), gains.shape[1]
            if waiting is None or pairs < len(waiting):
                room = yield _on_the_way(seen, gains, whole, width, rng)
        values, why = np.array([whole]), "One row gets the whole."
        if n > 1:
            values, e = least_core(seen.reshape(-1, n), gains.ravel(), whole)
            why = f"The least deficit is {e:.4g}."
        yield Valuation(values, evals=2 + gains.size, status=Status.exact, why=why)


def _on_the_way(
    seen: Coalitions, gains: Floats, whole: float, width: float, rng: np.random.Generator
) -> Valuation:
    """The least core of the pairs of coalitions `seen` (2, pairs, n), and how far off it may be."""
    pairs, n = seen.shape[1:]
    values, e = least_core(seen.reshape(-1, n), gains.ravel(), whole)
    spread = _halved(seen, gains, whole, values, rng)
    # knowing nothing of a row, it varies as all rows do
    prior = max(float(spread.mean()), (width / n) ** 2 / pairs)
    stderr = np.sqrt(variance(2 * SPLITS * spread, 2 * SPLITS + 1, prior))
    why = f"The least deficit of the coalitions seen is {e:.4g}."
    return Valuation(values, stderr, evals=2 + gains.size, draws=pairs, next_evals=2, why=why)


def _every(n: int, rng: np.random.Generator) -> Coalitions:
    """One of each coalition and its complement, (2**(n - 1) - 1, n), in an order as of `_sizes_alike`."""
    codes = np.arange(1, 2 ** (n - 1))
    coalitions = (codes[:, None] >> np.arange(n) & 1).astype(bool)
    # waiting times of rate 1 / (n over size): whatever is left, the next is each in proportion to its rate
    counts = np.cumprod(np.append(1.0, np.arange(n, 0, -1) / np.arange(1, n + 1)))  # n over size
    waits = rng.exponential(size=len(codes)) * counts[coalitions.sum(axis=1)]
    return coalitions[np.argsort(waits, kind="stable")]


def _sizes_alike(n: int, count: int, rng: np.random.Generator) -> Coalitions:
    """Coalitions whose sizes are uniform in 1 .. n - 1; chosen by measured error over fair coins."""
    return of_sizes(rng.integers(1, n, count), n, rng)


def _halved(
    seen: Coalitions, gains: Floats, whole: float, values: Floats, rng: np.random.Generator
) -> Floats:
    """Mean square change (n,) of the values from leaving out random halves of the pairs.

    For an estimator whose variance falls as 1 / pairs, half has twice the variance of all and a covariance
    with all of one variance of all, so the change has the variance of the estimate itself. Half has also
    more bias, though less than twice as much where it falls more slowly: hence `CAUTION`.
    """
    pairs, n = gains.shape[1], seen.shape[2]
    changes = []
    for _ in range(SPLITS):
        order = rng.permutation(pairs)
        for part in (order[: pairs // 2], order[pairs // 2 :]):
            half, _ = least_core(seen[:, part].reshape(-1, n), gains[:, part].ravel(), whole, proven=False)
            changes.append(half - values)
    return CAUTION**2 * np.mean(np.square(changes), axis=0)
