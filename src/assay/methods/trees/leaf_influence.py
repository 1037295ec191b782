"""LeafInfluence: the exact derivative of judges' losses by the weights of rows, trees staying as they are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._parallel import each
from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._ready import SECONDS, Ready, check_per_valid, influence_of

TOGETHER = 16  # judges that are carried back at once


@final
@dataclass(eq=False, kw_only=True)
class LeafInfluence(Valuer):
    """The derivative of a judge's loss by a row's weight, through all leaves of all trees; splits stay.

    One more of a row moves its leaves of the first tree; that moves the scores of all rows in them, so that
    their gradients, and with them all leaves of the second tree, move, and so on. The score is minus the
    derivative of the judge's loss by the row's weight: the loss that the row takes from the judge, to first
    order, in nats or halves of squared units. What the trees start from stays as it is.

    Published as a walk forward through the trees for each row, n of them. Here judges are carried backward,
    16 at once, which gives the same derivatives: n m trees operations instead of n**2 trees, and with
    `per_valid=False`, where the judges' mean is carried back as one, n trees.

    The ensemble is `problem.model`, taken as it is where it is fitted: see `LeafGradients`.

    Parameters
    ----------
    per_valid : bool
        Keep the (n, m) scores for each validation row, 8 n m bytes.

    Source: Sharchilev et al. (2018), "Finding Influential Training Samples for Gradient Boosted Decision
    Trees".

    Examples
    --------
    >>> from sklearn.ensemble import GradientBoostingClassifier
    >>> from assay import Data, LeafInfluence, Problem, value
    >>> train = Data([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [0.15]], ["a"] * 3 + ["b"] * 4)
    >>> problem = Problem(train, Data([[0.1], [5.0]], ["a", "b"]), GradientBoostingClassifier(max_depth=1))
    >>> value(problem, LeafInfluence()).lowest(1)
    array([6])
    """

    per_valid: bool = True
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.TREES

    def __post_init__(self) -> None:
        check_per_valid("LeafInfluence", self.per_valid)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the mean over the judges so far now and then, and the exact scores in the end."""
        self.__post_init__()  # `set_params` does not come by there
        ready = Ready.of(problem, rng)
        m, moves = len(ready.judges.known), ready.moves
        if not self.per_valid:
            values = influence_of(ready, moves, np.full((m, 1), 1 / m))[:, 0]
            yield Valuation(ready.back(values), status=Status.exact)
            return

        def of(start: int, stop: int) -> Floats:
            return influence_of(ready, moves, np.eye(m, stop - start, -start))

        starts, kept, last = range(0, m, TOGETHER), [], time.monotonic()
        for part in each(of, ((s, min(s + TOGETHER, m)) for s in starts), threads=True):
            kept.append(part)
            done = sum(part.shape[1] for part in kept)
            if done < m and time.monotonic() - last > SECONDS:
                last, why = time.monotonic(), f"Only the first {done:,} of {m:,} validation rows have judged."
                mean = np.mean([column for part in kept for column in part.T], axis=0)
                yield Valuation(ready.back(mean), why=why, share=done / m)
        scores = ready.back(np.hstack(kept))
        yield Valuation(scores.mean(axis=1), per_valid=scores, status=Status.exact)
