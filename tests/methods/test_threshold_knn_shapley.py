"""ThresholdKNNShapley equals the enumeration of its own game; its release is as private as it says."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from neighbours import CLASSES, METRICS, NUMBERS, coarse, enumerated, far, larger, problems, sparse
from scipy.integrate import quad
from scipy.stats import kstest, norm
from truth import shapley

from assay import AssayError, Data, Problem, ThresholdKNNShapley, value
from assay.methods.neighbors._gaussian import noise_multiplier
from assay.methods.neighbors._labels import Labels
from assay.methods.neighbors._space import Space
from assay.methods.neighbors._threshold import Within, counted, of_vote


def values(problem: Problem, **how) -> np.ndarray:
    """The values to each judge, (n, m)."""
    return value(problem, ThresholdKNNShapley(per_valid=True, **how), progress=False).per_valid


def worth(threshold: float, problem: Problem):
    """The share of hits within the threshold, or minus the squared error of the mean label there."""
    numbers = problem.target_kind == "number"
    guess = None if numbers else 1 / len(problem.classes)

    def of(y, label, far):
        y = y[far <= threshold]
        if numbers:
            return -(((y.mean() if len(y) else 0.0) - label) ** 2)
        return (y == label).mean() if len(y) else guess

    return of


THRESHOLDS = st.sampled_from([0.3, 1.0, math.sqrt(2), math.sqrt(3), 2.0, 9.0])


@given(problems(), THRESHOLDS, st.sampled_from(METRICS))
def test_classes_equal_enumeration(problem, threshold, metric):
    """Every value to every judge is exact, rows right on the threshold included, by any metric."""
    truth = enumerated(problem, worth(threshold, problem), shapley, metric)
    np.testing.assert_allclose(values(problem, threshold=threshold, metric=metric), truth, atol=1e-12)


@given(problems(NUMBERS), THRESHOLDS)
def test_numbers_equal_enumeration(problem, threshold):
    """The mean label within the threshold in place of the hits: exact too."""
    truth = enumerated(problem, worth(threshold, problem), shapley)
    np.testing.assert_allclose(values(problem, threshold=threshold), truth, atol=1e-11)


@pytest.mark.parametrize("labels", [st.sampled_from([0, 1, 2]), NUMBERS])
def test_several_labels_equal_enumeration(labels):
    """With several labels a row, worths are means over them."""

    @given(problems(labels, width=3, most=5), THRESHOLDS)
    def check(problem, threshold):
        truth = enumerated(problem, worth(threshold, problem), shapley)
        np.testing.assert_allclose(values(problem, threshold=threshold), truth, atol=1e-11)

    check()


@pytest.mark.parametrize("labels", ["classes", "numbers", "several"])
@pytest.mark.parametrize("metric", METRICS)
def test_values_share_out_the_worth_of_all_rows(labels, metric):
    """Efficiency beyond enumeration: to each judge, values sum to the worth of all less that of none."""
    problem = larger(900, 37, 3, labels)
    worths = worth(0.9, problem)
    got = values(problem, threshold=0.9, metric=metric).sum(axis=0)
    for judge, (x, label) in enumerate(zip(problem.valid.X, problem.valid.y, strict=True)):
        distances, y = far(problem.train.X, x, metric), problem.train.y.reshape(900, -1).T
        pairs = zip(y, np.atleast_1d(label), strict=True)
        gains = [worths(column, t, distances) - worths(column[:0], t, distances[:0]) for column, t in pairs]
        assert got[judge] == pytest.approx(np.mean(gains), abs=1e-11)


@pytest.mark.parametrize("metric", METRICS)
def test_the_usual_threshold_is_the_tenth_nearest_row_of_the_median_judge(metric):
    """Where none is given; the row that sets it is within it."""
    problem = larger(400, 101, 5)
    tenth = [np.sort(far(problem.train.X, x, metric))[9] for x in problem.valid.X[:100]]
    few = Problem(problem.train, problem.valid.take(np.arange(100)))
    given_at = values(few, threshold=float(np.sort(tenth)[49]) + 1e-11, metric=metric)
    np.testing.assert_array_equal(values(few, metric=metric), given_at)
    assert np.isfinite(values(Problem(problem.train.take(np.arange(4)), problem.valid), metric=metric)).all()


def test_equal_rows_are_on_one_side_of_the_threshold():
    """Copies right at the threshold, far from the origin, are all within it, and not a hair below."""
    rng = np.random.default_rng(0)
    row, judge = rng.normal(size=12) * 1e3 + 1e5, rng.normal(size=12) * 1e3 + 1e5
    X = np.concatenate([np.tile(row, (500, 1)), rng.normal(size=(500, 12)) * 1e4 + 1e5])
    problem = Problem(Data(X, np.arange(1000) % 2), Data(judge[None], [1]))
    at = far(row[None], judge)[0]
    on, below = (values(problem, threshold=t)[:500, 0] for t in (at, at * (1 - 1e-13)))
    assert (on != 0).all()
    assert (below == 0).all()


@pytest.mark.parametrize("metric", METRICS)
def test_sparse_and_float32_rows_are_worth_the_same(metric):
    """CSR and float32 rows that hold the same numbers have the same values."""
    problem = coarse(300, 20, 12)
    dense = values(problem, metric=metric)
    for other in (sparse(problem), sparse(problem, np.float32)):
        np.testing.assert_allclose(values(other, metric=metric), dense, atol=1e-14)


@pytest.mark.parametrize(("epsilon", "delta"), [(0.1, 1e-6), (1.0, 1e-5), (8.0, 1e-3), (30.0, 0.5)])
def test_noise_is_calibrated_to_the_privacy_asked_for(epsilon, delta):
    """The divergence of two normals one apart, integrated, is delta; a little less noise exceeds it."""

    def divergence(sigma):
        least = 0.5 + sigma**2 * epsilon  # where the one density is e**epsilon times the other

        def excess(x):
            return norm.pdf(x, 1, sigma) - math.exp(epsilon) * norm.pdf(x, 0, sigma)

        return quad(excess, least, max(least, 1) + 12 * sigma, epsabs=0, epsrel=1e-9, limit=500)[0]

    sigma = noise_multiplier(epsilon, delta)
    assert divergence(sigma) == pytest.approx(delta, rel=1e-5)
    assert divergence(0.99 * sigma) > delta
    assert epsilon > 1 or sigma < math.sqrt(2 * math.log(1.25 / delta)) / epsilon


@pytest.mark.parametrize("labels", ["classes", "several"])
def test_one_row_moves_the_counts_by_what_the_noise_is_for(labels):
    """Taking any row away moves the counts by at most the root of judges x labels; a row near all, by it."""
    problem = larger(30, 8, 2, labels)
    width = problem.train.y.reshape(30, -1).shape[1]
    for threshold in (0.5, 99.0):
        within = Within(Space.of(problem.train, problem.valid, "euclidean"), threshold)
        whole = counted(within, Labels.of(problem))
        for i in range(30):
            less = replace(problem, train=problem.train.take(np.delete(np.arange(30), i)))
            space = Space.of(less.train, less.valid, "euclidean")
            moved = whole - counted(Within(space, threshold), Labels.of(less))
            bound = math.sqrt(8 * width)
            assert np.linalg.norm(moved) == bound if threshold == 99 else np.linalg.norm(moved) <= bound


def test_released_counts_have_the_noise_that_was_calibrated():
    """Values are made of the true counts plus normal noise of that variance, other for every count."""
    epsilon, delta, m = 1.0, 1e-5, 400
    rng = np.random.default_rng(1)
    problem = Problem(
        Data(rng.random((4001, 1)), np.arange(4001) % 2), Data(rng.random((m, 1)), np.zeros(m, int))
    )
    within, labels = Within(Space.of(problem.train, problem.valid, "euclidean"), 9.0), Labels.of(problem)
    method = ThresholdKNNShapley(threshold=9.0, epsilon=epsilon, delta=delta)
    counts = method._private_counts(within, labels, np.random.default_rng(2))
    noise = (counts - counted(within, labels)).ravel()
    scale = math.sqrt(m) * noise_multiplier(epsilon, delta)
    assert abs(noise.std() / scale - 1) < 4 / math.sqrt(2 * noise.size)
    assert abs(noise.mean()) < 4 * scale / math.sqrt(noise.size)
    assert kstest(noise / scale, "norm").pvalue > 0.001
    several = replace(
        labels, train=np.tile(labels.train[:, None], 9), valid=np.tile(labels.valid[:, None], 9)
    )
    counts_of_nine = method._private_counts(within, several, np.random.default_rng(3))
    spread = (counts_of_nine - counted(within, several)).std()
    assert spread / (3 * scale) == pytest.approx(1, abs=4 / math.sqrt(2 * counts_of_nine.size))
    hit, miss = counts[:, 0].T
    got = value(problem, method.set_params(per_valid=True), seed=2, progress=False).per_valid
    np.testing.assert_allclose(
        got[0], [of_vote(1.0, max(h - 1, 0), w, 0.5) for h, w in zip(hit, miss, strict=True)]
    )
    np.testing.assert_allclose(
        got[1], [of_vote(0.0, h, max(w - 1, 0), 0.5) for h, w in zip(hit, miss, strict=True)]
    )


def test_little_noise_gives_the_plain_values():
    """With a huge epsilon, counts round to the true ones, and values are those without privacy."""
    problem = larger(200, 9, 2, "several")
    plain, private = values(problem, threshold=1.0), values(problem, threshold=1.0, epsilon=1e6, delta=0.5)
    np.testing.assert_allclose(private, plain, atol=1e-12)


def test_a_private_value_is_made_of_the_counts_and_the_row_alone():
    """Hits within the threshold all have one value to a judge, misses one other, rows beyond it none."""
    problem = larger(600, 9, 2)
    got = values(problem, threshold=1.5, epsilon=1.0, delta=1e-5)
    for judge, (x, label) in enumerate(zip(problem.valid.X, problem.valid.y, strict=True)):
        near, hit = far(problem.train.X, x) <= 1.5, problem.train.y == label
        assert (got[~near, judge] == 0).all()
        assert len(set(got[near & hit, judge])) == len(set(got[near & ~hit, judge])) == 1
    assert np.abs(got).max() <= 1


@given(problems(CLASSES), st.integers(0, 5))
def test_any_noise_leaves_values_finite(problem, seed):
    """Few rows and much noise: counts stop at 0, and values stay within -1 and 1."""
    method = ThresholdKNNShapley(threshold=1.0, epsilon=0.01, delta=1e-9)
    got = value(problem, method, seed=seed, progress=False).values
    assert np.abs(got).max() <= 1


def test_private_values_are_refused_without_judges_or_bounds():
    """Rows that judge one another, labels that are numbers, and a threshold made of the rows are refused."""
    private = ThresholdKNNShapley(threshold=1.0, epsilon=1.0, delta=1e-5)
    problem = larger(50, 5, 2)
    with pytest.raises(AssayError, match="needs rows that judge and are not valued"):
        value(replace(problem, valid=None), private, progress=False)
    with pytest.raises(AssayError, match="labels are numbers"):
        value(larger(50, 5, 2, "numbers"), private, progress=False)
    with pytest.raises(AssayError, match=r"threshold is not given"):
        ThresholdKNNShapley(epsilon=1.0, delta=1e-5)
    for one in ({"epsilon": 1.0}, {"delta": 0.1}):
        with pytest.raises(AssayError, match="one of epsilon and delta"):
            ThresholdKNNShapley(threshold=1.0, **one)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"threshold": t} for t in (0, -1.0, math.nan, math.inf, True, "1")),
        *({"epsilon": e} for e in (0, -1.0, math.nan, math.inf)),
        *({"delta": d} for d in (0, 1, 1.0, math.nan)),
        {"metric": "l2"},
    ],
)
def test_settings_are_checked(wrong):
    """What is no distance, privacy or metric is refused, when made and when set later."""
    (name,) = wrong
    with pytest.raises(AssayError, match=rf"^ThresholdKNNShapley\.{name} is "):
        ThresholdKNNShapley(**wrong)
    with pytest.raises(AssayError, match=rf"^ThresholdKNNShapley\.{name} is "):
        value(larger(5, 2, 1), ThresholdKNNShapley().set_params(**wrong), progress=False)
