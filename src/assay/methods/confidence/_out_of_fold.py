"""Out-of-fold answers: what a model says of rows that it was not fitted on, time after time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..._crossfit import Fold, folds
from ..._errors import AssayError
from ..._keys import unset_seeds
from ..._model_game import check_classes
from ..._parallel import each
from ..._problem import Problem
from ..._spread import variance
from ..._types import Floats
from ..._valuation import Valuation

REPEATS = 3  # before there is a first estimate


@dataclass(frozen=True)
class OutOfFold:
    """What a worker needs to fit folds.

    Parameters
    ----------
    name : str
        Who asks, for messages.
    model : estimator
    X : array of shape (n, d)
    y : array of shape (n,)
        Codes of the classes, or numbers.
    classes : int
        How many classes; 0 where labels are numbers.
    seeds : list of str
        The parameters of `model` that are random states left to chance.
    """

    name: str
    model: Any
    X: Floats
    y: NDArray[Any]
    classes: int
    seeds: list[str]

    @classmethod
    def of(cls, name: str, problem: Problem, model: Any) -> OutOfFold:
        """Those of `model`, else of the problem's model, else of a linear one on standardised features.

        Raises
        ------
        AssayError
            If there is one class only, or the model gives no probabilities.
        """
        check_classes(problem)
        numbers = problem.target_kind == "number"
        chosen = problem.model if model is None else model
        if chosen is None:
            chosen = make_pipeline(
                StandardScaler(), Ridge() if numbers else LogisticRegression(max_iter=1000)
            )
        if not callable(getattr(chosen, "predict" if numbers else "predict_proba", None)):
            raise AssayError(
                f"{name} needs probabilities, and {chosen!r} has no predict_proba; wrap it in "
                "sklearn.calibration.CalibratedClassifierCV, or pass another model."
            )
        if numbers:
            return cls(name, chosen, problem.train.X, problem.train.y.astype(float), 0, unset_seeds(chosen))
        names, codes = np.unique(problem.train.y, return_inverse=True)
        return cls(name, chosen, problem.train.X, codes, len(names), unset_seeds(chosen))

    def repeats(self, problem: Problem, rng: np.random.Generator) -> Iterator[tuple[Floats, int]]:
        """Yield probabilities (n, classes) or predictions (n,), and how many fits, with ever new folds."""
        while True:
            seed = int(rng.integers(2**31))
            parts = folds(replace(problem, valid=None), seed)
            answers = np.zeros((len(self.y), self.classes) if self.classes else len(self.y))
            for part, answer in zip(parts, each(self._fold, [(p, seed) for p in parts]), strict=True):
                answers[part.judges] = answer
            yield answers, len(parts)

    def _fold(self, part: Fold, seed: int) -> Floats:
        """What the model says of the judges, fitted on the rows."""
        X, y, asked = self.X[part.rows], self.y[part.rows], self.X[part.judges]
        member: Any = clone(self.model)
        if self.seeds:
            member.set_params(**dict.fromkeys(self.seeds, seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fit that warns would do so in every fold
            if not self.classes:
                return np.asarray(member.fit(X, y).predict(asked), float)
            chance = np.zeros((len(asked), self.classes))
            if (y == y[0]).all():  # most classifiers refuse one class
                chance[:, y[0]] = 1.0
            else:
                member.fit(X, y)
                chance[:, member.classes_] = member.predict_proba(asked)
        return chance

    def estimates(
        self, problem: Problem, rng: np.random.Generator, score: Callable[[Floats], Floats]
    ) -> Iterator[Valuation]:
        """Yield the mean of `score(answers)` (n,) over the repeats, after each of them but the first few."""
        total, squares = np.zeros((2, problem.n))
        fits, draws = 0, 0
        for answers, count in self.repeats(problem, rng):
            scores = score(answers)
            if not np.isfinite(scores).all():
                raise AssayError(
                    f"{self.name} got answers that are not finite from {self.model!r}; mend the model."
                )
            fits, draws = fits + count, draws + 1
            total += scores
            squares += scores**2
            if draws < REPEATS:
                continue
            values = total / draws
            spread = np.maximum(squares - draws * values**2, 0)
            usual = spread.mean() / (draws - 1)  # of all rows
            stderr = np.sqrt(variance(spread, draws, usual) / draws)
            yield Valuation(values, stderr, evals=fits, draws=draws, next_evals=count)
