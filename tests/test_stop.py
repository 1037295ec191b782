"""Stop: which limit ends a run, and when none may."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from truth import of_game, random_game, shapley

from assay import AssayError, Shapley, Status, Stop, Valuation, value
from assay._stop import radius


def estimate(evals=100, draws=50, stderr=0.1, status=Status.running) -> Valuation:
    """An estimate on the way."""
    return Valuation(np.zeros(2), np.array([0.0, stderr]), evals=evals, draws=draws, status=status)


@pytest.mark.parametrize(
    ("stop", "now", "last", "elapsed", "status"),
    [
        (Stop(evals=1), estimate(status=Status.exact), 0, 0, Status.exact),
        (Stop(stderr=0.1), estimate(), 50, 0, Status.converged),
        (Stop(stderr=0.09), estimate(), 50, 0, Status.running),
        (Stop(stderr=0.1), estimate(draws=29), 50, 0, Status.running),
        (Stop(stderr=0.1), Valuation(np.zeros(2), evals=9), 0, 0, Status.running),
        (Stop(evals=150), estimate(), 50, 0, Status.running),
        (Stop(evals=149), estimate(), 50, 0, Status.budget),
        (Stop(evals=150), replace(estimate(), next_evals=51), 50, 0, Status.budget),
        (Stop(evals=110), replace(estimate(), next_evals=10), 50, 0, Status.running),
        (Stop(lowest=1), estimate(stderr=1e-9), 50, 0, Status.running),  # both are worth 0
        (Stop(lowest=2), estimate(), 50, 0, Status.ranked),
        (Stop(seconds=2), estimate(), 50, 1.9, Status.running),
        (Stop(seconds=2), estimate(), 50, 2, Status.budget),
        (Stop(evals=1, seconds=1, stderr=0.1), estimate(), 0, 9, Status.converged),
    ],
)
def test_the_first_limit_that_is_met_ends_it(stop, now, last, elapsed, status):
    """The error may not end a run before 30 draws, and a batch that would exceed the budget is not begun."""
    assert stop.status(now, last_evals=last, elapsed=elapsed) is status


@pytest.mark.parametrize(
    "limits",
    [
        *(
            {},
            {"evals": 0},
            {"seconds": -1},
            {"stderr": 0.0},
            {"stderr": float("nan")},
            {"lowest": 0},
            {"lowest": 2.5},
        ),
        *({"lowest": 3, "confidence": 1.0}, {"lowest": 3, "confidence": 0}, {"confidence": 0.9}),
    ],
)
def test_a_limit_is_given_and_above_zero(limits):
    """A run without end, or without beginning, is refused."""
    with pytest.raises(AssayError, match="Stop"):
        Stop(**limits)


def test_every_status_says_what_to_do_next():
    """Each is one sentence."""
    assert all(status.value.endswith(".") for status in Status)


def test_the_lowest_rows_are_the_right_ones():
    """Of 100 runs that end by ranking, at 80% confidence, next to none names a wrong set of lowest rows."""
    right = []
    for seed in range(100):
        game = random_game(5, seed)
        truth = set(np.argsort(shapley(game.worths))[:2].tolist())
        stop = Stop(lowest=2, confidence=0.8, evals=20_000)
        found = value(of_game(game), Shapley(design="permutations"), stop=stop, seed=seed, progress=False)
        if found.status is Status.ranked:
            right.append(set(found.lowest(2).tolist()) == truth)
    assert len(right) > 50
    assert np.mean(right) > 0.95  # the bound over all rows and looks is generous


def test_ranking_ends_sooner_the_less_confidence_is_asked():
    """Less confidence, fewer evaluations; with rows that are worth the same it runs to its other limit."""
    runs = [
        value(
            of_game(random_game(5, 1)),
            Shapley(design="permutations"),
            stop=Stop(lowest=1, confidence=confidence, evals=10**6),
            progress=False,
        )
        for confidence in (0.5, 0.9, 0.999)
    ]
    assert runs[0].evals < runs[1].evals < runs[2].evals
    assert all(run.status is Status.ranked for run in runs)


@pytest.mark.parametrize("alpha", [0.2, 0.05])
def test_the_confidence_sequence_holds_at_every_look(alpha):
    """Of random walks that are looked at after every step, at most alpha ever leave the radius."""
    steps = np.random.default_rng(0).normal(size=(2000, 3000)).cumsum(axis=1)
    t = np.arange(1, 3001)
    bound = np.array([radius(int(k), alpha) for k in t]) * np.sqrt(t)
    left = (np.abs(steps) > bound).any(axis=1).mean()
    assert 0 < left <= alpha
