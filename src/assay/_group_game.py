"""GroupGame: owners, sources or annotators play, each with all of its rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ._errors import AssayError
from ._game import Game, incremental, noise, ordered
from ._types import Coalitions, Labels, Orders, Worths


@dataclass(frozen=True, eq=False)
class GroupGame:
    """A game whose players are groups of another game's rows: a coalition holds whole groups.

    Parameters
    ----------
    game : Game
        The game of the rows.
    groups : array of shape (game.n,)
        The group of each row; `names` are the sorted groups, the players.

    Raises
    ------
    AssayError
        If there is not one group a row.

    Examples
    --------
    >>> import numpy as np
    >>> from assay import TableGame
    >>> game = GroupGame(TableGame(np.array([0.0, 1.0, 2.0, 5.0])), np.array(["ann", "ann"]))
    >>> game(np.array([[True]]))
    array([5.])
    """

    game: Game
    groups: Labels
    names: Labels = field(init=False, repr=False)
    _of_row: NDArray[np.intp] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        groups = np.asarray(self.groups)
        if groups.shape != (self.game.n,):
            raise AssayError(f"GroupGame.groups has shape {groups.shape}; the game needs ({self.game.n},).")
        names, of_row = np.unique(groups, return_inverse=True)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "_of_row", of_row)

    @property
    def n(self) -> int:
        """How many groups play."""
        return len(self.names)

    @property
    def incremental(self) -> bool:
        """Whether growing is cheaper than asking; see `assay.ModelGame`."""
        return incremental(self.game)

    def noise(self) -> float:
        """The standard error of the worth of all; see `assay.ModelGame.noise`."""
        return noise(self.game)

    def __call__(self, coalitions: Coalitions, /) -> Worths:
        """Worths (batch,) of coalitions (batch, n) of groups."""
        return self.game(np.asarray(coalitions)[:, self._of_row])

    def grow(self, orders: Orders, /, *, tolerance: float = 0.0) -> Worths:
        """Worths (batch, n + 1) of the prefixes of `orders`; see `OrderedGame.grow`.

        Growing row by row passes the worths inside a group by: done only where it is the cheaper way.
        """
        orders = np.asarray(orders)
        if not incremental(self.game):
            return ordered(_Plain(self)).grow(orders, tolerance=tolerance)
        by_group = np.argsort(self._of_row, kind="stable")
        sizes = np.bincount(self._of_row)
        parts = np.split(by_group, np.cumsum(sizes)[:-1])
        rows = np.array([np.concatenate([parts[g] for g in order]) for order in orders])
        ends = np.cumsum(sizes[orders], axis=1)
        grown = ordered(self.game).grow(rows, tolerance=tolerance)
        return np.take_along_axis(grown, np.pad(ends, ((0, 0), (1, 0))), axis=1)


@dataclass(frozen=True, eq=False)
class _Plain:
    """The same game, which can only be asked."""

    game: GroupGame

    @property
    def n(self) -> int:
        return self.game.n

    def __call__(self, coalitions: Coalitions, /) -> Worths:
        return self.game(coalitions)
