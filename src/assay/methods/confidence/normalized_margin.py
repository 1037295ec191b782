"""Normalised margin: how far a row's own label is ahead of the likeliest other one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from ..._errors import AssayError
from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer
from ._out_of_fold import OutOfFold
from ._thresholds import adjusted


@final
@dataclass(eq=False, kw_only=True)
class NormalizedMargin(Valuer):
    """How far models fitted without a row put its label ahead of the next, in 0..1; 5 fits a repeat.

    (p(given label) - max p(other label) + 1) / 2 by the probabilities of `SelfConfidence`, with its repeats
    and standard errors; for two classes the two are the same. It forgives a row whose label is as unsure as
    all others, and accuses one whose model is sure of another. For classes only.

    Parameters
    ----------
    model : estimator, optional
        What is fitted; the problem's model if not given, and if there is none logistic regression on
        standardised features. It needs `predict_proba`.
    adjust : bool
        As in `SelfConfidence`.

    Source: Northcutt, Jiang and Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset
    Labels"; Kuan and Mueller (2022), "Model-agnostic label quality scoring to detect real-world label
    errors".

    Examples
    --------
    >>> from assay import Data, NormalizedMargin, Problem, Stop, value
    >>> train = Data([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [0.15]], ["a"] * 3 + ["b"] * 4)
    >>> value(Problem(train), NormalizedMargin(), stop=Stop(evals=50)).lowest(1)
    array([6])
    """

    model: Any = None
    adjust: bool = False
    needs: ClassVar[Needs] = Needs.LABELS

    def __post_init__(self) -> None:
        if not isinstance(self.adjust, bool):
            raise AssayError(f"NormalizedMargin.adjust is {self.adjust!r}; it needs to be True or False.")

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every repeat from the third on."""
        self.__post_init__()  # `set_params` does not come by there
        if problem.target_kind == "number":
            raise AssayError("NormalizedMargin is for classes, and labels are numbers; take SelfConfidence.")
        answers = OutOfFold.of("NormalizedMargin", problem, self.model)
        yield from answers.estimates(problem, rng, lambda chance: self._score(chance, answers))

    def _score(self, chance: Floats, asked: OutOfFold) -> Floats:
        rows = np.arange(len(chance))
        others = adjusted(chance, asked.y) if self.adjust else chance.copy()
        own = others[rows, asked.y]
        others[rows, asked.y] = -1.0
        return (own - others.max(axis=1) + 1) / 2
