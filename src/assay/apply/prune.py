"""Prune: drop the rows that harm a target, and measure what that did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from .._gradients.target import OF_GROUPS, check_target, read
from .._numbers import check_seed
from .._problem import Data, Problem
from .._types import Positions
from .._valuation import Valuation
from .._valuer import same_bits
from ._effect import Effect, accuracy_of, effect_of
from ._held_out import check_held_out, check_valued
from ._how_many import how_many
from ._refits import Fitted, Refits, with_rows

if TYPE_CHECKING:
    import pandas as pd


@final
@dataclass(frozen=True, eq=False)
class Pruned:
    """Which rows were dropped, and what it did on rows that had no part in it.

    Parameters
    ----------
    problem : Problem
        The problem with the rows that were kept.
    kept, dropped : arrays of positions
        Of the training rows: kept ones in row order, dropped ones lowest value first.
    effects : tuple of Effect
        On the test rows: of the target first, then of the loss and, for classes, the accuracy.
    target : str
        What was pruned for.
    why : str
        Why no more rows were dropped.
    """

    problem: Problem
    kept: Positions
    dropped: Positions
    effects: tuple[Effect, ...]
    target: str
    why: str

    @property
    def proven(self) -> bool:
        """Whether the target got better on the test rows: the whole interval is above 0."""
        return self.effects[0].proven

    def __str__(self) -> str:
        n = len(self.kept) + len(self.dropped)
        head = f"Dropped {len(self.dropped):,} of {n:,} rows ({len(self.dropped) / n:.1%}): {self.why}"
        return "\n".join([head, *(f"  {effect}" for effect in self.effects)])

    def to_frame(self) -> pd.DataFrame:
        """A frame of the effects: `before`, `after`, `gain`, `low`, `high`, indexed by `measure`."""
        import pandas as pd

        index = pd.Index([effect.name for effect in self.effects], name="measure")
        names = ("before", "after", "gain", "low", "high")
        return pd.DataFrame({k: [getattr(e, k) for e in self.effects] for k in names}, index=index)


def prune(
    problem: Problem,
    valuation: Valuation,
    *,
    test: Data,
    share: float = 0.05,
    target: str = "loss",
    seed: int = 0,
) -> Pruned:
    """Drop the most harmful training rows, refit, and measure the change on rows that judged nothing yet.

    Rows go in order of value, lowest first, while values are below 0, up to `share` of all rows. Values are
    fitted to the rows that judged them, and so fewer go where the valuation says what rows are worth to each
    of these (`per_valid`): each half of the judges ranks the rows, refits without the first `share` of them,
    half of it, ... are measured on the other half, and the number that helps most is taken, or none.

    A gap between groups never crosses 0: as many rows are dropped as leave its sign on the validation rows
    (the training rows if there are none), found by halving. Which groups are compared is settled there too.

    Parameters
    ----------
    problem : Problem
        What was valued, with an estimator as its model. Steps before the last one of a pipeline are fitted
        once, on all rows.
    valuation : Valuation
        Of the rows of `problem.train`, by any method; `Influence(target=target)` for the same target.
    test : Data
        Rows that neither are valued nor judged the values. Nothing is decided by them.
    share : float
        The largest share of the rows that may be dropped, in 0..1.
    target : str
        "loss", "demographic_parity", "equal_opportunity" or "robustness", as in `Influence`. Robustness is
        measured on rows attacked for the model before, and on rows attacked anew for each model.
    seed : int
        The random state of a model that leaves it to chance.

    Returns
    -------
    Pruned
        It prints as what was done and what came of it.

    Raises
    ------
    AssayError
        If rows that chose would judge, values are of other rows, or the model cannot be refitted.

    Notes
    -----
    Two fits, 12 to settle how many, and for gaps up to log2(share n) more.

    Source: Chhabra et al. (2024), "What Data Benefits My Classifier?".

    Examples
    --------
    >>> from assay import Data, Influence, Problem, prune, value
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(600, 2))
    >>> y = X[:, 0] > 0
    >>> y[:20] = ~y[:20]  # wrong labels
    >>> train, valid, test = (Data(X[part::3], y[part::3]) for part in range(3))
    >>> problem = Problem(train, valid, LogisticRegression())
    >>> pruned = prune(problem, value(problem, Influence()), test=test)
    >>> len(pruned.dropped), pruned.proven
    (10, True)
    """
    check_seed(seed)
    _check(problem, valuation, test, share, target)
    with same_bits(None):
        refits = Refits(problem, seed)
        rows = np.arange(problem.n)
        before = refits(rows)
        harmful = valuation.ranking()[: int((valuation.values < 0).sum())]
        most = harmful[: int(share * problem.n + 1e-9)]
        few = len(harmful) <= len(most)
        why = "all of value below 0" if few else f"the lowest of {len(harmful):,} of value below 0"
        chooser = refits.seen(problem.train if problem.valid is None else problem.valid)
        pair = read(target, before.judged, chooser).pair
        count = how_many(problem, valuation, refits, before, len(most), target, pair)
        if count is not None and count < len(most):
            most, why = (
                most[:count],
                f"of {len(most):,} that might, so many help judges who did not choose them",
            )
        dropped, after, turned = _dropped(problem, refits, before, most, target, chooser, pair)
        why = turned or why
        kept = np.setdiff1d(rows, dropped)
        effects = _effects(before, after, refits.seen(test), target, pair)
    return Pruned(with_rows(problem, kept), kept, dropped, effects, target, why)


def _check(problem: Problem, valuation: Valuation, test: Data, share: float, target: str) -> None:
    check_target(target)
    check_valued("prune", problem, valuation, share)
    check_held_out("test", test, problem)
    Problem(problem.train, test)  # refuses rows of other columns or labels


def _dropped(
    problem: Problem,
    refits: Refits,
    before: Fitted,
    most: Positions,
    target: str,
    chooser: Data,
    pair: tuple | None,
) -> tuple[Positions, Fitted, str]:
    """The rows to drop, the model without them, and why not all of `most`."""
    rows = np.arange(problem.n)
    after = refits(np.setdiff1d(rows, most))

    def crossed(model: Fitted) -> bool:
        return target in OF_GROUPS and read(target, model.judged, chooser, pair=pair).value < 0

    if not crossed(after):
        return most, after, ""
    few, many, best = 0, len(most), before
    while many - few > 1:
        half = (few + many) // 2
        trial = refits(np.setdiff1d(rows, most[:half]))
        if crossed(trial):
            many = half
        else:
            few, best = half, trial
    return most[:few], best, "one more, and the gap on the rows that judged the values would turn round"


def _effects(
    before: Fitted, after: Fitted, test: Data, target: str, pair: tuple | None
) -> tuple[Effect, ...]:
    first = read(target, before.judged, test, pair=pair)
    attacked = first.data if target == "robustness" else None
    effects = [effect_of(target, first, read(target, after.judged, test, pair=pair, attacked=attacked))]
    if target == "robustness":
        anew = read(target, after.judged, test)
        effects.append(effect_of("robustness, attacked anew", first, anew))
    if target != "loss":
        effects.append(effect_of("loss", *(read("loss", one.judged, test) for one in (before, after))))
    if before.judged.classes is not None:
        effects.append(accuracy_of(before.hits(test), after.hits(test)))
    return tuple(effects)
