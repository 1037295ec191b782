"""Stop: which limit ends a run, and when none may."""

from __future__ import annotations

import numpy as np
import pytest

from assay import AssayError, Status, Stop, Valuation


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
        (Stop(seconds=2), estimate(), 50, 1.9, Status.running),
        (Stop(seconds=2), estimate(), 50, 2, Status.budget),
        (Stop(evals=1, seconds=1, stderr=0.1), estimate(), 0, 9, Status.converged),
    ],
)
def test_the_first_limit_that_is_met_ends_it(stop, now, last, elapsed, status):
    """The error may not end a run before 30 draws, and a batch that would exceed the budget is not begun."""
    assert stop.status(now, last_evals=last, elapsed=elapsed) is status


@pytest.mark.parametrize(
    "limits", [{}, {"evals": 0}, {"seconds": -1}, {"stderr": 0.0}, {"stderr": float("nan")}]
)
def test_a_limit_is_given_and_above_zero(limits):
    """A run without end, or without beginning, is refused."""
    with pytest.raises(AssayError, match="Stop"):
        Stop(**limits)


def test_every_status_says_what_to_do_next():
    """Each is one sentence."""
    assert all(status.value.endswith(".") for status in Status)
