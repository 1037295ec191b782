"""WeightedKNNShapley equals the enumeration of its own game, with weights rounded and as they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from neighbours import METRICS, coarse, enumerated, far, larger, near, problems, sparse
from truth import shapley

from assay import AssayError, Data, Problem, WeightedKNNShapley, value

WEIGHTS = {"inverse": lambda d: 1 / (1 + d), "rbf": lambda d: np.exp(-(d**2) / 2)}


def values(problem: Problem, **how) -> np.ndarray:
    """The values to each judge, (n, m)."""
    return value(problem, WeightedKNNShapley(per_valid=True, **how), progress=False).per_valid


def truth(problem: Problem, k: int, weights: str, bits: int | None, metric: str = "euclidean") -> np.ndarray:
    """From all coalitions of the vote, judge by judge: each has its own unit of distance."""
    columns = []
    for judge in range(len(problem.valid)):
        alone = Problem(problem.train, problem.valid.take(np.array([judge])))
        all_far = np.sort(far(np.asarray(problem.train.X, float), alone.valid.X[0], metric))
        unit = all_far[min(k, problem.n) - 1] or min(all_far[all_far > 0], default=1.0)

        def worth(y, label, far, unit=unit):
            w = WEIGHTS[weights](far[:k] / unit)
            w = w if bits is None else np.rint(w * (2**bits - 1))
            vote = (w * np.where(y[:k] == label, 1, -1)).sum()
            return 0.5 if abs(vote) < 1e-12 else float(vote > 0)

        columns.append(enumerated(alone, worth, shapley, metric)[:, 0])
    return np.array(columns).T


@given(problems(), st.integers(1, 8), st.sampled_from(["inverse", "rbf"]), st.sampled_from([1, 2, 3, 8]))
def test_rounded_weights_equal_enumeration(problem, k, weights, bits):
    """Tables of sums are exact: ties of distance and of votes, equal rows, fewer rows than neighbours."""
    got = values(problem, k=k, weights=weights, bits=bits)
    np.testing.assert_allclose(got, truth(problem, k, weights, bits), atol=1e-12)


@given(problems(), st.integers(1, 8), st.sampled_from(["inverse", "rbf"]))
def test_weights_as_they_are_equal_enumeration(problem, k, weights):
    """So are the sets of at most k rows."""
    got = values(problem, k=k, weights=weights, bits=None)
    np.testing.assert_allclose(got, truth(problem, k, weights, None), atol=1e-12)


@given(problems(most=5), st.integers(1, 6), st.sampled_from(["cosine", "manhattan"]))
def test_other_metrics_equal_enumeration(problem, k, metric):
    """By the cosine and by absolute differences too."""
    got = values(problem, k=k, metric=metric, bits=8)
    np.testing.assert_allclose(got, truth(problem, k, "inverse", 8, metric), atol=1e-12)


@given(problems(st.sampled_from([0, 1, 2]), width=3, most=5), st.integers(1, 6), st.sampled_from([None, 3]))
def test_several_labels_equal_enumeration(problem, k, bits):
    """With several labels a row, worths are means over them."""
    got = values(problem, k=k, bits=bits)
    np.testing.assert_allclose(got, truth(problem, k, "inverse", bits), atol=1e-12)


@pytest.mark.parametrize(("n", "k"), [(50, 1), (60, 3), (45, 5), (20, 30)])
def test_tables_and_sets_agree_beyond_enumeration(n, k):
    """Weights that are multiples of 1/7 need no rounding: both ways give the same values."""
    problem = larger(n, 6, 2)

    def weigh(distances):
        return np.rint(7 / (1 + distances)) / 7

    by_sets, by_sums = (values(problem, k=k, weights=weigh, bits=bits) for bits in (None, 3))
    np.testing.assert_allclose(by_sums, by_sets, atol=1e-12)


@pytest.mark.parametrize("k", [1, 5, 25])
def test_values_share_out_the_worth_of_all_rows(k):
    """Efficiency at thousands of rows: to each judge, values sum to the worth of all less that of none."""
    problem = larger(2500, 7, 3)
    got = values(problem, k=k, bits=4).sum(axis=0)
    for judge, (x, label) in enumerate(zip(problem.valid.X, problem.valid.y, strict=True)):
        order, distances = near(problem.train.X, x)[:k], np.sort(far(problem.train.X, x))[:k]
        votes = np.rint(15 / (1 + distances / distances[-1])) * np.where(
            problem.train.y[order] == label, 1, -1
        )
        worth = 0.5 if votes.sum() == 0 else float(votes.sum() > 0)
        assert got[judge] == pytest.approx(worth - 0.5, abs=1e-11)


def test_larger_problems_equal_random_orders():
    """At 300 rows, values are within the error of the mean gains over random orders of joining."""
    rng, k, n, draws = np.random.default_rng(3), 4, 300, 4000
    problem = larger(n, 1, 2)
    got = values(problem, k=k, bits=3)[:, 0]
    x, label = problem.valid.X[0], problem.valid.y[0]
    distances = far(problem.train.X, x)
    weights = np.rint(7 / (1 + distances / np.sort(distances)[k - 1]))
    votes = weights * np.where(problem.train.y == label, 1, -1)
    gains = np.zeros((draws, n))
    for gain in gains:
        nearest, before = [], 0.5
        for i in rng.permutation(n):
            nearest = sorted([*nearest, (distances[i], votes[i])])[:k]
            after = (np.sign(sum(vote for _, vote in nearest)) + 1) / 2
            gain[i], before = after - before, after
    mean, error = gains.mean(axis=0), gains.std(axis=0) / np.sqrt(draws)
    close = np.argsort(distances)[:60]
    assert (np.abs(mean - got)[close] < 4.5 * error[close] + 1e-3).all()
    assert np.abs(mean - got).mean() < 2 * error.mean()


@pytest.mark.parametrize("bits", [1, 3, 5])
def test_rounding_changes_the_game_by_less_the_more_bits(bits):
    """Values for rounded weights come to those for weights as they are."""
    problem = larger(40, 30, 2)
    plain = values(problem, k=3, bits=None)
    errors = [np.abs(values(problem, k=3, bits=b) - plain).mean() for b in (bits, 8)]
    assert errors[1] < errors[0]
    assert errors[1] < 0.02 * np.abs(plain).mean()


def test_equal_rows_on_different_sides_cancel():
    """Copies of one row with both labels, far from the origin, weigh the same to the last bit: a tie."""
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(6, 5)) * 1e3 + 1e6, 2, axis=0)
    problem = Problem(Data(X, np.tile([0, 1], 6)), Data(rng.normal(size=(3, 5)) * 1e3 + 1e6, [0, 1, 0]))
    for bits in (None, 3):
        np.testing.assert_allclose(values(problem, k=2, bits=bits).sum(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_sparse_and_float32_rows_are_worth_the_same(metric):
    """CSR and float32 rows that hold the same numbers have the same values."""
    problem = coarse(300, 12, 12)
    dense = values(problem, metric=metric)
    for other in (sparse(problem), sparse(problem, np.float32)):
        np.testing.assert_allclose(values(other, metric=metric), dense, atol=1e-14)


def test_numbers_and_too_many_sets_are_refused():
    """Labels that are numbers cannot vote; weights as they are, are for few rows: 66 where k is 5."""
    assert np.isfinite(values(larger(66, 1, 1), bits=None)).all()
    with pytest.raises(AssayError, match="these labels are numbers; use KNNShapley"):
        value(larger(9, 2, 1, "numbers"), WeightedKNNShapley(), progress=False)
    with pytest.raises(AssayError, match=r"bits is None, and 67 rows have 1e\+07 sets of at most 5; "):
        value(larger(67, 1, 1), WeightedKNNShapley(bits=None), progress=False)


@pytest.mark.parametrize("weigh", [lambda d: d, lambda d: -d, lambda d: 0.5, lambda d: d * np.nan])
def test_weights_are_checked(weigh):
    """What a function of one's own returns has to be one weight in 0..1 for every row."""
    with pytest.raises(AssayError, match=r"^WeightedKNNShapley\.weights returned .* in 0\.\.1\.$"):
        value(larger(9, 2, 1), WeightedKNNShapley(k=2, weights=weigh), progress=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0},
        {"k": True},
        {"metric": "l2"},
        {"weights": "uniform"},
        {"weights": [1.0]},
        {"bits": 0},
        {"bits": 9},
        {"bits": 2.0},
    ],
)
def test_settings_are_checked(wrong):
    """A wrong setting is refused, when made and when set later."""
    (name,) = wrong
    with pytest.raises(AssayError, match=rf"^WeightedKNNShapley\.{name} is "):
        WeightedKNNShapley(**wrong)
    with pytest.raises(AssayError, match=rf"^WeightedKNNShapley\.{name} is "):
        value(larger(5, 2, 1), WeightedKNNShapley().set_params(**wrong), progress=False)
