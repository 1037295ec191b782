"""Look: ask the very game that `value` makes of a problem, twin or refits, and keep the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from assay import Game, Needs, Problem, Valuation, Valuer, value
from assay._valuation import Status


@final
@dataclass(eq=False, kw_only=True)
class Look(Valuer):
    """Not a method: hands the game of a run to `question`, whose answer is in `answer_`."""

    question: Callable[[Game], Any]
    needs: ClassVar[Needs] = Needs.GAME

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Ask, and end."""
        assert problem.game is not None
        self.answer_ = self.question(problem.game)
        yield Valuation(np.zeros(problem.n), status=Status.exact)


def look(problem: Problem, question: Callable[[Game], Any]) -> Any:
    """What `question` answers of the game that `value` would ask."""
    asked = Look(question=question)
    value(problem, asked, progress=False)
    return asked.answer_
