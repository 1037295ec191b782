"""Accept models against mixtures whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.repair.accept import Recovered, Unmixed


def _scores(n, rng, *, wrong):
    """Scores in 0..1 with the densities 2s (wrong) and 2(1 - s) (right), which vanish at one end each."""
    return np.sqrt(rng.random(n)) if wrong else 1 - np.sqrt(rng.random(n))


def _sample(n, share, rng):
    wrong = rng.random(n) < share
    return np.where(wrong, _scores(n, rng, wrong=True), _scores(n, rng, wrong=False)), wrong


@pytest.mark.parametrize(("share", "stray"), [(0.2, 0.2), (0.1, 0.05), (0.3, 0.1), (0.05, 0.0)])
def test_probability_is_the_posterior_of_the_mixture(share, stray):
    """The probability that a row is wrong is lambda B / ((1 - lambda) A + lambda B)."""
    rng = np.random.default_rng(1)
    natural, _ = _sample(40_000, share, rng)
    planted, _ = _sample(40_000, 1 - stray, rng)
    grid = np.linspace(0.1, 0.9, 17)
    truth = share * 2 * grid / (share * 2 * grid + (1 - share) * 2 * (1 - grid))
    model = Unmixed.fit(natural, planted)
    # Beyond 0.9 an extreme of a twentieth of the rows averages over densities that differ much.
    assert np.abs(model(grid) - truth).max() < 0.12
    assert abs(model(natural).mean() - share) < 0.06


def test_rows_without_errors_are_left_alone():
    """Where no natural row reaches the scores of planted errors, hardly a row is held for wrong."""
    rng = np.random.default_rng(2)
    natural, planted = rng.beta(1, 12, 5_000), rng.beta(12, 1, 5_000)
    model = Unmixed.fit(natural, planted)
    assert model(natural).mean() < 0.005


@given(st.integers(0, 10_000), st.floats(0.0, 0.45), st.integers(0, 200))
@settings(max_examples=40, deadline=None)
def test_probabilities_rise_with_the_score(seed, share, n):
    """Whatever the samples, probabilities lie in 0..1 and never fall as the score rises."""
    rng = np.random.default_rng(seed)
    natural, _ = _sample(n, share, rng)
    planted, _ = _sample(100, 0.9, rng)
    p = Unmixed.fit(natural, planted)(np.linspace(0, 1, 101))
    assert ((p >= 0) & (p <= 1)).all()
    assert (np.diff(p) >= -1e-12).all()


def test_too_few_rows_say_nothing():
    """With fewer than 30 scores on a side no row is held for wrong."""
    assert Unmixed.fit(np.full(29, 0.9), np.full(500, 0.9))(np.array([1.0])) == 0.0


def test_recovered_is_the_share_of_right_ones():
    """Probabilities stay below the true share of right candidates of a score, and come near it."""
    rng = np.random.default_rng(3)
    scores = rng.random(20_000)
    model = Recovered.fit(scores, rng.random(20_000) < scores)
    grid = np.linspace(0.1, 0.9, 9)
    assert np.abs(model(grid) - grid).max() < 0.1
    assert (model(grid) - grid).mean() < 0.0


def test_recovered_needs_evidence():
    """Five right candidates out of five prove little: below 30 nothing is accepted."""
    assert Recovered.fit(np.full(5, 0.99), np.ones(5, bool))(np.array([0.99])) == 0.0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=30, max_size=120))
@settings(max_examples=40, deadline=None)
def test_recovered_rises_with_the_score(pairs):
    """Whatever was recovered, a higher score never means a lower probability."""
    scores, right = (np.array(column) for column in zip(*pairs, strict=True))
    p = Recovered.fit(scores.astype(float), right)(np.linspace(0, 1, 51))
    assert (np.diff(p) >= -1e-12).all()
    assert ((p >= 0) & (p <= 1)).all()
