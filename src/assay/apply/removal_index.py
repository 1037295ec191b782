"""Removal index: how many rows of the lowest value to leave out of a fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np

from .._game import incremental
from .._model_game import ModelGame
from .._numbers import check_seed
from .._parallel_game import ParallelGame
from .._problem import Data, Problem
from .._types import Floats, Positions
from .._valuation import Valuation
from .._valuer import same_bits
from ._held_out import check_held_out, check_valued

if TYPE_CHECKING:
    import pandas as pd

POINTS = 50  # numbers of rows that are tried where each costs a fit


@final
@dataclass(frozen=True, eq=False)
class Removal:
    """Which rows to leave out, and the curve that says so.

    Parameters
    ----------
    kept, dropped : arrays of positions
        Of the training rows: kept ones in row order, dropped ones lowest value first.
    counts : array of shape (k,)
        The numbers of rows that were left out in trials, from 0 on.
    scores : array of shape (k,)
        What the proxy scored without them, on the rows that chose.
    """

    kept: Positions
    dropped: Positions
    counts: Positions
    scores: Floats

    def __str__(self) -> str:
        best, n = self.scores.max(), len(self.kept) + len(self.dropped)
        return (
            f"Leave out {len(self.dropped):,} of {n:,} rows ({len(self.dropped) / n:.1%}): the proxy then "
            f"scores {best:.4g} instead of {self.scores[0]:.4g}, on rows that chose this number."
        )

    def to_frame(self) -> pd.DataFrame:
        """A frame of `score`, indexed by the number of rows left `out`."""
        import pandas as pd

        return pd.DataFrame({"score": self.scores}, index=pd.Index(self.counts, name="out"))


def removal_index(
    problem: Problem,
    valuation: Valuation,
    *,
    judges: Data,
    share: float = 0.5,
    components: int | None = 32,
    seed: int = 0,
    n_jobs: int | None = None,
) -> Removal:
    """Leave out the rows of lowest value without which a proxy scores highest; the fewest, if several do.

    The proxy is that of `TransferredShapley`. If it learns row by row, one order, from the highest value to
    the lowest, tells the whole curve; else 50 numbers of rows are tried, a fit each. `judges` choose the
    number, so that neither they nor the rows that judged the values can say what it is worth: take the kept
    rows (`Removal.kept`) to the large model, and measure that on others. `assay.prune` refits, drops rows of
    negative value only, and proves what it did.

    Parameters
    ----------
    problem : Problem
        What was valued: the representations of the large model as features.
    valuation : Valuation
        Of the rows of `problem.train`, by any method.
    judges : Data
        Labelled rows that did not judge the values, in the same representation.
    share : float
        The largest share of the rows that may be left out, in 0..1.
    components : int, optional
        As in `TransferredShapley`.
    seed : int
        The random state of a proxy that leaves it to chance.
    n_jobs : int, optional
        As in `value`.

    Raises
    ------
    AssayError
        If rows that judged the values would choose, or values are of other rows.

    Source: Schoch, Mishra and Ji (2023), "Data Selection for Fine-tuning Large Language Models Using
    Transferred Shapley Values".

    Examples
    --------
    >>> from dataclasses import replace
    >>> import numpy as np
    >>> from assay import Data, Problem, Stop, TransferredShapley, removal_index, value
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> y = X[:, 0] > 0
    >>> y[:30] = ~y[:30]  # wrong labels
    >>> train, valid, judges = (Data(X[a:b], X[a:b, 0] > 0) for a, b in ((0, 100), (100, 200), (200, 300)))
    >>> problem = Problem(Data(train.X, y[:100]), valid)
    >>> valuation = value(problem, TransferredShapley(subset=50), stop=Stop(evals=2000))
    >>> removal = removal_index(replace(problem, score="neg_log_loss"), valuation, judges=judges)
    >>> int((removal.dropped < 30).sum()), len(removal.dropped)
    (25, 30)
    """
    check_seed(seed)
    _check(problem, valuation, judges, share, components)
    from ..methods.semivalue._transfer import proxied

    order = valuation.ranking()[::-1]
    most = int(share * problem.n + 1e-9)
    with same_bits(n_jobs):
        game = ModelGame(proxied(replace(problem, valid=judges, game=None), components), seed)
        if incremental(game):
            counts = np.arange(most + 1)
            scores = game.grow(order[None])[0, ::-1][counts]
        else:
            counts = np.unique(np.linspace(0, most, POINTS + 1).astype(int))
            place = np.empty(problem.n, int)
            place[order] = np.arange(problem.n)
            scores = ParallelGame(game)(place < problem.n - counts[:, None])
    count = counts[int(scores.argmax())]
    dropped = valuation.lowest(int(count))
    return Removal(np.setdiff1d(np.arange(problem.n), dropped), dropped, counts, scores)


def _check(
    problem: Problem, valuation: Valuation, judges: Data, share: float, components: int | None
) -> None:
    from ..methods.semivalue.transferred_shapley import TransferredShapley

    TransferredShapley(components=components)
    check_valued("removal_index", problem, valuation, share)
    check_held_out("judges", judges, problem)
