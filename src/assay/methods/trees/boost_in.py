"""BoostIn: the gradients of rows and judges that meet in leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._problem import Problem
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._meetings import Meetings
from ._ready import Ready, check_per_valid


@final
@dataclass(eq=False, kw_only=True)
class BoostIn(Valuer):
    """What a row's pull on its leaves does to the loss of judges in them, tree by tree, as training went on.

    TracIn for boosting: one more of row i moves a leaf of value t by -(eta g_i + t h_i) / (sum h + ridge),
    with g and h the derivatives of its loss before the tree. The score for a judge sums, over the trees in
    which both fall into one leaf, minus that step times the derivative of the judge's loss before the tree:
    the loss that the row takes from the judge, in nats or halves of squared units. That the other rows, and
    later trees, would answer is left out: `LeafInfluence` has it. Of a forest, which does not learn in steps,
    derivatives are those of its mean, and the score is exactly `LeafInfluence`.

    The ensemble is `problem.model`: see `LeafGradients` for which. Where it is fitted it is taken as it is,
    and has to be fitted on the training rows; else it is fitted on them. Scores are one product of sparse
    matrices, rows by leaves and leaves by judges: n m trees / leaves operations; with `per_valid=False`, n
    trees.

    Parameters
    ----------
    per_valid : bool
        Keep the (n, m) scores for each validation row, 8 n m bytes.

    Source: Brophy, Hammoudeh and Lowd (2023), "Adapting and Evaluating Influence-Estimation Methods for
    Gradient-Boosted Decision Trees".

    Examples
    --------
    >>> from sklearn.ensemble import GradientBoostingClassifier
    >>> from assay import BoostIn, Data, Problem, value
    >>> train = Data([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [0.15]], ["a"] * 3 + ["b"] * 4)
    >>> problem = Problem(train, Data([[0.1], [5.0]], ["a", "b"]), GradientBoostingClassifier(max_depth=1))
    >>> value(problem, BoostIn()).lowest(1)
    array([6])
    """

    per_valid: bool = True
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.TREES

    def __post_init__(self) -> None:
        check_per_valid("BoostIn", self.per_valid)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the exact scores once."""
        self.__post_init__()  # `set_params` does not come by there
        ready = Ready.of(problem, rng)
        moves, rows, judges = ready.moves, ready.leaves.train.leaves, ready.judges.leaves
        pulls = ready.leaves.gradients(ready.judges).transpose(0, 2, 1).reshape(judges.shape)
        if self.per_valid:
            meetings = Meetings.of(rows, judges, len(ready.leaves.values))
            yield ready.scored(lambda start, stop: meetings.product(moves, pulls, start, stop), True)
            return
        mean = np.bincount(judges.ravel(), pulls.ravel(), len(ready.leaves.values)) / judges.shape[1]
        yield Valuation(ready.back((mean[rows] * moves).sum(axis=0)), status=Status.exact)
