"""TracIn."""

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
class TracIn(Valuer):
    """What steps along a row's gradient took off the loss of each validation row, summed over checkpoints.

    The sum over the checkpoints of rate g_i' g_q, g the gradients of single losses at the checkpoint: the
    decrease of the loss to first order, had each step been made on the row alone. Checkpoints and rates are
    those of `TorchGradients(checkpoints=, rates=)`; a linear model, or a network without any, counts once, at
    the rate 1, which is `GradDot`. There is an estimate after each checkpoint.

    Cost: one pass forward and half a one backward over all rows, and n m products, a checkpoint.

    Source: Pruthi et al. (2020), "Estimating Training Data Influence by Tracing Gradient Descent" (TracInCP).

    Examples
    --------
    >>> from assay import Data, Problem, TracIn, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> valid = Data([[0.0], [1.0]], ["a", "b"])
    >>> value(Problem(train, valid, LogisticRegression(C=10)), TracIn()).lowest(1)
    array([2])
    """

    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.GRADIENTS

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the sum so far after each checkpoint."""
        del rng
        gradients, problem = gradients_of(problem, "TracIn")
        rates, weights = gradients.rates, gradients.weights(problem.train)
        scores = np.zeros((problem.n, len(problem.valid or ())))
        for k, (now, rate) in enumerate(zip(gradients.checkpoints, rates, strict=True), 1):
            scores = scores + now.rows(problem.train).scaled(rate * weights).gram(now.rows(problem.valid))
            status = Status.exact if k == len(rates) else Status.running
            yield Valuation(scores.mean(axis=1), per_valid=scores, status=status, share=k / len(rates))
