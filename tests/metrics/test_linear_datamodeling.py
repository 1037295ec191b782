"""The linear datamodeling score agrees with scipy, and with theory."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from assay import AssayError
from assay.metrics import linear_datamodeling_score as lds
from assay.metrics._ranks import Sorted, spearman


def case(n=12, s=40, m=7, seed=0, levels=4):
    """Scores, subsets and outputs with many ties."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(-levels, levels + 1, (n, m)).astype(float)
    subsets = rng.random((s, n)) < 0.5
    outputs = np.round(subsets @ scores + rng.normal(scale=3, size=(s, m)))
    return scores, subsets, outputs


@pytest.mark.parametrize("seed", range(5))
def test_equals_scipy(seed):
    """Each query's score is scipy's Spearman correlation, ties and all, and the value is their mean."""
    scores, subsets, outputs = case(seed=seed)
    found = lds(scores, subsets, outputs, resamples=50)
    truth = [spearmanr(subsets @ scores[:, q], outputs[:, q]).statistic for q in range(7)]
    np.testing.assert_allclose(found.per_query, truth, atol=1e-12)
    assert found.value == pytest.approx(np.mean(truth), abs=1e-12)
    assert (found.silent, found.unvarying) == (0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_ranks_of_drawn_lines_equal_scipy(seed):
    """Counting lines gives the correlation of the lines written out as often as they were drawn."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 6, (2, 30, 5)).astype(float)
    drawn = rng.integers(30, size=30)
    counts = np.bincount(drawn, minlength=30).astype(float)
    found = spearman(Sorted.of(a), Sorted.of(b), counts)
    truth = [spearmanr(a[drawn, q], b[drawn, q]).statistic for q in range(5)]
    np.testing.assert_allclose(found, truth, atol=1e-12)


def test_sums_that_differ_by_rounding_only_are_ties():
    """Scores of .1, .2 and .3 tie where the sums are equal on paper, whatever the order of addition."""
    scores = np.array([[0.1], [0.2], [0.3], [0.0]])
    subsets = np.array([[1, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 1, 1]])
    outputs = np.array([[1.0], [1.0], [0.0], [3.0]])
    assert lds(scores, subsets, outputs).value == pytest.approx(1.0, abs=1e-12)


def test_constant_columns_are_counted():
    """Attributions that say nothing count as 0, constant outputs do not count, both are reported."""
    scores, subsets, outputs = case()
    scores[:, 0], outputs[:, 1] = 0.0, 2.5
    found = lds(scores, subsets, outputs)
    assert (found.silent, found.unvarying) == (1, 1)
    assert found.per_query[0] == 0
    assert np.isnan(found.per_query[1])
    assert found.value == pytest.approx(np.nanmean(found.per_query))
    assert np.isfinite([found.low, found.high, found.stderr]).all()


def test_invariances():
    """Monotone outputs, a factor and an offset a query change nothing; the opposite gives the opposite."""
    scores, subsets, outputs = case(levels=1000)
    once = lds(scores, subsets, outputs)
    same = lds(2.0 * scores, subsets, np.exp(outputs / 1000) + np.arange(7))
    np.testing.assert_allclose(same.per_query, once.per_query, atol=1e-12)
    assert lds(-scores, subsets, outputs).value == pytest.approx(-once.value)


def test_the_interval_covers():
    """A 95% interval holds the score of endless queries and subsets in at least 90 of 100 worlds."""
    rng = np.random.default_rng(0)
    truth = []
    for _ in range(20):
        part = rng.normal(size=(10, 200))
        subsets = rng.random((400, 10)) < 0.5
        truth.append(
            lds(part, subsets, subsets @ part + rng.normal(scale=2, size=(400, 200)), resamples=50).value
        )
    true, covered = float(np.mean(truth)), 0
    for _ in range(100):
        part = rng.normal(size=(10, 15))
        subsets = rng.random((30, 10)) < 0.5
        found = lds(part, subsets, subsets @ part + rng.normal(scale=2, size=(30, 15)), resamples=80)
        covered += found.low <= true <= found.high
    assert covered >= 90


def test_same_seed_same_interval():
    """The bootstrap draws from its seed alone."""
    a, b, c = (lds(*case(), resamples=60, seed=seed) for seed in (1, 1, 2))
    assert (a.low, a.high) == (b.low, b.high) != (c.low, c.high)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": np.zeros(3)}, "scores has shape"),
        ({"scores": np.full((12, 7), np.nan)}, "missing or infinite"),
        ({"scores": [["a"]]}, "numbers only"),
        ({"subsets": np.zeros((40, 11), bool)}, "subsets has shape"),
        ({"subsets": np.full((40, 12), 2)}, "True or False"),
        ({"outputs": np.zeros((40, 6))}, "outputs has shape"),
        ({"outputs": np.zeros((40, 7))}, "no output varies"),
        ({"resamples": 10}, "resamples is 10"),
        ({"seed": -1}, "seed is -1"),
        ({"subsets": np.zeros((2, 12), bool), "outputs": np.zeros((2, 7))}, "2 subsets"),
    ],
)
def test_refuses(change, message):
    """What cannot be judged is refused, by the name of the function and of the argument."""
    given = dict(zip(("scores", "subsets", "outputs"), case(), strict=True)) | change
    with pytest.raises(AssayError, match=f"^linear_datamodeling_score: .*{message}"):
        lds(**given)
