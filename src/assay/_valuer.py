"""The one abstraction to implement, a method of valuing rows, and the one loop that runs it."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from enum import Flag, auto
from typing import Any, ClassVar, Self, final

import numpy as np
from joblib import parallel_config
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from ._crossfit import crossfitted, folds
from ._errors import AssayError
from ._game import CachedGame, Game, Memory, ParallelGame
from ._keys import game_key
from ._model_game import ModelGame
from ._parallel import workers
from ._problem import Data, Problem
from ._stop import Stop
from ._types import Score
from ._valuation import Status, Valuation

DEFAULT_STOP = Stop(evals=1000)


class Needs(Flag):
    """What a method asks of a problem beyond the features of its training rows."""

    NOTHING = 0
    LABELS = auto()
    VALID = auto()  # rows that judge; cross-fitted if there are none
    GAME = auto()  # a game, or labels, rows that judge and a model to make one of


class Valuer(BaseEstimator, ABC):
    """Abstract: a subclass is one method of valuing rows; dataclass fields plus `estimates`, and final."""

    needs: ClassVar[Needs] = Needs.NOTHING

    @abstractmethod
    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield ever better valuations of `problem`; an exact method yields one, with `Status.exact`.

        Pure: reads `problem` and the method's own fields, draws only from `rng`. What the method `needs` is
        there: `problem.valid` and `problem.game` are filled in where they are asked for.
        """

    @final
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        X_valid: Any = None,
        y_valid: Any = None,
        model: Any = None,
        score: Score | str = "accuracy",
        stop: Stop = DEFAULT_STOP,
        seed: int = 0,
    ) -> Self:
        """Value the rows of `X`; the answer is in `valuation_`, its numbers in `values_`.

        Parameters
        ----------
        X, y : array-like of shape (n, d), (n,)
            The rows to value.
        X_valid, y_valid : array-like of shape (m, d), (m,), optional
            The rows that judge.
        model, score : see `Problem`
        stop, seed : see `value`
        """
        valid = None if X_valid is None else Data(X_valid, y_valid)
        problem = Problem(Data(X, y), valid, model, score)
        self.valuation_ = value(problem, self, stop=stop, seed=seed, progress=False)
        self.values_ = self.valuation_.values
        return self


def value(
    problem: Problem,
    method: Valuer | str = "auto",
    *,
    stop: Stop = DEFAULT_STOP,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: bool = True,
    on_estimate: Callable[[Valuation], None] | None = None,
    memory: Memory | None = None,
) -> Valuation:
    """What each training row of `problem` is worth.

    Without validation rows, a method that needs them is cross-fitted: the rows are parted in 5 folds (by
    class and group), and each row is valued by the folds that it is not in; `Valuation.method` says so.

    Parameters
    ----------
    problem : Problem
        What to value.
    method : Valuer | str
        A method, its name in `assay.REGISTRY`, or "auto": `Valuation.why` says what was picked and why.
    stop : Stop
        When to stop a method that samples; the first 1000 evaluations if not given.
    seed : int
        The same seed gives the same bits, whatever `n_jobs` is and however often a run was interrupted.
    n_jobs : int | None
        Processes that refit `problem.model`, as in joblib. A game of your own is asked as it is.
    progress : bool
        Show a bar on stderr, if that is a terminal.
    on_estimate : callable, optional
        Called with each estimate on the way.
    memory : Memory, optional
        Keeps the worths of coalitions, so that the same call after an interrupt carries on where it stopped.

    Returns
    -------
    Valuation
        In row order; higher is better; in units of the score.

    Raises
    ------
    AssayError
        If the method is unknown, or the problem lacks what it needs: nothing was computed then.

    Examples
    --------
    >>> train = Data([[0.0], [0.1], [1.0], [1.1]], ["a", "b", "b", "b"])
    >>> valid = Data([[0.02], [0.9]], ["a", "b"])
    >>> valuation = value(Problem(train, valid), "KNNShapley", seed=0)
    >>> valuation.status.name
    'exact'
    """
    chosen, why = _resolve(problem, method)
    crossfit = check_needs(problem, chosen)
    name = type(chosen).__name__
    parts = folds(problem, seed) if crossfit else []

    def run(part: Problem, number: int | None) -> Iterator[Valuation]:
        ready = _with_game(part, chosen, seed, n_jobs, memory)
        return chosen.estimates(ready, np.random.default_rng(seed if number is None else [seed, number]))

    estimates = crossfitted(problem, parts, run) if crossfit else run(problem, None)
    label = f"{name}, cross-fitted in {len(parts)} folds" if crossfit else name
    start, last = time.perf_counter(), 0
    with _same_bits(n_jobs), _bar(label, stop, progress) as report:
        for now in estimates:
            elapsed = time.perf_counter() - start
            status = stop.status(now, last_evals=last, elapsed=elapsed)
            now = replace(now, ids=problem.train.ids, seconds=elapsed, status=status, method=label, why=why)
            last = now.evals
            report(now.evals)
            if on_estimate is not None:
                on_estimate(now)
            if status is not Status.running:
                return now
    raise RuntimeError(f"{name}.estimates ended before `stop` was reached.")


