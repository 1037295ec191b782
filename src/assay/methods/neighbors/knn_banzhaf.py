"""Exact Banzhaf values of k nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from scipy.special import bdtr

from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from ._labels import check_k
from ._ranking import judged
from ._semivalue import Chances, SemivalueRule
from ._space import Metric, Space, check_metric


@final
@dataclass(eq=False, kw_only=True)
class KNNBanzhaf(Valuer):
    """Exact Banzhaf values of k nearest neighbours; O(m n (d + log n)) time for m validation rows.

    Worths are those of `KNNShapley`; every other row is in by a fair coin. With P(r) the chance that fewer
    than k of the r - 1 nearer rows are, the values at ranks r and r + 1 differ by P(r) / k where one of them
    is a hit: about the 2k nearest rows of a judge have a value there, all others hardly any.

    Parameters
    ----------
    k : int
        Neighbours, at least 1; more than there are rows is fine.
    metric : "euclidean" | "cosine" | "manhattan"
        What near means. A row of zeros is at a right angle to every other.
    per_valid : bool
        Keep the (n, m) values to each validation row.

    Source: the value of Wang and Jia (2023), "Data Banzhaf", in closed form for the utility of Jia et al.
    (2019).

    Examples
    --------
    >>> from assay import Data, KNNBanzhaf, Problem, value
    >>> train = Data([[0.0], [1.0], [2.0]], ["a", "b", "a"])
    >>> value(Problem(train, Data([[0.1]], ["a"])), KNNBanzhaf(k=1)).values
    array([ 0.75, -0.25,  0.25])
    """

    k: int = 5
    metric: Metric = "euclidean"
    per_valid: bool = False
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID
    multilabel: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_k("KNNBanzhaf", self.k)
        check_metric("KNNBanzhaf", self.metric)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the exact values once."""
        del rng
        self.__post_init__()  # `set_params` does not come by there
        assert problem.valid is not None
        space = Space.of(problem.train, problem.valid, self.metric)
        k, n = int(self.k), problem.n
        room, pair = _fewer(k, n + 1, skip=1), _fewer(k - 1, n + 1, skip=2) / 2
        rule = SemivalueRule.of(problem, Chances.over_k(k, room, pair))
        yield from judged(problem, space, rule, self.per_valid)


def _fewer(k: int, length: int, skip: int) -> Floats:
    """The chance that fewer than k of `place - skip` coins show heads, for places 0..length - 1."""
    out = np.zeros(length)
    if k:
        most = min(length, max(4 * k, 6000) + skip)  # beyond, it is below 1e-320, by Hoeffding
        out[:most] = bdtr(k - 1.0, np.maximum(np.arange(most) - skip, k), 0.5)
        out[: k + skip] = 1.0
    return out
