"""Shapley: truncation."""

from __future__ import annotations

import numpy as np
import pytest
from truth import bits_of, of_game, shapley

from assay import AssayError, Shapley, Stop, TableGame, value

SATURATED = 1 - 0.5 ** bits_of(8).sum(axis=1)  # each further row adds half of what the last one did


def test_a_tolerance_saves_evaluations_and_costs_at_most_itself():
    """Cut permutations cost fewer evaluations a draw, and move no value by more than the tolerance."""
    problem, stop = of_game(TableGame(SATURATED)), Stop(evals=4000)
    whole = value(problem, Shapley(design="permutations"), stop=stop, progress=False)
    cut = value(problem, Shapley(tolerance=0.05), stop=stop, progress=False)
    assert cut.evals / cut.draws < 0.8 * whole.evals / whole.draws
    assert (np.abs(cut.values - shapley(SATURATED)) < 0.05 + 4 * cut.stderr).all()
    assert SATURATED[-1] - SATURATED[0] - cut.values.sum() == pytest.approx(0.5**5 - 0.5**8)


def test_a_tolerance_is_not_negative():
    """A negative tolerance, or nan, is refused."""
    for tolerance in (-0.1, float("nan")):
        with pytest.raises(AssayError, match=r"Shapley\.tolerance"):
            Shapley(tolerance=tolerance)