def check_needs(problem: Problem, method: Valuer) -> bool:
    """Whether `method` has to be cross-fitted on `problem`.

    Raises
    ------
    AssayError
        Naming the method, everything it needs that the problem lacks, and the fix.
    """
    needs, p = method.needs, problem
    refits = Needs.GAME in needs and p.game is None
    judged = Needs.VALID in needs or refits
    fixes = []
    if p.train.y is None and (Needs.LABELS in needs or judged):
        fixes.append(("labels of the training rows", "train=assay.Data(X, y)"))
    if judged and p.valid is not None and p.valid.y is None:
        fixes.append(("labels of the validation rows", "valid=assay.Data(X_valid, y_valid)"))
    if refits and p.model is None:
        fixes.append(("a model to refit (or a game)", "model=an estimator"))
    if fixes:
        lacks, passed = (", ".join(words) for words in zip(*fixes, strict=True))
        raise AssayError(f"{type(method).__name__} needs {lacks}; pass assay.Problem({passed}).")
    return judged and p.valid is None


def _resolve(problem: Problem, method: Valuer | str) -> tuple[Valuer, str]:
    if isinstance(method, Valuer):
        return method, ""
    from .methods import by_name, choose

    if isinstance(method, str):
        return choose(problem) if method == "auto" else (by_name(method), "")
    raise AssayError(f"The method is {method!r}; pass a method such as assay.KNNShapley(), or its name.")


def _with_game(
    problem: Problem, method: Valuer, seed: int, n_jobs: int | None, memory: Memory | None
) -> Problem:
    if Needs.GAME not in method.needs or problem.game is not None:
        if Needs.GAME in method.needs and memory is not None:
            game_key(problem)  # refuses: only its owner can name such a game
        return problem
    game: Game = ModelGame(problem, seed)
    jobs = workers(n_jobs)
    if jobs > 1:
        game = ParallelGame(game, n_jobs)
    if memory is not None:
        game = CachedGame(game, memory, game_key(problem, seed), block=4 * jobs if jobs > 1 else 1)
    return replace(problem, game=game)


@contextmanager
def _same_bits(n_jobs: int | None) -> Iterator[None]:
    """One BLAS thread, here as in every worker: their number must not decide the last bits of a sum."""
    jobs = nullcontext() if n_jobs is None else parallel_config(n_jobs=n_jobs)
    with threadpool_limits(limits=1), jobs:
        yield


@contextmanager
def _bar(label: str, stop: Stop, shown: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar of evaluations on stderr, or none where nobody watches."""
    if not shown or not sys.stderr.isatty():
        yield lambda evals: None
        return
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn

    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=stop.evals)
        yield lambda evals: bar.update(task, completed=evals)
