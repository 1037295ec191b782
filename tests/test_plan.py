"""plan: its forecast comes true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier
from truth import of_game, random_game, two_clouds

from assay import AssayError, Banzhaf, Shapley, Stop, plan, value


@pytest.mark.parametrize("method", [Shapley(design="permutations"), Banzhaf(design="coins")])
def test_the_evaluations_it_foresees_give_the_error_asked_for(method):
    """A run of as many evaluations as foreseen ends with about the standard error that was asked for."""
    problem = of_game(random_game(8, 1))
    forecast = plan(problem, method, stop=Stop(stderr=0.01), seconds=0.05)
    found = value(problem, method, stop=Stop(evals=forecast.evals), progress=False)
    assert found.stderr.max() == pytest.approx(0.01, rel=0.15)


def test_a_budget_is_foreseen_as_it_is():
    """With a limit on evaluations the forecast is that many, and its error that of the run."""
    problem = of_game(random_game(8, 1))
    forecast = plan(problem, Shapley(design="permutations"), stop=Stop(evals=90_000), seconds=0.05)
    found = value(problem, Shapley(design="permutations"), stop=Stop(evals=90_000), progress=False)
    assert forecast.evals == pytest.approx(found.evals, rel=0.001)
    assert forecast.stderr == pytest.approx(found.stderr.max(), rel=0.15)


def test_exact_methods_are_foreseen_as_exact():
    """No standard error; leave-one-out costs an evaluation a row and one more."""
    problem = replace(two_clouds(n=60), model=DecisionTreeClassifier(max_depth=2, random_state=0))
    forecast = plan(problem, "LeaveOneOut")
    assert forecast.stderr == 0
    assert forecast.evals == 61
    assert "exact values" in str(forecast)


def test_memory_is_of_the_right_size():
    """Values to each validation row take 8 n m bytes, and a few times as much at the peak."""
    from assay import KNNShapley

    problem = two_clouds(n=400, m=500)
    forecast = plan(problem, KNNShapley(per_valid=True))
    assert 8 * 400 * 500 <= forecast.bytes <= 10 * 8 * 400 * 500


def test_a_pilot_takes_some_time():
    """No time is refused."""
    with pytest.raises(AssayError, match=r"plan\.seconds"):
        plan(of_game(random_game(3, 0)), Shapley(), seconds=0)


def test_what_is_missing_is_named_before_anything_runs():
    """As by `value`."""
    with pytest.raises(AssayError, match="Shapley needs"):
        plan(replace(two_clouds(), model=None), Shapley())


def test_it_prints_as_a_sentence():
    """Evaluations, time, memory and error."""
    text = str(
        plan(of_game(random_game(6, 1)), Shapley(design="permutations"), stop=Stop(evals=500), seconds=0.1)
    )
    assert text.startswith("Shapley: about ")
    for word in ("evaluations", " s", "MiB", "standard errors up to"):
        assert word in text
    assert not np.isnan(float(text.split("up to ")[1].split()[0]))
