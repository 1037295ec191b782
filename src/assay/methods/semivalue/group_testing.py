"""Shapley values by group testing."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._problem import Problem
from ..._spread import Range, variance
from ..._types import Floats, Positions, Worths
from ..._valuation import Status, Valuation
from ..._valuer import Axioms, Needs, Valuer
from ._sized import of_sizes

BATCH = 64
BINS = 16  # of sizes that are drawn equally often


@final
@dataclass(eq=False, kw_only=True)
class GroupTesting(Valuer):
    """Shapley values from comparing rows: two differ by what coalitions that hold one of them are worth.

    A coalition of k rows is drawn in proportion to 1 / k + 1 / (n - k), k = 1 .. n - 1, and informs all rows.
    The differences of values that it estimates make up a feasibility problem, which has a solution in closed
    form (below); values sum to worth(all) - worth(none) exactly. From each worth a guess by the size of the
    coalition is taken off, made from earlier coalitions: that takes away noise and adds no bias.

    One evaluation a draw, O(n) memory. Standard errors come from the spread over draws, together with a prior
    that vanishes as they grow (see `_spread`).

    Source: Jia, Dao, Wang, Hubis, Hynes, Gurel, Li, Zhang, Song and Spanos (2019), "Towards Efficient Data
    Valuation Based on the Shapley Value", Algorithm 1; with the analysis of Wang and Jia (2023), "A Note on
    'Towards Efficient Data Valuation Based on the Shapley Value'".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, GroupTesting, Problem, Stop, TableGame, value
    >>> game = TableGame(np.array([0.0, 1.0, 2.0, 5.0]))
    >>> valuation = value(Problem(Data([[0.0], [1.0]]), game=game), GroupTesting(), stop=Stop(evals=300))
    >>> float(valuation.values.sum().round(6)), valuation.status.name
    (5.0, 'budget')
    """

    # Let b be a coalition as 0s and 1s, k its size and q(k) = (1 / k + 1 / (n - k)) / Z the law of sizes, so
    # that Z = 2 (1 + 1/2 + ... + 1/(n - 1)). For rows i and j, coalitions with both or neither cancel in
    # E[u (b_i - b_j)]; one S + i, |S| = k - 1, has the probability q(k) / C(n, k), and
    #     Z q(k) / C(n, k) = n / (k (n - k)) / C(n, k) = 1 / ((n - 1) C(n - 2, k - 1)),
    # so that Z E[u (b_i - b_j)] is the mean over sizes of the mean of u(S + i) - u(S + j): what their Shapley
    # values differ by. The paper looks for values that sum to U = u(all) - u(none) and differ by the means
    # d_ij of what was drawn, up to a tolerance. But d_ij = a_i - a_j with a = mean of Z u b, so that
    #     values = U / n + a - mean(a)
    # differ by exactly d_ij, and sum to U: no programme has to be solved. As b - k / n sums to 0, a - mean(a)
    # is the mean of Z u (b - k / n). Taking any c(k) off u leaves the expectation of that as it is, because
    # given k every row is as likely as another to be in.
    needs: ClassVar[Needs] = Needs.GAME
    axioms: ClassVar[Axioms] = Axioms.SEMIVALUE | Axioms.EFFICIENCY

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Generator[Valuation, int | None, None]:
        """Yield an estimate after every batch of coalitions."""
        game, span = problem.game, Range()
        assert game is not None
        n = game.n
        ends = game(np.array([[False], [True]]).repeat(n, axis=1))  # what none and all are worth
        width, whole = span.see(ends), float(ends[1] - ends[0])
        if n == 1:
            yield Valuation(np.array([whole]), evals=2, status=Status.exact)
            return
        z, law = _law(n)
        guess = _Guess(law, ends)
        total, squares, draws, count = np.zeros(n), np.zeros(n), 0, BATCH
        while True:
            sizes = rng.choice(n - 1, count, p=law) + 1
            coalitions = of_sizes(sizes, n, rng)
            worths = game(coalitions)
            width = span.see(worths)
            parts = z * (worths - guess(sizes))[:, None] * (coalitions - sizes[:, None] / n)
            guess.learn(sizes, worths)
            total += parts.sum(axis=0)
            squares += (parts**2).sum(axis=0)
            draws += count
            mean = total / draws
            spread = np.maximum(squares - draws * mean**2, 0)
            # knowing nothing of a row, it varies as all rows do
            prior = max(float(spread.mean()) / draws, (width / n) ** 2)
            stderr = np.sqrt(variance(spread, draws, prior) / draws)
            room = yield Valuation(whole / n + mean, stderr, evals=2 + draws, draws=draws, next_evals=1)
            count = BATCH if room is None else min(BATCH, max(room, 1))


class _Guess:
    """What a coalition of some size is worth: the mean of earlier ones of about that size.

    Bins hold sizes that together are drawn equally often. Before any was seen, worths are on a line between
    those of none and all; that counts as one coalition more.
    """

    def __init__(self, law: Floats, ends: Worths) -> None:
        n = len(law) + 1
        self._bin = np.minimum(((np.cumsum(law) - law / 2) * BINS).astype(int), BINS - 1)
        self._count = np.ones(BINS)
        middle = np.bincount(self._bin, law * np.arange(1, n), BINS)
        share = middle / np.maximum(np.bincount(self._bin, law, BINS), 1e-300) / n
        self._total = ends[0] + (ends[1] - ends[0]) * share

    def __call__(self, sizes: Positions) -> Worths:
        """Guesses (batch,) for coalitions of `sizes` (batch,)."""
        return (self._total / self._count)[self._bin[sizes - 1]]

    def learn(self, sizes: Positions, worths: Worths) -> None:
        """Take coalitions into account that were not guessed before."""
        where = self._bin[sizes - 1]
        self._count += np.bincount(where, minlength=BINS)
        self._total += np.bincount(where, worths, BINS)


def _law(n: int) -> tuple[float, Floats]:
    """Z, and the probabilities (n - 1,) of the sizes 1 .. n - 1."""
    k = np.arange(1, n)
    weights = 1 / k + 1 / (n - k)
    z = float(weights.sum())
    return z, weights / z
