"""Class-wise Shapley values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from ..._errors import AssayError
from ..._game import BLOCK, Game
from ..._keys import score_key
from ..._model_game import ModelGame
from ..._problem import Problem
from ..._spread import Range, variance
from ..._types import Floats, Labels, Positions, Worths
from ..._valuation import Valuation
from ..._valuer import Needs, Valuer

BATCH_EVALS = 500  # a batch of rounds costs about this, so that estimates come often
MOST_ROUNDS = 16


@final
@dataclass(eq=False, kw_only=True)
class ClassWiseShapley(Valuer):
    """What a row does for its own class, less so for the others: Shapley values among the rows of a class.

    For the rows of class c a coalition is worth a exp(b), where of all validation rows a is the share that
    are of class c and rightly predicted, and b the share that are of another class and rightly predicted. A
    value is the mean over coalitions of the rows of other classes (fair coins, at least one row) of the
    Shapley value among the rows of c that join it. A row that helps the model by harming its own class is
    worth little.

    - No row of the class is worth 0: a model that has not seen a class does not predict it.
    - A row whose class has no validation rows is worth exactly 0: nothing judges it.
    - `Problem.score` is left at "accuracy": the method has the score above.

    A round draws, for every class, one coalition of other rows and one order of the class: one contribution
    for each row, for n evaluations. Standard errors come from the spread over rounds, together with a prior
    that vanishes as they grow (see `_spread`); those of normalised values are those of a ratio.

    Parameters
    ----------
    normalise : bool
        Scale the values of a class so that they sum to a of the model fitted on all rows: then all values
        sum to its accuracy, and classes compare. A class that is never predicted rightly stays as it is.

    Source: Schoch, Xu and Ji (2022), "CS-Shapley: Class-wise Shapley Values for Data Valuation in
    Classification".

    Examples
    --------
    >>> from sklearn.neighbors import NearestCentroid
    >>> from assay import ClassWiseShapley, Data, Problem, Stop, value
    >>> train = Data([[0.0], [0.2], [0.9], [1.0], [1.2]], ["a", "a", "a", "b", "b"])
    >>> valid = Data([[0.1], [0.3], [0.7], [1.1]], ["a", "a", "b", "b"])
    >>> problem = Problem(train, valid, NearestCentroid())
    >>> valuation = value(problem, ClassWiseShapley(), stop=Stop(evals=500))
    >>> float(valuation.values.sum().round(9))  # the accuracy of the model fitted on all rows
    0.75
    """

    normalise: bool = True
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.REFITS

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield an estimate after every batch of rounds; the batch depends on the labels alone."""
        classes, span = _classes(problem, self.normalise), Range()
        cost = sum(len(one.rows) for one in classes)
        usual = max(2, min(MOST_ROUNDS, BATCH_EVALS // cost))
        evals, draws, batch = len(classes) * self.normalise, 0, usual
        values, stderr = np.zeros((2, problem.n))
        while True:
            width = max(span.see(one.play(batch, rng)) for one in classes)
            evals, draws = evals + batch * cost, draws + batch
            for one in classes:
                values[one.rows], stderr[one.rows] = one.estimate(width)
            room = yield Valuation(values.copy(), stderr.copy(), evals=evals, draws=draws, next_evals=cost)
            batch = usual if room is None else int(np.clip(room // cost, 1, usual))


@dataclass(frozen=True)
class ClassScore:
    """The score of one class: a exp(b), or a alone; see `ClassWiseShapley`.

    Parameters
    ----------
    label : str | int | bool | float
        The class.
    alone : bool
        Leave the other classes out: the share of all rows that are of the class and rightly predicted.

    Examples
    --------
    >>> import numpy as np
    >>> truth, answers = np.array(["a", "a", "b", "b"]), np.array(["a", "b", "b", "b"])
    >>> ClassScore("a", alone=True)(truth, answers)
    0.25
    """

    label: Any
    alone: bool = False

    def __call__(self, y_true: Labels, y_pred: Labels) -> float:
        """Score predicted labels, both (m,); in 0..e."""
        right, inside = y_true == y_pred, y_true == self.label
        share = float(np.mean(right & inside))
        return share if self.alone else share * float(np.exp(np.mean(right & ~inside)))


class _Class:
    """The rows of one class, what they were worth in the rounds so far, and how that scatters.

    Sums are kept by Welford's recurrence: of what a row added (k,), and of the total of the class, which in a
    round is the worth of all its rows.
    """

    def __init__(self, rows: Positions, n: int, game: Game, share: float | None) -> None:
        self.rows, self._game, self._share = rows, game, share
        self._others = np.delete(np.arange(n), rows)
        self._draws, self._total = 0, 0.0
        self._mean, self._spread, self._cross = np.zeros((3, len(rows)))
        self._total_spread = 0.0

    def play(self, rounds: int, rng: np.random.Generator) -> Worths:
        """Add rounds; return the worths of all that was asked for, (rounds, k)."""
        k, n = len(self.rows), len(self.rows) + len(self._others)
        orders, place = np.empty((rounds, k), np.intp), np.empty((rounds, n), np.intp)
        for order, where in zip(orders, place, strict=True):
            order[:] = rng.permutation(k)
            where[self.rows[order]] = np.arange(k)
            where[self._others] = np.where(_coins(len(self._others), rng), -1, k)
        worths = np.empty((rounds, k))
        asked = np.divmod(np.arange(worths.size), k)
        for start in range(0, worths.size, BLOCK):
            line, last = (part[start : start + BLOCK] for part in asked)
            worths.flat[start : start + BLOCK] = self._game(place[line] <= last[:, None])
        for order, line in zip(orders, worths, strict=True):
            added = np.empty(k)
            added[order] = np.diff(line, prepend=0.0)
            self._absorb(added, float(line[-1]))
        return worths

    def _absorb(self, added: Floats, total: float) -> None:
        self._draws += 1
        change, more = added - self._mean, total - self._total
        self._mean = self._mean + change / self._draws
        self._total += more / self._draws
        self._spread = self._spread + change * (added - self._mean)
        self._cross = self._cross + change * (total - self._total)
        self._total_spread += more * (total - self._total)

    def estimate(self, width: float) -> tuple[Floats, Floats]:
        """Values (k,) of the rows, and their standard errors, where worths span `width`."""
        mean, draws, spread, scale = self._mean, self._draws, self._spread, 1.0
        if self._share is not None and self._total > 0:
            # a ratio of means varies as its residuals, mean less ratio times total, do (the delta method)
            ratio, scale = mean / self._total, self._share / self._total
            spread = spread - 2 * ratio * self._cross + ratio**2 * self._total_spread
            spread = np.maximum(spread, 0)
        # knowing nothing of a row, it varies as all rows of the class and draws together do
        overall = max(float(spread.mean() / draws + mean.var()), (width / len(mean)) ** 2)
        return scale * mean, scale * np.sqrt(variance(spread, draws, overall) / draws)


def _coins(count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A coalition (count,) drawn by fair coins, and again where it is empty."""
    while not (coins := rng.random(count) < 0.5).any():
        pass
    return coins


def _classes(problem: Problem, normalise: bool) -> list[_Class]:
    """The classes that have rows to value and rows that judge, in order of their labels.

    Raises
    ------
    AssayError
        If the labels are numbers, the score or the game is another, there is no model, or nothing judges.
    """
    if problem.target_kind == "number":
        raise AssayError(
            "ClassWiseShapley values rows within classes, but the labels are numbers; use Shapley."
        )
    if problem.score != "accuracy":
        raise AssayError(
            f"ClassWiseShapley has a score of its own, by class, and Problem.score is {problem.score!r}; "
            "leave it at 'accuracy'."
        )
    if problem.game is None and problem.model is None:
        raise AssayError("ClassWiseShapley needs a model to refit; pass assay.Problem(model=an estimator).")
    assert problem.valid is not None
    labels = [label for label in np.unique(problem.train.y).tolist() if (problem.valid.y == label).any()]
    if not labels:
        raise AssayError(
            "ClassWiseShapley needs validation rows of the classes of train, and valid has none."
        )
    everyone, found = np.ones((1, problem.n), bool), []
    for label in labels:
        share = float(_judged(problem, ClassScore(label, alone=True))(everyone)[0]) if normalise else None
        rows, game = np.flatnonzero(problem.train.y == label), _judged(problem, ClassScore(label))
        found.append(_Class(rows, problem.n, game, share))
    return found


def _judged(problem: Problem, score: ClassScore) -> Game:
    """The game of refitting the model, judged by `score`.

    Raises
    ------
    AssayError
        If the game is the user's own, which cannot be judged otherwise.
    """
    if problem.game is None:
        return ModelGame(replace(problem, score=score))
    rescored = getattr(problem.game, "rescored", None)
    if rescored is None:
        raise AssayError(
            "ClassWiseShapley judges refits of a model by class, and this problem brings its own game; "
            "pass assay.Problem(train, valid, model) instead."
        )
    return rescored(score, score_key(score))
