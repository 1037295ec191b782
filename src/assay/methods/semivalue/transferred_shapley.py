"""Shapley values of a proxy on a large model's representations, for the large model's rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np

from ..._errors import AssayError
from ..._game import incremental
from ..._model_game import ModelGame
from ..._numbers import is_number, is_whole
from ..._parallel import each
from ..._problem import Problem
from ..._spread import variance
from ..._types import Floats, Positions
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer


@final
@dataclass(eq=False, kw_only=True)
class TransferredShapley(Valuer):
    """Shapley values of rows among random subsets, for a linear proxy on a large model's representations.

    Fine-tuning a large model once for each coalition is out of reach, so its place is taken by a proxy on
    what the model makes of the rows (`Data.X`, from `embed`): principal components, and logistic regression
    (of numbers, ridge regression), or the problem's model if it can be refitted. In each round the rows are
    dealt into chains of `subset` rows; each chain grows its rows in random orders, without refits where the
    proxy learns row by row. A row's value is the mean over the chains that it was in, its standard error
    their spread. Every row is in a chain of each round, so every estimate covers all rows.

    The value is that of a row among `subset` rows, not among all: a row adds more to fewer others. Values of
    one valuation compare; `assay.removal_index` says how many of the lowest to leave out of the fine-tuning.
    Scores that read labels, such as accuracy, settle soonest: one of probabilities is ruled by the first
    rows of an order, of which a single class is predicted surely and wrongly.

    An evaluation is a prefix of an order: a round costs about n `orders`, and `Stop` is best given as many
    rounds. Memory is that of the rows.

    Parameters
    ----------
    components : int, optional
        Principal components of the training rows that the proxy sees, scaled by one factor to a mean variance
        of 1, at least 1; X is taken as it is if it has no more columns or rows, and with None.
    subset : int
        Rows of a chain, at least 2; all of them where there are fewer.
    orders : int
        Orders of a chain, even: each is followed by its reverse.
    tolerance : float | "bootstrap"
        Cuts orders short, as in `Shapley`: 0 never does.

    Source: Schoch, Mishra and Ji (2023), "Data Selection for Fine-tuning Large Language Models Using
    Transferred Shapley Values".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, Problem, Stop, TransferredShapley, value
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = X[:, 0] > 0
    >>> y[[3, 35]] = ~y[[3, 35]]  # wrong labels
    >>> problem = Problem(Data(X, y), Data(X + 0.01, X[:, 0] > 0))
    >>> valuation = value(problem, TransferredShapley(subset=20), stop=Stop(evals=2000))
    >>> sorted(valuation.lowest(2).tolist())
    [3, 35]
    """

    components: int | None = 32
    subset: int = 100
    orders: int = 2
    tolerance: float | Literal["bootstrap"] = 0.0
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID

    def __post_init__(self) -> None:
        if self.components is not None and (not is_whole(self.components) or self.components < 1):
            raise AssayError(
                f"TransferredShapley.components is {self.components!r}; it needs a whole number of at least "
                "1, or None."
            )
        if not is_whole(self.subset) or self.subset < 2:
            raise AssayError(
                f"TransferredShapley.subset is {self.subset!r}; it needs a whole number of at least 2."
            )
        if not is_whole(self.orders) or self.orders < 2 or self.orders % 2:
            raise AssayError(
                f"TransferredShapley.orders is {self.orders!r}; it needs an even number, at least 2."
            )
        number = is_number(self.tolerance) and float(self.tolerance) >= 0
        if not number and self.tolerance != "bootstrap":
            raise AssayError(
                f"TransferredShapley.tolerance is {self.tolerance!r}; it needs to be at least 0, or "
                "'bootstrap'."
            )

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every round of chains."""
        self.__post_init__()
        from ._transfer import Chain, proxied, subsets  # numba is loaded by whoever computes

        seed, draw = int(rng.integers(2**63)), rng.spawn(1)[0]
        space = proxied(problem, self.components)
        whole = ModelGame(space, seed)  # refuses what no chain could play
        ends: Floats = whole(np.array([[False] * problem.n, [True] * problem.n]))
        chain, book = Chain(space, self.orders, self.tolerance), Book(problem.n, float(np.ptp(ends)))
        threads, number = incremental(whole), 0
        while True:
            rows = subsets(problem.n, min(self.subset, problem.n), draw)
            tasks = [(part, seed + number + k) for k, part in enumerate(rows)]
            number += len(rows)
            for part, (values, paid) in zip(rows, each(chain, tasks, threads=threads), strict=True):
                book.add(part, values, paid)
            yield book.valuation()


class Book:
    """What chains said of each row so far.

    Parameters
    ----------
    n : int
    width : float
        What all rows add to none: the scale of a value that nothing is known of.
    """

    def __init__(self, n: int, width: float) -> None:
        self._count, self._mean, self._spread = np.zeros(n), np.zeros(n), np.zeros(n)
        self._width, self._evals, self._last = width or 1.0, 0, 0

    def add(self, rows: Positions, values: Floats, paid: int) -> None:
        """Add what a chain said of its rows."""
        self._count[rows] += 1
        off = values - self._mean[rows]
        self._mean[rows] += off / self._count[rows]
        self._spread[rows] += off * (values - self._mean[rows])
        self._evals += paid

    def valuation(self) -> Valuation:
        """The estimate now; rows that were in few chains vary as all rows and chains together do."""
        overall = float((self._spread / self._count).mean() + self._mean.var())
        each_ = variance(self._spread, self._count, max(overall, (self._width / len(self._mean)) ** 2))
        cost, self._last = self._evals - self._last, self._evals
        found: Any = np.sqrt(each_ / self._count)
        draws = int(self._count.min())
        return Valuation(self._mean.copy(), found, evals=self._evals, draws=draws, next_evals=cost)
