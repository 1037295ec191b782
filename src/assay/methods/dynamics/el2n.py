"""The error norm early in training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._problem import Problem
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._runs import EARLY, Runs, check_epochs, mean_seen


@final
@dataclass(eq=False, kw_only=True)
class EL2N(Valuer):
    """Minus the length of a row's error early in training: probabilities minus the label's indicator.

    The mean over the first epochs in which the row was seen, and over traces, from -sqrt(2) (sure of another
    class) to 0 (sure of the label). So the lowest rows are those to check for wrong labels. To prune a table
    of clean labels the paper keeps the rows of the largest error, which are the *lowest* values here.

    Cost: one pass over the errors of the trace, or one training where there is none. The paper averages over
    ten trainings from other first weights: pass as many traces.

    Parameters
    ----------
    epochs : int
        How many of the first epochs count, at least 1; all if there are fewer. 10, as the paper reads its
        scores at 10 to 20 of 200: early enough that wrong labels are not learnt by heart.

    Source: Paul, Ganguli and Dziugaite (2021), "Deep Learning on a Data Diet: Finding Important Examples
    Early in Training"; the mean over epochs in place of one.

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Data, EL2N, Problem, Trace, value
    >>> p = np.array([[0.5, 0.2], [0.7, 0.1]])  # of two epochs and two rows, and two classes
    >>> trace = Trace(np.arange(2), -np.log(p), np.log(p / (1 - p)), p, np.sqrt(2) * (1 - p))
    >>> value(Problem(Data([[0.0], [1.0]], ["a", "b"]), trace=trace), EL2N()).values.round(3)
    array([-0.566, -1.202])
    """

    epochs: int = EARLY
    needs: ClassVar[Needs] = Needs.LABELS | Needs.TRACE

    def __post_init__(self) -> None:
        check_epochs("EL2N", self.epochs)

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        self.__post_init__()
        errors = Runs.of("EL2N", problem, rng).mean("errors", mean_seen, epochs=self.epochs)
        yield Valuation(-errors, status=Status.exact)
