"""The time that a row is learnt at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._runs import Runs, right


@final
@dataclass(eq=False, kw_only=True)
class LearningTime(Valuer):
    """Minus the epoch from which a row is predicted right until the end; the first epoch is 1.

    It is the epoch after the last in which the row was predicted wrong, and so, for a row that is wrong when
    it is seen last, the number of epochs plus one. Epochs in which a row was not seen are passed over;
    several traces are averaged. Values are whole numbers for one trace, with ties. For classes only.

    Cost: one pass over the margins of the trace, or one training where there is none.

    Source: Toneva et al. (2019), "An Empirical Study of Example Forgetting during Deep Neural Network
    Learning", by its published code; Baldock, Maennel and Neyshabur (2021), "Deep Learning Through the Lens
    of Example Difficulty", with the label in place of the final prediction.

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, LearningTime, Problem, Trace, value
    >>> margins = np.array([[1.0, 1.0], [-0.5, 2.0], [2.0, 2.5]])  # of three epochs and two rows
    >>> p = 1 / (1 + np.exp(-margins))
    >>> trace = Trace(np.arange(2), -np.log(p), margins, p, np.sqrt(2) * (1 - p))
    >>> value(Problem(Data([[0.0], [1.0]], ["a", "b"]), trace=trace), LearningTime()).values
    array([-3., -1.])
    """

    needs: ClassVar[Needs] = Needs.LABELS | Needs.TRACE

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        times = Runs.of("LearningTime", problem, rng).mean("margins", _learnt)
        yield Valuation(-times, status=Status.exact)


def _learnt(margins: Floats) -> Floats:
    never = len(margins) + 1.0
    time = np.full(margins.shape[1], np.nan)
    for epoch, now in enumerate(right(margins), 1):
        again = (now == 1) & ~(time < never)  # for the first time, or after it was wrong
        time = np.where(now == 0, never, np.where(again, epoch, time))
    return time
