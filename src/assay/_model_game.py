"""ModelGame: a coalition is worth the score of the model refitted on its rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from ._errors import AssayError
from ._game import grow_by_asking
from ._keys import unset_seeds
from ._problem import Problem
from ._scoring import Judge
from ._types import Coalitions, Orders, Worths


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

    Parameters
    ----------
    problem : Problem
        With labels, validation rows and a model.
    seed : int
        See above.

    Raises
    ------
    AssayError
        If something is missing, there is one class only, or the score cannot judge these labels.

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
    _judge: Judge = field(init=False, repr=False)
    _seeds: list[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        p = self.problem
        lacks = {"train.y": p.train.y, "model": p.model, "valid.y": p.valid and p.valid.y}
        missing = [name for name, part in lacks.items() if part is None]
        if missing:
            raise AssayError(f"ModelGame needs {', '.join(missing)}; pass them to assay.Problem.")
        check_classes(p)
        p.judge.check(p.train.y)
        object.__setattr__(self, "_seeds", unset_seeds(p.model))
        object.__setattr__(self, "_judge", p.judge)

    @property
    def n(self) -> int:
        """How many rows play."""
        return self.problem.n

    def __call__(self, coalitions: Coalitions, /) -> Worths:
        """Worths (batch,) of coalitions (batch, n); one refit each."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # refits on few rows warn by the thousand
            return np.array([self._worth(c) for c in coalitions], dtype=float)

    def grow(self, orders: Orders, /, *, tolerance: float = 0.0) -> Worths:
        """Worths (batch, n + 1) of the prefixes of `orders`; see `OrderedGame.grow`."""
        return grow_by_asking(self, orders, tolerance)

    def _worth(self, coalition: NDArray[np.bool_]) -> float:
        judge, train = self._judge, self.problem.train
        labels = train.y[coalition]
        if not labels.size:
            return judge.of_guess(train.y)
        if judge.classes is not None and (labels == labels[0]).all():
            return judge.of_constant(labels[0])
        try:
            worth = judge.of_model(self._model(coalition).fit(train.X[coalition], labels))
        except ValueError as error:
            if coalition.all():
                raise AssayError(f"The model {self.problem.model!r} cannot be fitted: {error}") from error
            return judge.of_constant(_middle(labels, judge.classes is not None))
        if not np.isfinite(worth):
            raise AssayError(
                f"The score of the model refitted on {len(labels)} of {self.n} rows is {worth}; "
                "choose a score that is finite for every prediction."
            )
        return worth

    def _model(self, coalition: NDArray[np.bool_]) -> Any:
        model: Any = clone(self.problem.model)
        if self._seeds:
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


def _middle(labels: NDArray[Any], classes: bool) -> Any:
    if not classes:
        return np.mean(labels.astype(float))
    names, counts = np.unique(labels, return_counts=True)
    return names[counts.argmax()]
