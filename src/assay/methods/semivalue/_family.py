"""Semivalue: a method given by its weights; how coalitions are sampled is chosen apart from it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ..._errors import AssayError
from ..._game import Game, incremental
from ..._problem import Problem
from ..._types import Floats
from ..._valuation import Valuation
from ..._valuer import Axioms, Needs, Valuer
from ._coalitions import by_coins, by_owen, coin_law, owen_law
from ._exact import by_enumeration
from ._orders import by_orders
from ._stratified import by_strata
from ._weights import inflation

Run = Callable[..., Generator[Valuation, int | None, None]]

DESIGNS: dict[str, Run] = {
    "exact": by_enumeration,
    "permutations": by_orders,
    "antithetic": partial(by_orders, antithetic=True),
    "stratified": by_strata,
    "owen": by_owen,
    "coins": by_coins,
}
MOST_INFLATION = 100.0  # a design that needs this many times the evaluations is the wrong one
FEW_ROWS = 16  # so few that sampling without replacement soon knows every coalition
MOST_STRATA = 2000  # rows: `stratified` keeps every coalition it asked for


class Semivalue(Valuer):
    """Abstract: a subclass says its weights; the designs of sampling are shared by all."""

    needs: ClassVar[Needs] = Needs.GAME
    axioms: ClassVar[Axioms] = Axioms.SEMIVALUE
    design: str

    @abstractmethod
    def log_mass(self, n: int) -> Floats:
        """Log mass (n,): the log probability that a row joins a coalition of s = 0 .. n - 1 others."""


def check_design(method: Semivalue) -> None:
    """Raise `AssayError` if there is no such design."""
    if method.design != "auto" and method.design not in DESIGNS:
        raise AssayError(
            f"{type(method).__name__}.design is {method.design!r}; choose 'auto', "
            f"{', '.join(map(repr, DESIGNS))}."
        )


def sample(
    methods: Sequence[Semivalue], design: str, problem: Problem, rng: np.random.Generator, **settings: Any
) -> Iterator[Valuation]:
    """Yield the first method's estimate after every batch of evaluations that inform all of `methods`.

    `settings` are those of the design.

    Raises
    ------
    AssayError
        If the design hardly ever reads what a method weighs.
    """
    game = problem.game
    assert game is not None
    masses = [method.log_mass(game.n) for method in methods]
    for method, mass in zip(methods, masses, strict=True):
        check_pair(type(method).__name__, design, mass, settings.get("p", 0.5))
    return DESIGNS[design](game, masses, rng, **settings)


def best_design(game: Game) -> str:
    """The design that "auto" stands for: the least error for the price of this game's evaluations."""
    if game.n <= FEW_ROWS:
        return "stratified"
    if incremental(game):
        return "antithetic"
    return "stratified" if game.n <= MOST_STRATA else "permutations"


def check_pair(name: str, design: str, log_mass: Floats, p: float = 0.5) -> None:
    """Raise `AssayError` if `design` would need over 100 times the evaluations of the best one."""
    n = len(log_mass)
    if design in ("permutations", "antithetic"):
        _refuse(name, design, n, float(n * np.exp(2 * log_mass).sum()))
    elif design in ("coins", "owen"):
        check_law(name, design, log_mass, coin_law(n, p) if design == "coins" else owen_law(n))


def check_law(name: str, design: str, log_mass: Floats, log_law: Floats) -> None:
    """The same for a design that asks for coalitions of each size by `log_law` (n + 1,)."""
    _refuse(name, design, len(log_mass), inflation(log_mass, log_law))


def _refuse(name: str, design: str, n: int, factor: float) -> None:
    if factor > MOST_INFLATION:
        stratified = design == "stratified"  # for other semivalues, then
        fix = "name this method too when you evaluate" if stratified else "pass design='stratified'"
        raise AssayError(
            f"{name} cannot be read from design={design!r}: with {n} rows it would need {factor:.1e} times "
            f"the evaluations of the best design; {fix}."
        )
