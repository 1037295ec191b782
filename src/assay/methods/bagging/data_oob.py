"""Out-of-bag values."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ..._errors import AssayError
from ..._keys import unset_seeds
from ..._model_game import check_classes
from ..._parallel import each, workers
from ..._problem import Problem
from ..._types import Floats, Labels, Positions
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer

BATCH = 16  # bags between two estimates
SEEN = 5  # times out of bag that every row needs before there is a first estimate
PRIOR = 4.0


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
        What is fitted on a bag; a tree of a random forest if not given.

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

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every batch of bags, once each row was out of bag often enough."""
        if problem.n < 2:
            raise AssayError("DataOOB needs at least 2 rows: a bag of the only row leaves none out.")
        check_classes(problem)
        bagging = _Bagging.of(self.model, problem)
        count, total, squares = np.zeros((3, problem.n))
        bags, share = 0, math.ceil(BATCH / workers())
        while True:
            draws = [
                (rng.integers(problem.n, size=problem.n), int(rng.integers(2**31))) for _ in range(BATCH)
            ]
            shares = ((draws[i : i + share],) for i in range(0, BATCH, share))
            tried = np.vstack(list(each(bagging, shares)))
            bags += len(draws)
            for outcome in tried:
                out = ~np.isnan(outcome)
                count += out
                total[out] += outcome[out]
                squares[out] += outcome[out] ** 2
            if count.min() < SEEN:
                continue
            values = total / count
            spread = np.maximum(squares - total * values, 0)
            overall = squares.sum() / count.sum() - (total.sum() / count.sum()) ** 2
            variance = (spread + PRIOR * max(overall, 0)) / (count - 1 + PRIOR)
            yield Valuation(values, np.sqrt(variance / count), evals=bags, draws=int(count.min()))


@dataclass(frozen=True)
class _Bagging:
    """What a worker needs to fit bags."""

    model: Any
    X: NDArray[Any]
    y: Labels
    numbers: bool
    seeds: list[str]

    @classmethod
    def of(cls, model: Any, problem: Problem) -> _Bagging:
        numbers = problem.target_kind == "number"
        y = problem.train.y.astype(float) if numbers else problem.train.y
        if model is not None:
            return cls(model, problem.train.X, y, numbers, unset_seeds(model))
        tree = DecisionTreeRegressor if numbers else DecisionTreeClassifier
        X = problem.train.X.astype(np.float32)  # as trees have it, converted once
        return cls(tree(max_features="sqrt"), X, y, numbers, ["random_state"])

    def __call__(self, draws: Sequence[tuple[Positions, int]]) -> Floats:
        """Outcomes (bags, n); nan for the rows in the bag."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fits on bags warn by the thousand
            return np.array([self._out_of_bag(bag, seed) for bag, seed in draws])

    def _out_of_bag(self, bag: Positions, seed: int) -> Floats:
        outcome = np.full(len(self.y), np.nan)
        out = np.ones(len(self.y), bool)
        out[bag] = False
        if not out.any():
            return outcome
        labels = self.y[bag]
        if not self.numbers and (labels == labels[0]).all():  # most classifiers refuse one class
            answers = np.full(out.sum(), labels[0])
        else:
            member: Any = clone(self.model)
            if self.seeds:
                member.set_params(**dict.fromkeys(self.seeds, seed))
            answers = member.fit(self.X[bag], labels).predict(self.X[out])
        outcome[out] = -((answers - self.y[out]) ** 2) if self.numbers else answers == self.y[out]
        return outcome
