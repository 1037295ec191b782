"""Forgetting events."""

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
class Forgetting(Valuer):
    """Minus how often training forgot a row: predicted right when it was seen, and wrong the next time.

    A row that was never predicted right counts as forgotten once for every epoch, more often than any other
    row can be (in the paper: without end). Epochs in which a row was not seen are passed over; several traces
    are averaged. Values are whole numbers for one trace, with many ties: most rows of an easy table are never
    forgotten, and no order among them is told. For classes only.

    Cost: one pass over the margins of the trace, or one training where there is none.

    Source: Toneva et al. (2019), "An Empirical Study of Example Forgetting during Deep Neural Network
    Learning".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, Forgetting, Problem, Trace, value
    >>> margins = np.array([[1.0, -1.0], [-0.5, -2.0], [2.0, -0.1]])  # of three epochs and two rows
    >>> p = 1 / (1 + np.exp(-margins))
    >>> trace = Trace(np.arange(2), -np.log(p), margins, p, np.sqrt(2) * (1 - p))
    >>> value(Problem(Data([[0.0], [1.0]], ["a", "b"]), trace=trace), Forgetting()).values
    array([-1., -3.])
    """

    needs: ClassVar[Needs] = Needs.LABELS | Needs.TRACE

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        counts = Runs.of("Forgetting", problem, rng).mean("margins", _forgotten)
        yield Valuation(0.0 - counts, status=Status.exact)


def _forgotten(margins: Floats) -> Floats:
    seen, learnt = right(margins), np.zeros(margins.shape[1])
    before, count = np.full(margins.shape[1], np.nan), np.zeros(margins.shape[1])
    for now in seen:
        count += (before == 1) & (now == 0)
        learnt = np.fmax(learnt, now)
        before = np.where(np.isnan(now), before, now)
    count[learnt == 0] = len(margins)
    return np.where(np.isnan(before), np.nan, count)
