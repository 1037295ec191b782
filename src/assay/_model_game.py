"""ModelGame: a coalition is worth the score of the model refitted on its rows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn import config_context

from ._cloning import Cloner
from ._errors import AssayError
from ._frozen import frozen
from ._game import grow_by_asking
from ._keys import twin, unset_seeds
from ._learners._learner import Learner
from ._problem import Problem
from ._scoring import Judge
from ._seeded import AnyCoalitions, AnyOrders
from ._types import Floats, Labels, Positions, Score, Worths

RESAMPLES = 200  # a standard error to 5%


@dataclass(frozen=True, eq=False)
class ModelGame:
    """Refit the model on the coalition's rows, score it on the validation rows.

    - The empty coalition is worth a guess: every class equally likely (accuracy 1 / c), or the mean of all
      training labels where labels are numbers. It knows the question and no row's answer.
    - A coalition of one class is worth predicting that class for every row: most classifiers refuse it.
    - A coalition the model refuses (`ValueError`: say, fewer rows than neighbours) is worth predicting its
      commonest class or its mean label. If the model refuses all rows, that is an error.
    - A model that leaves `random_state` to chance gets one made of `seed` and the coalition, so that a
      coalition is always worth the same number.
    - A `Pipeline` whose steps but the last are fitted already (on whatever rows) keeps them as they are: they
      transform the rows once, and only the last step is refitted. If one of them is not fitted, the whole
      pipeline is refitted on every coalition.
    - Models that can learn a row at a time are not refitted at all (`incremental`): their worths are those of
      refits up to rounding, or up to the tolerance of the model's solver.

    Parameters
    ----------
    problem : Problem
        With labels, validation rows and a model.
    seed : int
        See above.
    refit : bool
        Refit for every coalition, even where a model can learn row by row.

    Raises
    ------
    AssayError
        If something is missing, there is one class only, the score cannot judge these labels, a parameter of
        the model is not valid, or the fitted steps of a pipeline cannot transform the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neighbors import NearestCentroid
    >>> from assay import Data
    >>> rows = Data([[0.0], [1.0], [3.0]], ["low", "low", "high"])
    >>> game = ModelGame(Problem(rows, rows, NearestCentroid()))
    >>> game(np.array([[False, False, False], [True, False, True]])).round(2)
    array([0.5, 1. ])
    """

    problem: Problem
    seed: int = 0
    refit: bool = False
    _problem: Problem = field(init=False, repr=False)
    _judge: Judge = field(init=False, repr=False)
    _seeds: list[str] = field(init=False, repr=False)
    _cloner: Cloner = field(init=False, repr=False)
    _learner: Learner | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        p = self.problem
        lacks = {"train.y": p.train.y, "model": p.model, "valid.y": p.valid and p.valid.y}
        missing = [name for name, part in lacks.items() if part is None]
        if missing:
            raise AssayError(f"ModelGame needs {', '.join(missing)}; pass them to assay.Problem.")
        check_classes(p)
        p.judge.check(p.train.y)
        p = frozen(p)
        made = {"_problem": p, "_judge": p.judge, "_seeds": unset_seeds(p.model), "_cloner": Cloner(p.model)}
        made["_learner"] = None if self.refit else twin(p)
        for name, part in made.items():
            object.__setattr__(self, name, part)

    @property
    def n(self) -> int:
        """How many rows play."""
        return self.problem.n

    @property
    def incremental(self) -> bool:
        """Whether the model learns row by row, without refits, so that growing orders is cheap."""
        return self._learner is not None

    def without_each(self) -> Worths | None:
        """Worths (n,) of all rows but one, for each; None where there is no closed form for them."""
        if self._learner is None:
            return None
        from ._learners._leave_one_out import leave_one_out

        return leave_one_out(self._learner)

    def noise(self) -> float:
        """The standard error of the worth of all rows, over `RESAMPLES` bootstraps of the validation rows."""
        train = self._problem.train
        with self._quickly():
            fitted = self._model(np.arange(self.n)).fit(train.X, train.y)
            return self._judge.noise(fitted, RESAMPLES, np.random.default_rng(self.seed))

    def rescored(self, score: Score, key: bytes) -> ModelGame:
        """The same refits, judged by another `score`; `key` names it to a memory."""
        del key
        return ModelGame(replace(self.problem, score=score), self.seed, self.refit)

    def __call__(self, coalitions: AnyCoalitions, /) -> Worths:
        """Worths (batch,) of coalitions (batch, n); one refit each, or one fit of a model that also grows."""
        coalitions = np.asarray(coalitions)
        if self._learner is not None:
            from ._learners import _drive

            return _drive.ask(self._learner, coalitions)
        with self._quickly():
            return np.array([self._worth(np.flatnonzero(c)) for c in coalitions], dtype=float)

    def grow(self, orders: AnyOrders, /, *, tolerance: float = 0.0) -> Worths:
        """Worths (batch, n + 1) of the prefixes of `orders`; see `OrderedGame.grow`."""
        if self._learner is None:
            return grow_by_asking(self, orders, tolerance)
        from ._learners import _drive

        return _drive.grow(self._learner, np.asarray(orders), tolerance)

    @contextmanager
    def _quickly(self) -> Iterator[None]:
        """Nothing that a refit on other rows of the same data would find out again."""
        # only where nothing but the model sees the rows: a step, or a score, may make numbers infinite
        finite = True if self._cloner.flat and self._judge.score == "accuracy" else None
        checked = True if self._cloner.flat else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # refits on few rows warn by the thousand
            with config_context(assume_finite=finite, skip_parameter_validation=checked):
                yield

    @cached_property
    def _classes(self) -> Labels:
        """Every class, sorted."""
        assert self._judge.classes is not None
        return self._judge.classes

    @cached_property
    def _codes(self) -> NDArray[np.intp]:
        """Place of each training label (n,) in the classes: cheaper to compare than text."""
        return np.searchsorted(self._classes, self._problem.train.y)

    @cached_property
    def _constants(self) -> Floats:
        """What predicting each class for every row is worth, (c,)."""
        return np.array([self._judge.of_constant(label) for label in self._classes])

    def _worth(self, rows: Positions) -> float:
        train = self._problem.train
        if not rows.size:
            return self._judge.of_guess(train.y)
        if self._judge.classes is not None:
            codes = self._codes.take(rows)
            if np.count_nonzero(codes == codes[0]) == len(codes):
                return float(self._constants[codes[0]])
        try:
            X = train.X[rows] if issparse(train.X) else train.X.take(rows, axis=0)
            fitted = self._model(rows).fit(X, train.y.take(rows))
            worth = self._scored(fitted)
        except ValueError as error:
            if len(rows) == self.n:
                raise AssayError(f"The model {self.problem.model!r} cannot be fitted: {error}") from error
            return self._of_commonest(rows)
        if not math.isfinite(worth):
            raise AssayError(
                f"The score of the model refitted on {len(rows)} of {self.n} rows is {worth}; "
                "choose a score that is finite for every prediction."
            )
        return worth

    def _scored(self, fitted: Any) -> float:
        judge = self._judge
        if judge.score == "accuracy":  # as `judge.of_model`, in a quarter of the time
            return np.count_nonzero(fitted.predict(judge.X) == judge.y) / len(judge.y)
        return judge.of_model(fitted)

    def _of_commonest(self, rows: Positions) -> float:
        if self._judge.classes is not None:
            return float(self._constants[np.bincount(self._codes[rows]).argmax()])
        return self._judge.of_constant(np.mean(self._problem.train.y[rows].astype(float)))

    def _model(self, rows: Positions) -> Any:
        model = self._cloner.copy()
        if self._seeds:
            coalition = np.zeros(self.n, bool)
            coalition[rows] = True
            name = f"{self.seed}:".encode() + np.packbits(coalition).tobytes()
            number = int.from_bytes(blake2b(name, digest_size=4).digest(), "big")
            model.set_params(**dict.fromkeys(self._seeds, number))
        return model


def check_classes(problem: Problem) -> None:
    """Raise `AssayError` if the labels are classes and there is one only."""
    y = problem.train.y
    if problem.target_kind == "class" and (y == y[0]).all():
        raise AssayError(
            f"The labels of train are all {y[0].item()!r}; with one class there is nothing to learn."
        )
