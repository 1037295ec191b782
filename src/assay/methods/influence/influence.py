"""Influence functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._curvature.choose import SOLVERS, metric_for
from ..._curvature.exact import Exact
from ..._curvature.left_out import left_out
from ..._errors import AssayError
from ..._gradients.linear import LinearGradients
from ..._gradients.source import gradients_of
from ..._gradients.target import OF_GROUPS, check_target, judging
from ..._numbers import is_number
from ..._problem import Problem
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer


@final
@dataclass(eq=False, kw_only=True)
class Influence(Valuer):
    """What a row's presence takes off the loss of each validation row, to first order: g_q' H^-1 g_i.

    H is the curvature of the loss summed over the training rows, with the model's penalty and the damping; g
    are gradients of single losses at the trained parameters. Values are in units of the loss: nats for
    classes, squared error for numbers; their sum over a few rows estimates what dropping these rows costs.

    Parameters
    ----------
    solver : str
        How the inverse is applied. "auto" takes "left_out" for linear models, "exact" for nets of up to 2,000
        parameters and "ekfac" above. Others:

        - "left_out": one Newton step without the row, exact for least squares; linear models only.
        - "exact": Cholesky factor of the whole Gauss-Newton matrix; up to 20,000 parameters.
    damping : float, optional
        Added to the diagonal of the curvature of the mean loss. If not given, 0 for linear models, and a
        tenth of the mean curvature for nets, layer by layer where a layer has its own inverse.
    target : str
        What the rows that judge measure. Values are in its unit, and positive where a row's presence improves
        it:

        - "loss": their mean loss.
        - "demographic_parity": the widest gap between the mean probabilities of the positive class (the last
          of the sorted classes) of two of their `groups`; for numbers, between mean predictions.
        - "equal_opportunity": the widest gap between the mean losses of two groups on rows of that class.
        - "robustness": their mean loss after each was moved across the boundary, by 1.3 times its distance.

        A row is worth by how much it narrows the gap between the two groups that are farthest apart now.

    Source: Koh and Liang (2017), "Understanding Black-box Predictions via Influence Functions"; targets other
    than the loss: Chhabra et al. (2024), "What Data Benefits My Classifier?".

    Examples
    --------
    >>> from assay import Data, Influence, Problem, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> valid = Data([[0.0], [1.0]], ["a", "b"])
    >>> value(Problem(train, valid, LogisticRegression(C=10)), Influence()).lowest(1)
    array([2])
    """

    solver: str = "auto"
    damping: float | None = None
    target: str = "loss"
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.GRADIENTS

    def __post_init__(self) -> None:
        if self.solver not in ("auto", *SOLVERS):
            raise AssayError(f"Influence.solver is {self.solver!r}; choose auto, {', '.join(SOLVERS)}.")
        if self.damping is not None and not (is_number(self.damping) and self.damping >= 0):
            raise AssayError(f"Influence.damping is {self.damping!r}; it needs to be a number, at least 0.")
        check_target(self.target)

    @property
    def crossfits(self) -> bool:
        """Not for gaps between groups: rows of one group are never parted, so no fold would hold two."""
        return self.target not in OF_GROUPS

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        self.__post_init__()
        gradients, problem = gradients_of(problem, "Influence")
        assert problem.valid is not None
        metric = metric_for(self.solver, gradients, problem.train, self.damping, rng)
        solved = metric.solve(judging(self.target, gradients, problem.valid))
        if isinstance(gradients, LinearGradients) and self.solver in ("auto", "left_out"):
            assert isinstance(metric, Exact)
            train = left_out(gradients, problem.train, metric)
        else:
            train = gradients.rows(problem.train).scaled(gradients.weights(problem.train))
        scores = train.gram(solved)
        yield Valuation(scores.mean(axis=1), per_valid=scores, status=Status.exact, why=metric.note)
