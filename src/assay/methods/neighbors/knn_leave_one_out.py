"""Leave-one-out of k nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._problem import Problem
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from ._labels import check_k
from ._ranking import judged
from ._semivalue import Chances, SemivalueRule
from ._space import Metric, Space, check_metric


@final
@dataclass(eq=False, kw_only=True)
class KNNLeaveOneOut(Valuer):
    """What all rows lose without one, by k nearest neighbours; O(m n (d + log n)) for m validation rows.

    Worths are those of `KNNShapley`. Only the k nearest rows of a judge have a value there, each against the
    row that would take its place: most rows of a large table are worth 0.

    Parameters
    ----------
    k : int
        Neighbours, at least 1; more than there are rows is fine.
    metric : "euclidean" | "cosine" | "manhattan"
        What near means. A row of zeros is at a right angle to every other.
    per_valid : bool
        Keep the (n, m) values to each validation row.

    Source: Jia et al. (2021), "Scalability vs. Utility: Do We Have to Sacrifice One for the Other in Data
    Importance Quantification?", for the hits.

    Examples
    --------
    >>> from assay import Data, KNNLeaveOneOut, Problem, value
    >>> train = Data([[0.0], [1.0], [2.0]], ["a", "b", "b"])
    >>> value(Problem(train, Data([[0.1]], ["a"])), KNNLeaveOneOut(k=1)).values
    array([1., 0., 0.])
    """

    k: int = 5
    metric: Metric = "euclidean"
    per_valid: bool = False
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID
    multilabel: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_k("KNNLeaveOneOut", self.k)
        check_metric("KNNLeaveOneOut", self.metric)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the exact values once."""
        del rng
        self.__post_init__()  # `set_params` does not come by there
        assert problem.valid is not None
        space = Space.of(problem.train, problem.valid, self.metric)
        near = (np.arange(problem.n + 1) <= self.k).astype(float)  # all others are in
        rule = SemivalueRule.of(problem, Chances.over_k(int(self.k), near, near))
        yield from judged(problem, space, rule, self.per_valid)
