"""Evaluations: coalitions and what they are worth, asked for once and read as every semivalue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ._errors import AssayError
from ._game import Game, Memory, incremental, ordered
from ._problem import Problem
from ._stop import Stop
from ._types import Coalitions, Floats, Labels, Orders, Worths
from ._valuation import Status, Valuation
from ._valuer import DEFAULT_STOP, Needs, Valuer, check_needs, same_bits, value, with_game
from .methods.semivalue._family import DESIGNS, Semivalue, best_design, sample
from .methods.semivalue._reading import Asked
from .methods.semivalue._strata import Strata
from .methods.semivalue._stratified import strata_of

UNREADABLE = OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, BadZipFile


@dataclass(frozen=True, eq=False)
class Evaluations:
    """What was asked of a game, and what it answered; see `evaluate`.

    Parameters
    ----------
    rows : array of shape (m, n)
        Coalitions (bool), or orders (whole numbers): each line a permutation of the rows.
    worths : array of shape (m,), or (m, n + 1)
        Of the coalitions, or of the prefixes of the orders.
    design : str
        How they were drawn; see `Shapley`.
    ids : array of shape (n,)
        The keys of the rows.
    sizes : array of shape (n + 1,)
        Of "stratified": how many coalitions of each size were due.
    paired : bool
        Of "stratified": whether each coalition is followed by its complement.
    """

    rows: Coalitions | Orders
    worths: Worths
    design: str
    ids: Labels
    sizes: Floats
    paired: bool

    def __post_init__(self) -> None:
        rows, worths = self.rows, self.worths
        if np.ndim(rows) != 2 or rows.dtype.kind not in "bi" or self.design not in DESIGNS:
            raise AssayError(
                f"Evaluations.rows has shape {np.shape(rows)} and type {rows.dtype}, and design is "
                f"{self.design!r}; they need (m, n), coalitions or orders, and one of {', '.join(DESIGNS)}."
            )
        m, n = rows.shape
        expected = (m,) if rows.dtype == bool else (m, n + 1)
        if worths.shape != expected or len(self.ids) != n or np.shape(self.sizes) != (n + 1,):
            raise AssayError(
                f"Evaluations.rows has shape {(m, n)}, so worths needs {expected}, ids ({n},) and sizes "
                f"({n + 1},); they have {worths.shape}, {np.shape(self.ids)} and {np.shape(self.sizes)}."
            )
        pairs = self.design in ("antithetic", "owen") or (self.design == "stratified" and self.paired)
        if m == 0 or (pairs and m % 2):
            raise AssayError(f"Evaluations.rows has {m} lines; design={self.design!r} asks in pairs.")

    def __repr__(self) -> str:
        what = "coalitions" if self.rows.dtype == bool else "orders"
        return f"Evaluations({len(self.rows)} {what} of {len(self.ids)} rows, by design={self.design!r})"

    @property
    def evals(self) -> int:
        """Evaluations that were paid for."""
        return self.worths.size

    def save(self, path: str | Path) -> None:
        """Write a NumPy file (.npz); coalitions take a bit a row."""
        packed = np.packbits(self.rows, axis=1) if self.rows.dtype == bool else self.rows
        facts = {"design": self.design, "ids": self.ids, "sizes": self.sizes, "paired": self.paired}
        with Path(path).open("wb") as file:
            np.savez(file, rows=packed, worths=self.worths, **facts)

    @classmethod
    def load(cls, path: str | Path) -> Evaluations:
        """Read what `save` wrote, to the same bits.

        Raises
        ------
        AssayError
            If there is no such file, or it holds no evaluations.
        """
        try:
            with np.load(path, allow_pickle=False) as kept:
                ids, rows = kept["ids"], kept["rows"]
                if kept["worths"].ndim == 1:
                    rows = np.unpackbits(rows, axis=1, count=len(ids)).astype(bool)
                facts = ids, kept["sizes"], bool(kept["paired"])
                return cls(rows, kept["worths"], str(kept["design"]), *facts)
        except UNREADABLE as error:
            raise AssayError(f"{str(path)!r} holds no evaluations that can be read: {error}.") from error


def evaluate(
    problem: Problem,
    methods: Sequence[Semivalue],
    *,
    design: str = "auto",
    stop: Stop = DEFAULT_STOP,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: bool = True,
    memory: Memory | None = None,
) -> Evaluations:
    """Ask a game for coalitions that inform all of `methods` at once; `values_of` reads them.

    Parameters
    ----------
    problem : Problem
        With a game, or rows that judge and a model: evaluations are not cross-fitted.
    methods : sequence of semivalues
        What will be read; "stratified" then asks for sizes in the proportion that serves all of them.
    design : str
        See `Shapley`; "auto" as there.
    stop, seed, n_jobs, progress, memory : see `value`
        `Stop.stderr` and `Stop.lowest` look at the first method. With a store as `memory` the worths are kept
        there: the same call again asks for nothing.

    Returns
    -------
    Evaluations
        m n bits, or 8 m n bytes of orders.

    Raises
    ------
    AssayError
        If no method is given, one of them is not a semivalue, or a design hardly ever reads one.

    Examples
    --------
    >>> import numpy as np
    >>> from assay import Banzhaf, Data, Problem, Shapley, TableGame
    >>> problem = Problem(Data([[0.0], [1.0]]), game=TableGame(np.array([0.0, 1.0, 2.0, 5.0])))
    >>> evaluations = evaluate(problem, [Shapley(), Banzhaf()], design="stratified")
    >>> [valuation.values.tolist() for valuation in values_of(evaluations, [Shapley(), Banzhaf()])]
    [[2.0, 3.0], [2.0, 3.0]]
    """
    _check_methods(methods)
    design = _design(methods, design) or "auto"
    if design not in ("auto", *DESIGNS) or design == "exact":
        choices = ", ".join(repr(name) for name in ("auto", *DESIGNS) if name != "exact")
        raise AssayError(f"evaluate.design is {design!r}; choose {choices}.")
    if check_needs(problem, methods[0]):
        raise AssayError("evaluate needs rows that judge; pass Problem(valid=assay.Data(X, y)).")
    with same_bits(n_jobs):
        game = with_game(problem, methods[0], seed, n_jobs, memory).game
    assert game is not None
    together = Sampling(
        methods=tuple(methods),
        design=best_design(game) if design == "auto" else design,
        strata=strata_of([method.log_mass(game.n) for method in methods]),
    )
    recorder = _Recorder(game)
    how = {"stop": stop, "seed": seed, "n_jobs": n_jobs, "progress": progress}
    value(replace(problem, game=recorder), together, **how)
    rows, worths = (np.concatenate(parts) for parts in zip(*recorder.asked, strict=True))
    facts = problem.train.ids, together.strata.expected, together.strata.paired
    return Evaluations(rows, worths, together.design, *facts)


def values_of(evaluations: Evaluations, methods: Sequence[Semivalue]) -> list[Valuation]:
    """Read the same evaluations as each of `methods`; nothing is asked for.

    Raises
    ------
    AssayError
        If a method weighs sizes of coalitions that were hardly ever asked for; it names a better design.
    """
    _check_methods(methods)
    e = evaluations
    masses = [method.log_mass(e.rows.shape[1]) for method in methods]
    names = [type(method).__name__ for method in methods]
    with same_bits(None):
        found = Asked(e.design, e.rows, e.worths, e.sizes, e.paired).read(names, masses)
    ended = {Status.running: Status.budget}
    return [
        replace(now, ids=e.ids, evals=e.evals, method=name, status=ended.get(now.status, now.status))
        for name, now in zip(names, found, strict=True)
    ]


def _design(methods: Sequence[Semivalue], design: str) -> str | None:
    """The design asked for, by the call or by the methods; None where none is."""
    asked = {method.design for method in methods if method.design != "auto"} | {design} - {"auto"}
    cut = [type(method).__name__ for method in methods if getattr(method, "tolerance", 0)]
    if len(asked) > 1 or cut:
        wrong = f"tolerance of {cut[0]}" if cut else f"designs {', '.join(sorted(asked))}"
        raise AssayError(
            f"evaluate asks once for all methods, whole, but there are the {wrong}; leave them out."
        )
    return next(iter(asked), None)


def _check_methods(methods: Sequence[Any]) -> None:
    if isinstance(methods, Semivalue):
        raise AssayError(f"methods is one method; pass a list: [assay.{type(methods).__name__}()].")
    wrong = [type(method).__name__ for method in methods if not isinstance(method, Semivalue)]
    if wrong or not len(methods):
        raise AssayError(
            f"methods holds {', '.join(wrong) or 'nothing'}; pass a list of semivalues, such as "
            "[assay.Shapley(), assay.Banzhaf()]."
        )


class _Recorder:
    """A game that writes down what it is asked."""

    def __init__(self, game: Game) -> None:
        self._game = ordered(game)
        self.asked: list[tuple[Any, Worths]] = []

    @property
    def n(self) -> int:
        return self._game.n

    @property
    def incremental(self) -> bool:
        return incremental(self._game)

    def __call__(self, coalitions: Coalitions, /) -> Worths:
        coalitions = np.asarray(coalitions)
        self.asked.append((coalitions, self._game(coalitions)))
        return self.asked[-1][1]

    def grow(self, orders: Orders, /, *, tolerance: float = 0.0) -> Worths:
        orders = np.asarray(orders)
        self.asked.append((orders, self._game.grow(orders, tolerance=tolerance)))
        return self.asked[-1][1]


@dataclass(eq=False, kw_only=True)
class Sampling(Valuer):
    """Asks for coalitions that serve all of `methods`, and values by the first."""

    methods: tuple[Semivalue, ...]
    design: str
    strata: Strata
    needs = Needs.GAME

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the estimates of the first method."""
        settings = {"strata": self.strata} if self.design == "stratified" else {}
        return sample(self.methods, self.design, problem, rng, **settings)
