"""Random values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np

from ..._problem import Problem
from ..._valuation import Status, Valuation
from ..._valuer import Valuer


@final
@dataclass(eq=False, kw_only=True)
class Random(Valuer):
    """The control: standard normal values that know nothing of the rows; all true values are 0.

    Source: the random baseline of Jiang, Liang, Zou and Kwon (2023), "OpenDataVal: a Unified Benchmark for
    Data Valuation".

    Examples
    --------
    >>> from assay import Data, Problem, Random, value
    >>> value(Problem(Data([[0.0], [1.0]])), Random(), seed=1).values.round(2).tolist()
    [0.35, 0.82]
    """

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield one draw a row; its standard error is 1."""
        yield Valuation(rng.standard_normal(problem.n), np.ones(problem.n), status=Status.exact)
