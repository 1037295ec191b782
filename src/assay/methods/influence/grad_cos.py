"""Cosines of gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..._gradients.features import Features
from ..._gradients.source import gradients_of
from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer


@final
@dataclass(eq=False, kw_only=True)
class GradCos(Valuer):
    """The cosine of a row's gradient and that of each validation row, in -1..1; 0 where one of them is 0.

    `GradDot` without the lengths: rows of large loss no longer outweigh all others. The value of a row for
    itself is 1 whatever the row is, so that values for the training rows themselves find no wrong labels.

    Cost: as `GradDot`.

    Source: Charpiat et al. (2019), "Input Similarity from the Neural Network Perspective".

    Examples
    --------
    >>> from assay import Data, GradCos, Problem, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> valid = Data([[0.0], [1.0]], ["a", "b"])
    >>> value(Problem(train, valid, LogisticRegression(C=10)), GradCos()).lowest(1)
    array([2])
    """

    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.GRADIENTS

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        del rng
        gradients, problem = gradients_of(problem, "GradCos")
        train, valid = gradients.rows(problem.train), gradients.rows(problem.valid)
        scores = _inverse(train)[:, None] * train.gram(valid) * _inverse(valid)
        yield Valuation(scores.mean(axis=1), per_valid=scores, status=Status.exact)


def _inverse(rows: Features) -> Floats:
    """One over each row's length; 0 for a row without any."""
    norms = rows.norms()
    return np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
