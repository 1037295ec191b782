"""Out-of-bag values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, final

import numpy as np
from scipy.sparse import issparse

from ..._errors import AssayError
from ..._problem import Problem
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._book import Book
from ._ensemble import Ensemble, knows_its_bags
from ._refits import BATCH, Refits
from ._target import Target
from ._trees import Trees

SEEN = 5  # times out of bag that every row needs before there is a first estimate


@final
@dataclass(eq=False, kw_only=True)
class DataOOB(Valuer):
    """How well models fitted on bags without a row tell its label; one fit a bag, no validation rows.

    For classes, the share of the bags without the row whose model gets its label right, in 0..1; for numbers,
    minus the mean squared error. There is no estimate before every row was out of bag 5 times (about 40 bags
    for 5,000 rows). Standard errors pool each row with 4 imagined bags that behave as the bags of all rows
    do, so that a row that was right 5 times of 5 is not certain.

    Parameters
    ----------
    model : estimator, optional
        What is fitted on bags. If not given, trees of a random forest (square root of the features at each
        node, no limit of depth) on features in at most 256 bins; trees of scikit-learn where X is sparse. An
        ensemble of scikit-learn that draws bags (forests with `bootstrap=True`, `BaggingClassifier`,
        `BaggingRegressor`) is taken whole: it is fitted once unless it was fitted before, on these rows in
        this order, and all of its members are scored in one pass, whatever `Stop` says. Rows that were never
        out of bag then get the mean of all rows and a standard error above that of one bag; `Valuation.why`
        counts them. Any other estimator is fitted on bag after bag.

    Source: Kwon and Zou (2023), "Data-OOB: Out-of-bag Estimate as a Simple and Efficient Data Value".

    Examples
    --------
    >>> from assay import Data, DataOOB, Problem, Stop, value
    >>> train = Data([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [0.15]], ["a"] * 3 + ["b"] * 4)
    >>> value(Problem(train), DataOOB(), stop=Stop(evals=200)).lowest(1)
    array([6])
    """

    model: Any = None
    needs: ClassVar[Needs] = Needs.LABELS

    def __post_init__(self) -> None:
        asked = [callable(getattr(self.model, verb, None)) for verb in ("fit", "predict")]
        if self.model is not None and (isinstance(self.model, type) or not all(asked)):
            raise AssayError(
                f"DataOOB.model is {self.model!r}; pass an estimator with fit and predict, or None for trees."
            )

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every batch of bags, once each row was out of bag often enough."""
        self.__post_init__()
        if problem.n < 2:
            raise AssayError("DataOOB needs at least 2 rows: a bag of the only row leaves none out.")
        X, target, book = problem.train.X, Target.of(problem, self.model), Book(problem.n)
        if knows_its_bags(self.model):
            for outcomes in Ensemble(self.model, X, target, rng).outcomes():
                book.add(outcomes)
            if not book.count.any():
                raise AssayError(
                    "DataOOB.model: no row was ever out of bag; take more members, or smaller bags."
                )
            yield book.valuation(problem.train.ids, Status.exact)
            return
        own = self.model is None and not issparse(X)
        bags = (Trees(X, target) if own else Refits(self.model, X, target)).outcomes(rng)
        while True:
            for outcomes in islice(bags, BATCH):
                book.add(outcomes)
            if book.count.min() >= SEEN:
                yield book.valuation(problem.train.ids)
