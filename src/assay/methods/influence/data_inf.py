"""Influence with the mean of the rows' own inverses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._curvature.data_inf import DataInfMetric
from ..._errors import AssayError
from ..._gradients.source import gradients_of
from ..._numbers import is_number
from ..._problem import Problem
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._scores import Scores


@final
@dataclass(eq=False, kw_only=True)
class DataInf(Valuer):
    """`Influence` with, in place of the inverse of the mean curvature, the mean of single rows' inverses.

    The curvature is that of gradients, layer by layer, and its inverse the mean over rows of
    (d + g_i g_i')^-1, which has a closed form. The better, the fewer parameters a layer has.

    Cost: one pass over all rows; for n rows, m queries and layers of A inputs and B outputs n² (A + B + m)
    multiplications, and no gradient multiplied out.

    Parameters
    ----------
    damping : float, optional
        The d of the mean loss, above 0; a tenth of the layer's mean squared gradient if not given.

    Source: Kwon et al. (2024), "DataInf: Efficiently Estimating Data Influence in LoRA-tuned LLMs and
    Diffusion Models".

    Examples
    --------
    >>> from assay import Data, DataInf, Problem, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> valid = Data([[0.0], [1.0]], ["a", "b"])
    >>> value(Problem(train, valid, LogisticRegression(C=10)), DataInf()).lowest(1)
    array([2])
    """

    damping: float | None = None
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.GRADIENTS

    def __post_init__(self) -> None:
        if self.damping is not None and not (is_number(self.damping) and self.damping > 0):
            raise AssayError(f"DataInf.damping is {self.damping!r}; it needs to be a number above 0.")

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        found = self.scores(problem, rng)
        scores = found.whole()
        yield Valuation(scores.mean(axis=1), per_valid=scores, status=Status.exact, why=found.note)

    def scores(self, problem: Problem, rng: np.random.Generator) -> Scores:
        """What each training row is worth to each query, a block of rows at a time."""
        del rng
        self.__post_init__()
        gradients, problem = gradients_of(problem, "DataInf")
        metric = DataInfMetric(gradients, problem.train, self.damping)
        train = gradients.rows(problem.train).scaled(gradients.weights(problem.train))
        work = metric.against(gradients.rows(problem.valid))
        return Scores(len(train), lambda rows: work(train.take(rows)), metric.note)
