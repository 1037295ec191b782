"""The gate's verdicts on arms whose losses are made up, and the intervals they rest on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from assay.repair.arms import BOTH, DROP, NOTHING, RANDOM, REPAIR, Arm
from assay.repair.gain import paired_gain
from assay.repair.gate import decide, error_of_query
from assay.repair.workbench import Outcome

N = 400


def _arms(**gains):
    """Arms whose losses lie `gain` below those of doing nothing, on average, with little noise."""
    rng = np.random.default_rng(0)
    base = rng.exponential(0.5, N)
    noise = {name: rng.normal(0, 0.05, N) for name in sorted({*gains})}
    names = {"drop": DROP, "repair": REPAIR, "both": BOTH, "random": RANDOM}
    losses = {NOTHING: base} | {
        names[k]: base - gain + noise[k] - noise[k].mean() for k, gain in gains.items()
    }
    return {name: Arm(name, 10, Outcome(loss, np.zeros((N, 2)), 0.0)) for name, loss in losses.items()}


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ({"drop": 0.0, "repair": 0.0, "both": 0.0}, NOTHING),
        ({"drop": -0.1, "repair": -0.1, "both": -0.2}, NOTHING),
        ({"drop": 0.02, "repair": 0.1, "both": 0.1}, REPAIR),
        ({"drop": 0.1, "repair": 0.02, "both": 0.02}, DROP),
        ({"drop": 0.1, "repair": -0.1, "both": -0.1}, DROP),
        ({"drop": 0.05, "repair": 0.05, "both": 0.05}, REPAIR),
        ({"drop": 0.02, "repair": 0.05, "both": 0.2}, BOTH),
        ({"drop": 0.0, "repair": 0.0, "both": 0.2}, BOTH),
    ],
)
def test_verdict(gains, verdict):
    """Only a measurable gain is carried out; a draw between repair and drop keeps the rows."""
    assert decide(_arms(random=0.0, **gains), error=0.05).arm == verdict


def test_a_stricter_question_refuses_what_a_looser_one_accepts():
    """The error rate matters: a gain at the edge passes the first question and not the sixth."""
    rng = np.random.default_rng(1)
    base = rng.exponential(0.5, N)
    noise = rng.normal(0, 0.1, N)
    edge = base - (noise - noise.mean()) - 2.8 * noise.std() / np.sqrt(N)
    arms = {n: Arm(n, 5, Outcome(base, np.zeros((N, 2)), 0.0)) for n in (NOTHING, DROP, BOTH)}
    arms[REPAIR] = Arm(REPAIR, 5, Outcome(edge, np.zeros((N, 2)), 0.0))
    assert decide(arms, error=error_of_query(0)).arm == REPAIR
    assert decide(arms, error=error_of_query(5)).arm == NOTHING


def test_errors_of_all_questions_stay_within_one():
    """However often the gate is asked, the one-sided errors add up to at most 5%."""
    assert sum(error_of_query(k) / 2 for k in range(60)) <= 0.05


def test_useless_batches_seldom_pass():
    """Of 2,000 batches whose arms change nothing on average, at most 2.5% (and some luck) are acted on."""
    rng = np.random.default_rng(2)
    acted = 0
    for _ in range(2000):
        base = rng.exponential(0.5, 100)
        losses = {name: base + rng.normal(0, 0.2, 100) for name in (DROP, REPAIR, BOTH)} | {NOTHING: base}
        arms = {name: Arm(name, 5, Outcome(loss, np.zeros((100, 2)), 0.0)) for name, loss in losses.items()}
        acted += decide(arms, error=0.05).arm != NOTHING
    assert acted <= stats.binom.ppf(0.999, 2000, 0.025)


def test_rows_of_one_group_count_as_one():
    """With 40 groups of 10 rows that move together, 95% intervals cover the truth in 90% to 99%."""
    rng = np.random.default_rng(4)
    groups, covered = np.repeat(np.arange(40), 10), 0
    for _ in range(400):
        difference = np.repeat(rng.normal(0, 1, 40), 10) + rng.normal(0, 0.3, 400)
        gain = paired_gain(difference, np.zeros(400), groups=groups)
        covered += gain.low <= 0 <= gain.high
    assert 0.9 <= covered / 400 <= 0.99


def test_groups_of_one_row_are_no_groups():
    """Where every row is a group of its own the interval is the plain one."""
    rng = np.random.default_rng(5)
    before, after = rng.random(50), rng.random(50)
    plain, grouped = paired_gain(before, after), paired_gain(before, after, groups=rng.permutation(50))
    assert (grouped.low, grouped.high) == pytest.approx((plain.low, plain.high))


def test_interval_is_student_s():
    """The paired interval is that of SciPy's paired t-test."""
    rng = np.random.default_rng(3)
    before, after = rng.random(50), rng.random(50)
    truth = stats.ttest_rel(before, after).confidence_interval(0.95)
    gain = paired_gain(before, after)
    assert (gain.low, gain.high) == pytest.approx((truth.low, truth.high))


def test_one_row_proves_nothing():
    """From a single row the interval is infinite."""
    gain = paired_gain(np.array([1.0]), np.array([0.0]))
    assert (gain.gain, gain.low, gain.high) == (1.0, -np.inf, np.inf)
