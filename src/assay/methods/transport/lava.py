"""Values from what it costs to carry the training rows to the validation rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar, Literal, final

import numpy as np

from ..._errors import AssayError
from ..._numbers import is_number
from ..._problem import Problem
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._class_distances import class_distances, width
from ._sinkhorn import Costs, solve

DISTANCES = ("sinkhorn", "exact")


@final
@dataclass(eq=False, kw_only=True)
class LAVA(Valuer):
    """Minus what the transport of the training rows to the validation rows gains per mass of a row; no model.

    For classes, a pair costs |x - z|**2 / 2 + `label_weight` x W / 2, where W is the cost of transport
    between the training rows of the one's class and the validation rows of the other's, with ground cost
    |x - z|**2 / 2. For numbers, |x - z|**2 / 2 + `label_weight` x (y - t)**2 / 2. The value of row i is
    -(f_i - the mean of f over the other rows), with f the dual potential of the training rows: what the cost
    would lose if mass moved from the others to row i. Features are taken as they are: scale them alike.

    As published, epsilon is lowered by four from one pass over all pairs to the next, and there it ends, far
    from the optimum: the potentials say how far a row is from validation rows like it, which finds errors.
    With a `tolerance` it goes on to the optimum, where the values are the true derivatives; they are then
    prices, mostly of what is scarce, which finds errors much worse. `Valuation.why` says how far it went.

    Costs O(n m d) a pass, about a dozen passes without a `tolerance`, and as much for all the distances of
    classes. Memory is that of the rows, 0.3 GB, and 24 bytes for a class and a validation row; never n m.

    Parameters
    ----------
    regularisation : float
        The epsilon of the entropy, in units of squared distances; above 0.
    label_weight : float
        How much labels weigh beside features; at least 0.
    class_distance : "sinkhorn" | "exact"
        Regularised as the transport is, or exact by POT (`pip install 'assay[transport]'`), in
        O(k**3 log k) time and 8 k**2 bytes for classes of k rows.
    tolerance : float, optional
        The share of mass that may be out of place, in 0..1.

    Source: Just et al. (2023), "LAVA: Data Valuation without Pre-Specified Learning Algorithms"; distances
    of classes of Alvarez-Melis and Fusi (2020), "Geometric Dataset Distances via Optimal Transport".

    Examples
    --------
    >>> from assay import Data, LAVA, Problem, value
    >>> train = Data([[0.0], [0.1], [5.0], [5.1], [0.2]], ["a", "a", "b", "b", "b"])
    >>> valid = Data([[0.0], [0.2], [5.0], [5.2]], ["a", "a", "b", "b"])
    >>> value(Problem(train, valid), LAVA()).lowest(1)
    array([4])
    """

    regularisation: float = 0.1
    label_weight: float = 1.0
    class_distance: Literal["sinkhorn", "exact"] = "sinkhorn"
    tolerance: float | None = None
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID

    def __post_init__(self) -> None:
        epsilon, weight, most = self.regularisation, self.label_weight, self.tolerance
        for name, holds, range_ in (
            ("regularisation", is_number(epsilon) and epsilon > 0, "a number above 0"),
            ("label_weight", is_number(weight) and weight >= 0, "a number of at least 0"),
            ("class_distance", self.class_distance in DISTANCES, " or ".join(map(repr, DISTANCES))),
            ("tolerance", most is None or (is_number(most) and 0 < most <= 1), "a share in 0..1, or None"),
        ):
            if not holds:
                raise AssayError(f"LAVA.{name} is {getattr(self, name)!r}; it needs to be {range_}.")
        if self.class_distance == "exact" and find_spec("ot") is None:
            raise AssayError(
                "LAVA(class_distance='exact') needs POT; pip install 'assay[transport]', or use 'sinkhorn'."
            )

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        del rng
        self.__post_init__()  # `set_params` does not come by there
        if problem.n < 2:
            raise AssayError("LAVA needs at least 2 rows: a row is compared with the others.")
        epsilon = float(self.regularisation)
        costs, start = self._costs(problem, epsilon)
        found = solve(costs, epsilon, start, self.tolerance)
        others = (found.f.sum() - found.f) / (problem.n - 1)
        why = f"Masses are within {found.error:.2g} of what they should be, after {found.passes} passes."
        yield Valuation(others - found.f, status=Status.exact, why=why)

    def _costs(self, problem: Problem, epsilon: float) -> tuple[Costs, float]:
        """The ground costs, and the width of the box around all rows and labels."""
        valid, weight = problem.valid, float(self.label_weight)
        assert valid is not None
        X, Z = problem.train.dense, valid.dense
        middle = Z.mean(axis=0)  # costs do not depend on where the origin is, rounding does
        X, Z = X - middle, Z - middle
        if problem.target_kind == "number":
            y, t = (np.sqrt(weight) * (part.y - valid.y.mean()) for part in (problem.train, valid))
            X, Z = np.column_stack((X, y)), np.column_stack((Z, t))
            costs = Costs(X, Z, np.zeros(len(X), np.intp), np.zeros((1, len(Z))))
            return costs, width(X, Z)
        classes = problem.classes
        assert classes is not None
        codes, others = (np.searchsorted(classes, part.y) for part in (problem.train, valid))
        inner = None if self.class_distance == "exact" else epsilon
        apart = class_distances(X, Z, codes, others, len(classes), inner, self.tolerance)
        costs = Costs(X, Z, codes, weight * apart[:, others] / 2)
        # the published box has the number of the class as one more column, in 0..2 classes - 1
        return costs, math.hypot(width(X, Z), 2 * len(classes) - 1)
