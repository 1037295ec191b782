"""Self-confidence: the probability of a row's own label."""

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

SIGMA = 1.4826  # of a normal law, in median absolute deviations


@final
@dataclass(eq=False, kw_only=True)
class SelfConfidence(Valuer):
    """The probability that models fitted without a row give to its label, in 0..1; 5 fits a repeat.

    Rows are parted in folds by class and group, and each is judged by the model of the other folds; that is
    repeated with other folds, the value is the mean and the standard error that of the mean. There is no
    estimate before the third repeat. For numbers, the density of the label under a normal law around the
    prediction, in shares of its mode: exp(-z² / 2) for an out-of-fold residual of z standard deviations,
    which are estimated by the median, so that wrong labels do not excuse themselves.

    Parameters
    ----------
    model : estimator, optional
        What is fitted; the problem's model if not given, and if there is none logistic or ridge regression
        on standardised features. Classes need `predict_proba`.
    adjust : bool
        Subtract from the probability of each class its mean among the rows of that label (the threshold of
        confident learning), and normalise: for classes of which models are less sure than of others.

    Source: Northcutt, Jiang and Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset
    Labels"; Kuan and Mueller (2022), "Model-agnostic label quality scoring to detect real-world label
    errors".

    Examples
    --------
    >>> from assay import Data, Problem, SelfConfidence, Stop, value
    >>> train = Data([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [0.15]], ["a"] * 3 + ["b"] * 4)
    >>> value(Problem(train), SelfConfidence(), stop=Stop(evals=50)).lowest(1)
    array([6])
    """

    model: Any = None
    adjust: bool = False
    needs: ClassVar[Needs] = Needs.LABELS

    def __post_init__(self) -> None:
        if not isinstance(self.adjust, bool):
            raise AssayError(f"SelfConfidence.adjust is {self.adjust!r}; it needs to be True or False.")

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every repeat from the third on."""
        self.__post_init__()  # `set_params` does not come by there
        answers = OutOfFold.of("SelfConfidence", problem, self.model)
        if not answers.classes and self.adjust:
            raise AssayError("SelfConfidence.adjust is for classes, and labels are numbers; leave it False.")
        yield from answers.estimates(problem, rng, lambda answer: self._score(answer, answers))

    def _score(self, answer: Floats, asked: OutOfFold) -> Floats:
        if not asked.classes:
            residual = np.abs(asked.y - answer)
            usual = SIGMA * np.median(residual)
            return np.exp(-0.5 * (residual / usual) ** 2) if usual > 0 else (residual == 0).astype(float)
        chance = adjusted(answer, asked.y) if self.adjust else answer
        return chance[np.arange(len(chance)), asked.y]
