"""TreeSim: how near a row is to a judge in the trees, with the sign of their labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from ._paths import kernel
from ._ready import Ready, check_per_valid


@final
@dataclass(eq=False, kw_only=True)
class TreeSim(Valuer):
    """How near a row is to a judge in the trees: more than 0 where it says what the judge says, else less.

    Near are rows that share leaves: the sum, over the trees in which both fall into one leaf, of one over the
    square of its training rows. The sign is that of labels: the same class or not; of numbers, whether row
    and judge are on the same side of what the model predicts for the judge. A score is in no unit. A baseline
    that knows nothing of gradients; n m trees / leaves operations.

    The ensemble is `problem.model`, taken as it is where it is fitted: see `LeafGradients`.

    Parameters
    ----------
    per_valid : bool
        Keep the (n, m) scores for each validation row, 8 n m bytes.

    Source: Brophy, Hammoudeh and Lowd (2023), "Adapting and Evaluating Influence-Estimation Methods for
    Gradient-Boosted Decision Trees".

    Examples
    --------
    >>> from sklearn.ensemble import GradientBoostingClassifier
    >>> from assay import Data, Problem, TreeSim, value
    >>> train = Data([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [0.15]], ["a"] * 3 + ["b"] * 4)
    >>> model = GradientBoostingClassifier(max_depth=1, n_estimators=5)
    >>> value(Problem(train, Data([[0.1], [5.0]], ["a", "b"]), model), TreeSim()).lowest(1)
    array([6])
    """

    per_valid: bool = True
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.TREES

    def __post_init__(self) -> None:
        check_per_valid("TreeSim", self.per_valid)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the exact scores once."""
        self.__post_init__()  # `set_params` does not come by there
        ready = Ready.of(problem, rng)
        near, leaves, judges = kernel(ready), ready.leaves, ready.judges
        told, asked = leaves.train.targets, judges.targets

        def score(start: int, stop: int) -> Floats:
            if leaves.names is None:
                said = judges.scores[:, 0]
                alike = (told[start:stop] >= said) == (asked[:, 0] >= said)
            else:
                alike = (told[start:stop, None] == asked).all(axis=2)
            return np.where(alike, 1.0, -1.0) * near(start, stop) * judges.known

        yield ready.scored(score, self.per_valid)
