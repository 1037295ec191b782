"""The one abstraction to implement, a method of valuing rows, and the one loop that runs it."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from enum import Flag, auto
from typing import Any, ClassVar, Literal, Self, final

import numpy as np
from joblib import parallel_config
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from ._crossfit import advance, crossfitted, folds
from ._errors import AssayError
from ._game import CachedGame, CheckedGame, Game, Memory
from ._group_game import GroupGame
from ._keys import game_key
from ._model_game import ModelGame
from ._numbers import check_seed
from ._parallel import workers
from ._parallel_game import ParallelGame
from ._problem import Data, Problem
from ._stop import Stop
from ._types import Labels, Score
from ._valuation import Status, Valuation

DEFAULT_STOP = Stop(evals=1000)


class Needs(Flag):
    """What a method asks of a problem beyond the features of its training rows."""

    NOTHING = 0
    LABELS = auto()
    VALID = auto()  # rows that judge; cross-fitted if there are none
    GAME = auto()  # a game, or labels, rows that judge and a model to make one of
    REFITS = auto()  # labels and a model to refit, whose answers it judges its own way: no game of one's own
    GRADIENTS = auto()  # gradients, or a linear estimator or torch module to make them of
    TREES = auto()  # a model that is an ensemble of trees
    TRACE = auto()  # traces, or labels and a model whose training can be followed


class Axioms(Flag):
    """What the values of a method obey, whatever the game; `tests/laws` holds every claim."""

    NONE = 0
    EFFICIENCY = auto()  # values sum to worth(all) - worth(none), in every estimate
    SYMMETRY = auto()  # rows that add the same to every coalition are worth the same
    NULL_PLAYER = auto()  # a row that adds nothing to any coalition is worth 0
    ADDITIVITY = auto()  # the values of a sum of games are the sums of their values
    SEMIVALUE = SYMMETRY | NULL_PLAYER | ADDITIVITY


class Valuer(BaseEstimator, ABC):
    """Abstract: a subclass is one method of valuing rows; dataclass fields plus `estimates`, and final."""

    needs: ClassVar[Needs] = Needs.NOTHING
    axioms: ClassVar[Axioms] = Axioms.NONE
    multilabel: ClassVar[bool] = False  # takes several labels a row: y of shape (n, labels)

    @property
    def crossfits(self) -> bool:
        """Whether rows may judge one another where nobody else does."""
        return True

    @abstractmethod
    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield ever better valuations of `problem`; an exact method yields one, with `Status.exact`.

        A generator is sent, at each `yield`, how many evaluations `Stop` has room for (None: no matter); it
        may ask for no more, and say in `next_evals` what the next estimate would cost at least.

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
    players: Literal["rows", "groups"] = "rows",
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
        Workers that evaluate `problem.model`, as in joblib: processes that refit, or threads where nothing is
        refitted. A game of your own is asked as it is.
    progress : bool
        Show a bar on stderr, if that is a terminal.
    on_estimate : callable, optional
        Called with each estimate on the way.
    memory : Memory, optional
        Keeps the worths of coalitions, so that the same call after an interrupt carries on where it stopped.
    players : "rows" | "groups"
        Who is valued: each row, or each of `problem.train.groups` (owners, sources, annotators) with all of
        its rows; `Valuation.ids` are then the groups, sorted. For methods that ask a game.

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
    check_seed(seed)
    _check_call(stop, n_jobs, memory)
    chosen, why = resolve(problem, method, players)
    crossfit = check_needs(problem, chosen)
    ids = problem.train.ids if players == "rows" else _check_groups(problem, chosen, players, crossfit)
    name = type(chosen).__name__
    parts = folds(problem, seed) if crossfit else []

    def run(part: Problem, number: int | None) -> Iterator[Valuation]:
        ready = with_game(part, chosen, seed, n_jobs, memory)
        if players == "groups":
            ready = Problem(
                Data(np.zeros((len(ids), 1)), ids=ids), game=GroupGame(_game_of(ready), part.train.groups)
            )
        return chosen.estimates(ready, np.random.default_rng(seed if number is None else [seed, number]))

    label = f"{name}, cross-fitted in {len(parts)} folds" if crossfit else name
    start, last, room = time.perf_counter(), 0, None
    with same_bits(n_jobs), _bar(label, stop, progress) as report:
        estimates = crossfitted(problem, parts, run) if crossfit else run(problem, None)
        while True:
            try:
                now = advance(estimates, room)
            except StopIteration:
                raise RuntimeError(f"{name}.estimates ended before `stop` was reached.") from None
            elapsed = time.perf_counter() - start
            status = stop.status(now, last_evals=last, elapsed=elapsed)
            now = replace(now, ids=ids, seconds=elapsed, status=status, method=label, why=why or now.why)
            last = now.evals
            room = None if stop.evals is None else stop.evals - now.evals
            report(now)
            if on_estimate is not None:
                on_estimate(now)
            if status is not Status.running:
                return now


def _check_call(stop: Any, n_jobs: Any, memory: Any) -> None:
    if not isinstance(stop, Stop):
        raise AssayError(f"stop is {stop!r}; pass assay.Stop(evals={stop!r}), or another of its limits.")
    if n_jobs is not None and (not isinstance(n_jobs, int) or n_jobs == 0):
        raise AssayError(f"n_jobs is {n_jobs!r}; pass a number of workers, -1 for every core, or None.")
    if memory is not None and not callable(getattr(memory, "recall", None)):
        raise AssayError(f"memory is {memory!r}; pass an open store: assay.store.open(path).")


def check_needs(problem: Problem, method: Valuer) -> bool:
    """Whether `method` has to be cross-fitted on `problem`.

    Raises
    ------
    AssayError
        Naming the method, everything it needs that the problem lacks, and the fix.
    """
    needs, p = method.needs, problem
    if Needs.REFITS in needs and p.game is not None:
        raise AssayError(
            f"{type(method).__name__} judges refits of a model its own way, and this problem brings a game; "
            "pass assay.Problem(train, valid, model) instead."
        )
    if p.train.y is not None and p.train.y.ndim > 1 and needs and not method.multilabel:
        raise AssayError(
            f"{type(method).__name__} takes one label a row, and Data.y has shape {p.train.y.shape}; value "
            "one column at a time, or choose a method of the k-nearest-neighbour family."
        )
    refits = Needs.REFITS in needs or (Needs.GAME in needs and p.game is None)
    if refits and p.model is not None and not callable(getattr(p.model, "fit", None)):
        raise AssayError(
            f"{type(method).__name__} refits its model, and {type(p.model).__name__} has no fit; pass an "
            "estimator that wraps it, or take a method that does not refit, such as Influence or BoostIn."
        )
    judged = Needs.VALID in needs or refits
    fixes = []
    if p.train.y is None and (Needs.LABELS in needs or judged):
        fixes.append(("labels of the training rows", "train=assay.Data(X, y)"))
    if judged and p.valid is not None and p.valid.y is None:
        fixes.append(("labels of the validation rows", "valid=assay.Data(X_valid, y_valid)"))
    if refits and p.model is None:
        fixes.append(("a model to refit (or a game)", "model=an estimator"))
    if Needs.GRADIENTS in needs and p.model is None and p.gradients is None:
        fixes.append(("a model with gradients", "model=a linear estimator or torch module"))
    if Needs.TREES in needs and p.model is None:
        fixes.append(("an ensemble of trees", "model=a gradient boosting estimator"))
    if Needs.TRACE in needs and not p.traces and p.model is None:
        fixes.append(("a trace of a training run (or a model to follow)", "trace=a Trace"))
    if fixes:
        lacks, passed = (", ".join(words) for words in zip(*fixes, strict=True))
        raise AssayError(f"{type(method).__name__} needs {lacks}; pass assay.Problem({passed}).")
    if judged and p.valid is None and not method.crossfits:
        raise AssayError(
            f"{type(method).__name__}, as set, needs rows that judge and are not valued themselves; pass "
            "assay.Problem(valid=assay.Data(X_valid, y_valid))."
        )
    return judged and p.valid is None


def resolve(problem: Problem, method: Valuer | str, players: str = "rows") -> tuple[Valuer, str]:
    """The method itself, and why it was chosen where it was chosen automatically."""
    if isinstance(method, Valuer):
        return method, ""
    from .methods import by_name, choose

    if method == "auto" and players == "groups":
        return by_name("Shapley"), "Shapley: groups are few, and its values share the whole out among them."
    if isinstance(method, str):
        return choose(problem) if method == "auto" else (by_name(method), "")
    raise AssayError(f"The method is {method!r}; pass a method such as assay.KNNShapley(), or its name.")


def _check_groups(problem: Problem, method: Valuer, players: str, crossfit: bool) -> Labels:
    """The names of the groups, sorted as `GroupGame` sorts them."""
    name = type(method).__name__
    if players != "groups":
        raise AssayError(f"players is {players!r}; choose 'rows' or 'groups'.")
    if problem.train.groups is None:
        raise AssayError("players='groups' needs groups; pass assay.Data(X, y, groups=owner_of_each_row).")
    if method.needs is not Needs.GAME:
        raise AssayError(f"players='groups' needs a method that asks a game, such as 'Shapley', not {name}.")
    if crossfit:
        raise AssayError("players='groups' needs rows that judge; pass Problem(valid=assay.Data(X, y)).")
    names = np.unique(problem.train.groups)
    return names if names.dtype.kind in "iuU" else names.astype(str)


def _game_of(problem: Problem) -> Game:
    assert problem.game is not None
    return problem.game


def with_game(
    problem: Problem, method: Valuer, seed: int, n_jobs: int | None, memory: Memory | None
) -> Problem:
    """`problem` with the game that `method` asks: refits of its model, in parallel and remembered."""
    if not method.needs & (Needs.GAME | Needs.REFITS) or problem.game is not None:
        if Needs.GAME in method.needs and memory is not None:
            game_key(problem)  # refuses: only its owner can name such a game
        return problem if problem.game is None else replace(problem, game=CheckedGame(problem.game))
    game: Game = ModelGame(problem, seed)
    jobs = workers(n_jobs)
    if jobs > 1:
        game = ParallelGame(game, n_jobs)
    if memory is not None:
        game = CachedGame(game, memory, game_key(problem, seed), block=4 * jobs if jobs > 1 else 1)
    return replace(problem, game=game)


@contextmanager
def same_bits(n_jobs: int | None) -> Iterator[None]:
    """One BLAS thread, here as in every worker: their number must not decide the last bits of a sum."""
    jobs = nullcontext() if n_jobs is None else parallel_config(n_jobs=n_jobs)
    with threadpool_limits(limits=1), jobs:
        yield


@contextmanager
def _bar(label: str, stop: Stop, shown: bool) -> Iterator[Callable[[Valuation], None]]:
    """A progress bar of evaluations, or of shares of the work, on stderr; none where nobody watches."""
    if not shown or not sys.stderr.isatty():
        yield lambda now: None
        return
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn

    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=stop.evals)

        def report(now: Valuation) -> None:
            share = now.share
            total, done = (stop.evals, now.evals) if share is None else (1.0, share)
            bar.update(task, total=total, completed=done)

        yield report
