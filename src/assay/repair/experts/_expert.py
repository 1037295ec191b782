"""Expert: one source of candidate repairs. It proposes and abstains; it never writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ...tables import Table


@dataclass(frozen=True)
class Candidate:
    """One possible repair of one cell.

    Parameters
    ----------
    row : int
        Position of the row in the table that was given to the expert.
    column : str
        The column of the cell.
    old, new : Any
        The cell as it is and as the expert would have it; a `new` of None makes it missing.
    expert, kind : str
        Who proposes, and which of its ways of seeing an error: accept models are learnt for each kind.
    confidence : float
        The expert's own score in 0..1, not calibrated.
    evidence : Mapping
        What speaks for it, fit for JSON. Numbers are features of the accept model; `why` is a sentence for
        people.
    """

    row: int
    column: str
    old: Any
    new: Any
    expert: str
    kind: str
    confidence: float
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Expert(ABC):
    """Abstract: a subclass is one way of knowing what a cell should have been."""

    name: ClassVar[str]

    @abstractmethod
    def propose(self, table: Table, rng: np.random.Generator) -> list[Candidate]:
        """Candidates for the rows of `table`, which holds training rows only.

        Pure: reads the table, draws only from `rng`, changes nothing. A row without a candidate is one on
        which the expert abstains.
        """
