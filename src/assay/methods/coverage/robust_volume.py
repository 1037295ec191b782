"""Robust volume: Shapley values of how much of the space of features the rows span."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from ..._errors import AssayError
from ..._problem import Problem
from ..._spread import variance
from ..._types import Coalitions, Floats, Orders, Worths
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer

BETA = 10  # what copies may add: see `VolumeGame`
MOST_PAIRS, BATCH_EVALS = 16, 8192  # orders are cheap; a batch asks for about this many worths
RANK = 1e-9  # directions that hold less than this share of the largest are rounding


@final
@dataclass(eq=False, kw_only=True)
class RobustVolume(Valuer):
    """How much room a row adds to what the rows span: Shapley values of `VolumeGame`; no labels, no model.

    Columns are centred and scaled to a standard deviation of 1 first (over the different rows, so that a
    copy moves nothing). Copies and near-copies share a cell and what it is worth; rows at the rim are worth
    most, and so are errors of measurement: the values say how diverse the rows are, not how right.

    Use it for few columns (the source takes 5 to 10, made of images and text by a network): with nearly as
    many independent columns as rows every row is as needed as the others.

    Orders and their reverses are drawn in pairs; an order costs n evaluations of O(d**2) each. Standard
    errors come from the spread over pairs, together with a prior that vanishes as they grow.

    Parameters
    ----------
    omega : float
        How wide a cell is in every column, in standard deviations; 0 for the plain volume, in which every
        copy counts.

    Source: Xu, Wu, Foo and Low (2021), "Validation Free and Replication Robust Volume-based Data Valuation".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, Problem, RobustVolume, Stop, value
    >>> rows = Data([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [3.0, 3.0], [0.0, 3.0]])
    >>> sorted(value(Problem(rows), RobustVolume(), stop=Stop(evals=1000)).highest(2).tolist())
    [3, 4]
    """

    omega: float = 0.1
    needs: ClassVar[Needs] = Needs.NOTHING

    def __post_init__(self) -> None:
        _check_omega("RobustVolume", self.omega)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every batch of pairs of orders; the batch depends on n alone."""
        game = VolumeGame(_standardised(problem.train.dense), omega=self.omega)
        n, cost = game.n, 2 * problem.n
        if game.rank == 0:
            yield Valuation(np.zeros(n), status=Status.exact)
            return
        usual = int(np.clip(BATCH_EVALS // cost, 2, MOST_PAIRS))
        mean, spread, draws, batch = np.zeros(n), np.zeros(n), 0, usual
        while True:
            orders = np.array([rng.permutation(n) for _ in range(batch)])
            gains = _gains(game, orders) / 2 + _gains(game, orders[:, ::-1]) / 2
            for added in gains:
                draws += 1
                change = added - mean
                mean = mean + change / draws
                spread = spread + change * (added - mean)
            # knowing nothing of a row, its draws vary as those of all rows do, or by a tenth of an even share
            overall = max(float(spread.mean() / draws), (0.1 / n) ** 2)
            stderr = np.sqrt(variance(spread, draws, overall) / draws)
            room = yield Valuation(mean, stderr, evals=cost * draws, draws=draws, next_evals=cost)
            batch = usual if room is None else int(np.clip(room // cost, 1, usual))


@dataclass(frozen=True, eq=False)
class VolumeGame:
    """A coalition is worth the volume of its rows, in units of that of all different rows.

    The volume of rows X is det(X' X) ** 0.5. The robust volume puts the rows into cubes of width `omega`,
    takes the mean row of each cube in the coalition, and multiplies the volume of these means by
    1 + a + ... + a**k for a cube that holds k of its rows, where a = 1 / (10 c) and c is the number of cubes
    that all rows fill: so copies of rows cannot add more than about 1 / (100 c) to a worth. The cubes are
    laid out once, from the least value of each column on, so that a row is in one cube in every coalition.

    Fewer rows than columns span no volume: their worth is 0. Columns that others determine (such as one of
    several that say which category) would make every volume 0; they are left out, which changes no ratio of
    volumes. If there are fewer different rows than columns, volumes are those within the rows' own span.

    Any semivalue can ask it: `Problem(train, game=VolumeGame(train.X))`, for groups of rows too.

    Parameters
    ----------
    X : array of shape (n, d)
        The rows; finite, columns of about the same scale.
    omega : float
        How wide a cube is; 0 takes rows as they are, which gives the plain volume.

    Raises
    ------
    AssayError
        If `omega` is below 0.

    Examples
    --------
    >>> import numpy as np
    >>> game = VolumeGame(np.array([[2.0, 0.0], [0.0, 3.0], [0.0, 3.0]]), omega=0)
    >>> game(np.array([[True, True, False], [True, True, True], [False, True, True]])).round(6)
    array([1.      , 1.414214, 0.      ])
    """

    X: Floats
    omega: float = 0.1
    _rows: Floats = field(init=False, repr=False)
    _cell: NDArray[np.intp] = field(init=False, repr=False)
    _factor: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check_omega("VolumeGame", self.omega)
        X = np.asarray(self.X, float)
        cell, share = np.arange(len(X)), 0.0
        if self.omega > 0:
            cubes = np.floor((X - X.min(axis=0)) / self.omega)
            cell = np.unique(cubes, axis=0, return_inverse=True)[1].ravel()
            share = 1 / (BETA * (cell.max() + 1))
        # 1 + a + ... + a**k, by k; beyond a few rows it does not change
        factor = np.cumsum(share ** np.arange(min(len(X), 60) + 1.0))
        for name, part in (("_rows", _spanned(X)), ("_cell", cell), ("_factor", factor)):
            object.__setattr__(self, name, part)

    @property
    def n(self) -> int:
        """How many rows play."""
        return len(self.X)

    @property
    def incremental(self) -> bool:
        """Growing an order costs O(d**2) a row."""
        return True

    @property
    def rank(self) -> int:
        """How many dimensions the rows span."""
        return self._rows.shape[1]

    def __call__(self, coalitions: Coalitions, /) -> Worths:
        """Worths (batch,) of coalitions (batch, n)."""
        worths = np.empty(len(coalitions))
        for i, coalition in enumerate(np.asarray(coalitions)):
            members = np.flatnonzero(coalition)
            worths[i] = self._grown(members)[-1]
        return worths

    def grow(self, orders: Orders, /, *, tolerance: float = 0.0) -> Worths:
        """Worths (batch, n + 1) of the prefixes of `orders`; see `assay.OrderedGame.grow`."""
        worths = np.empty((len(orders), self.n + 1))
        for line, order in zip(worths, np.asarray(orders), strict=True):
            line[:] = self._grown(order)
            near = np.flatnonzero(np.abs(line - line[-1]) < tolerance)
            if len(near):
                line[near[0] :] = line[near[0]]
        return worths

    def _grown(self, rows: NDArray[np.intp]) -> Worths:
        """Worths of the first 0, 1, ... of `rows`."""
        if not self.rank:
            return np.zeros(len(rows) + 1)
        cells = np.unique(self._cell[rows], return_inverse=True)[1].ravel()
        from ._volume_kernel import volumes  # numba is loaded by whoever computes

        return volumes(self._rows, rows.astype(np.intp), cells.astype(np.intp), self._factor)


def _check_omega(owner: str, omega: float) -> None:
    if not 0 <= omega < np.inf:
        raise AssayError(f"{owner}.omega is {omega!r}; it needs to be a width, at least 0.")


def _standardised(X: Floats) -> Floats:
    """Columns with the mean 0 and the standard deviation 1 over the different rows; constant ones are 0."""
    different = np.unique(X, axis=0)
    centred, spread = X - different.mean(axis=0), different.std(axis=0)
    moves = spread > RANK * np.abs(X).max(axis=0)
    return np.where(moves, centred, 0.0) / np.where(moves, spread, 1.0)


def _spanned(X: Floats) -> Floats:
    """The rows in coordinates (n, rank) in which the different rows have the volume 1, and X' X = 1.

    Ratios of volumes are the same in all coordinates. In these no volume of different rows overflows, and
    rounding is least.
    """
    different, which = np.unique(X, axis=0, return_inverse=True)
    rows, sizes, _ = np.linalg.svd(different, full_matrices=False)
    rank = int((sizes > RANK * max(sizes[0], np.finfo(float).tiny)).sum())
    return np.ascontiguousarray(rows[which.ravel(), :rank])


def _gains(game: VolumeGame, orders: Orders) -> Floats:
    """What each row (n,) adds in each order, (orders, n)."""
    gains = np.empty(orders.shape)
    np.put_along_axis(gains, orders, np.diff(game.grow(orders), axis=1), axis=1)
    return gains
