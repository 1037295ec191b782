"""Cartography."""

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
class Cartography(Valuer):
    """How much probability training gave to a row's label, the mean over its epochs, in 0..1.

    This is the confidence of a dataset map: high for easy rows, low for wrong labels and the hardest of the
    right ones. Its other two coordinates, variability and correctness, are those of `training_map`. Epochs in
    which a row was not seen do not count; several traces are averaged. For classes only.

    Cost: one pass over the probabilities of the trace, or one training where there is none.

    Source: Swayamdipta et al. (2020), "Dataset Cartography: Mapping and Diagnosing Datasets with Training
    Dynamics".

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Cartography, Data, Problem, Trace, value
    >>> seen = np.array([[0.6, 0.3], [0.8, 0.4]])  # of two epochs and two rows
    >>> trace = Trace(np.arange(2), -np.log(seen), 2 * seen - 1, seen, np.sqrt(2) * (1 - seen))
    >>> value(Problem(Data([[0.0], [1.0]], ["a", "b"]), trace=trace), Cartography()).values
    array([0.7 , 0.35])
    """

    needs: ClassVar[Needs] = Needs.LABELS | Needs.TRACE

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        runs = Runs.of("Cartography", problem, rng)
        yield Valuation(runs.mean("probabilities", mean_seen), status=Status.exact)
