"""What stands between the features of two rows."""

from __future__ import annotations

from abc import ABC, abstractmethod

from .._gradients.features import Features


class Metric(ABC):
    """Abstract: the inverse of a damped curvature of the summed loss.

    The score of a training row for a query is the product of the row's features with the query's, solved.
    """

    note: str  # damping, residual, error: what the numbers rest on

    @abstractmethod
    def solve(self, query: Features) -> Features:
        """The inverse curvature times each row."""
