"""The area under the margin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._problem import Problem
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._runs import Runs, mean_seen


@final
@dataclass(eq=False, kw_only=True)
class AUM(Valuer):
    """How far a row's label was ahead of the likeliest other class, the mean over the epochs, in logits.

    The margin is the logit of the label minus the largest other one. Rows with a wrong label are pulled to
    another class by the rows like them, so their area is low, often below 0; where to cut is what
    `aum_errors` finds. The paper stops before the first drop of the learning rate, while wrong labels are not
    learnt by heart yet; so record the epochs up to there. Epochs in which a row was not seen do not count;
    several traces are averaged. For classes only.

    Cost: one pass over the margins of the trace, or one training where there is none.

    Source: Pleiss et al. (2020), "Identifying Mislabeled Data using the Area Under the Margin Ranking".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import AUM, Data, Problem, Trace, value
    >>> margins = np.array([[1.0, -1.0], [3.0, 0.5]])  # of two epochs and two rows
    >>> p = 1 / (1 + np.exp(-margins))
    >>> trace = Trace(np.arange(2), -np.log(p), margins, p, np.sqrt(2) * (1 - p))
    >>> value(Problem(Data([[0.0], [1.0]], ["a", "b"]), trace=trace), AUM()).values
    array([ 2.  , -0.25])
    """

    needs: ClassVar[Needs] = Needs.LABELS | Needs.TRACE

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        yield Valuation(Runs.of("AUM", problem, rng).mean("margins", mean_seen), status=Status.exact)
