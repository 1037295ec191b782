"""Products of gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._gradients.source import gradients_of
from ..._problem import Problem
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer


@final
@dataclass(eq=False, kw_only=True)
class GradDot(Valuer):
    """The product of a row's gradient with that of each validation row, at the trained parameters: g_i' g_q.

    What a step of gradient descent on the row alone would take off the loss of the validation row, to first
    order and for a rate of 1: `Influence` without its curvature.

    Cost: one pass forward and half a one backward over all rows, and n m products.

    Source: Charpiat et al. (2019), "Input Similarity from the Neural Network Perspective".

    Examples
    --------
    >>> from assay import Data, GradDot, Problem, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> valid = Data([[0.0], [1.0]], ["a", "b"])
    >>> value(Problem(train, valid, LogisticRegression(C=10)), GradDot()).lowest(1)
    array([2])
    """

    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.GRADIENTS

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        del rng
        gradients, problem = gradients_of(problem, "GradDot")
        train = gradients.rows(problem.train).scaled(gradients.weights(problem.train))
        scores = train.gram(gradients.rows(problem.valid))
        yield Valuation(scores.mean(axis=1), per_valid=scores, status=Status.exact)
